"""What tells the weights that are embeddings from all others."""

from __future__ import annotations

import tensorflow as tf


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
