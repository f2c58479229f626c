"""What tells the weights that are embeddings from all others."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Protocol
from typing import runtime_checkable

import tensorflow as tf


@runtime_checkable
class ByColumn(Protocol):
    """A layer that knows which rows of its tables belong to which column's ids."""

    def starts(self) -> Iterable[tuple[tf.Variable, Mapping[str, int]]]:
        """Returns its tables, and for each column with ids there the row of the first one, id 1."""


class EmbeddingLayer(tf.keras.layers.Layer):
    """A layer all of whose weights are embeddings."""


def embedding_variables(model: tf.Module) -> list[tf.Variable]:
    """Returns the trainable weights of a model that are embeddings, in the model's order.

    They are those of every `EmbeddingLayer` and every `tf.keras.layers.Embedding` in it.
    """
    kinds = (EmbeddingLayer, tf.keras.layers.Embedding)
    found = [layer for layer in model.submodules if isinstance(layer, kinds)]
    held = {id(variable) for layer in found for variable in layer.trainable_variables}
    return [variable for variable in model.trainable_variables if id(variable) in held]
