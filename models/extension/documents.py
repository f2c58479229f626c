"""From padded lists to real documents and back, as layers of a functional model."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from models.places import Places

Tensors = Mapping[str, tf.Tensor]


class RealDocuments(tf.keras.layers.Layer):
    """Lists to rows, one for each document; a list's context is repeated for its documents.

    No row is padding. With `static` shapes, which XLA and TPUs need, every place becomes a row, and
    the documents of a list are repeated in turn where it has none, as TF-Ranking's FlattenList
    does: batch normalisation then sees documents alone.
    """

    static = False

    def call(self, inputs: tuple[Tensors, Tensors, tf.Tensor]) -> tuple[Tensors, Tensors]:
        """Returns context and document features as rows.

        Args:
          inputs: Context features `[batch_size, ...]`, document features
            `[batch_size, list_size, ...]` and the mask `[batch_size, list_size]`.

        Returns:
          Both as `[n_rows, ...]`.
        """
        context, documents, mask = inputs
        places = Places(mask, static=self.static)
        if self.static:
            turns = _turns(mask)
            documents = {
                name: tf.gather(values, turns, axis=1, batch_dims=1)
                for name, values in documents.items()
            }
        return (
            {name: places.spread(values) for name, values in context.items()},
            {name: places.rows(values) for name, values in documents.items()},
        )


class ToLists(tf.keras.layers.Layer):
    """Logits of rows to lists; 0 where there is no document."""

    static = False

    def call(self, inputs: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """Returns `[batch_size, list_size]`, or with several logits `[batch_size, list_size, n]`.

        Args:
          inputs: Logits `[n_rows, n]` and the mask `[batch_size, list_size]`.
        """
        logits, mask = inputs
        lists = Places(mask, static=self.static).lists(tf.cast(logits, tf.float32))
        return tf.squeeze(lists, axis=2) if lists.shape[2] == 1 else lists


def fix_shapes(model: tf.keras.Model, static: bool) -> None:
    """Tells the model's layers whether shapes are fixed."""
    for part in model.submodules:
        if isinstance(part, RealDocuments | ToLists):
            part.static = static


def _turns(mask: tf.Tensor) -> tf.Tensor:
    """Returns for every place a document of its list, its own if it has one.

    >>> _turns(tf.constant([[True, True, False, False, False], [False, True, False, True, True]]))
    <tf.Tensor: shape=(2, 5), dtype=int32, numpy=
    array([[0, 1, 0, 1, 0],
           [1, 1, 3, 3, 4]], dtype=int32)>
    """
    real = tf.cast(mask, tf.int32)
    first = tf.argsort(1 - real, axis=1, stable=True)  # the documents' places, then the others
    sizes = tf.maximum(tf.reduce_sum(real, axis=1, keepdims=True), 1)
    turn = tf.math.floormod(tf.cumsum(1 - real, axis=1, exclusive=True), sizes)
    places = tf.range(tf.shape(mask)[1])[tf.newaxis]
    return tf.where(mask, places, tf.gather(first, turn, axis=1, batch_dims=1))
