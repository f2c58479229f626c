"""From the model's inputs to one vector per real document, without padding."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from data.features import Feature
from data.features import Scope
from data.transformed import MASK
from data.transformed import NUMERIC
from data.transformed import TransformedSpec


class DocumentEncoder(tf.keras.layers.Layer):
    """Concatenates a document's numbers, its embeddings, and those of its context.

    Only real documents are encoded, so that batch normalisation sees no padding and no work is
    spent on it.

    Input: the model inputs of `data.transformed.to_model_inputs`.
    Output: `[n_documents, dim]`, the documents of the batch one after the other.
    """

    def __init__(self, transformed: TransformedSpec, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._columns = transformed.columns
        dims = {f.name: f.embedding_dim for f in transformed.spec.features}
        self._tables = {
            name: tf.keras.layers.Embedding(size, dims[name], name=f"embedding_{i}")
            for i, (name, size) in enumerate(transformed.cardinalities.items())
        }

    def call(self, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Encodes one batch; see the class."""
        mask = inputs[MASK]
        list_of_document = tf.where(mask)[:, 0]
        parts = []
        for column in self._columns:
            values = inputs[column.name]
            if column.scope is Scope.DOCUMENT:
                rows = self._vectors(tf.boolean_mask(values, mask), column)
            else:
                rows = tf.gather(self._vectors(values, column), list_of_document)
            parts.append(rows)
        return tf.concat(parts, axis=1)  # [n_documents, dim]

    def _vectors(self, values: tf.Tensor, column: Feature) -> tf.Tensor:
        if column.name in NUMERIC.values():
            return values
        # Several ids per row are averaged; id 0, a missing value, counts for nothing.
        known = tf.cast(values > 0, self.compute_dtype)[..., tf.newaxis]
        vectors = self._tables[column.name](values) * known
        return tf.math.divide_no_nan(tf.reduce_sum(vectors, 1), tf.reduce_sum(known, 1))


def to_lists(scores: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Puts the scores of real documents `[n_documents]` at their places `[batch_size, list_size]`.

    Places without a document get 0.
    """
    return tf.scatter_nd(tf.where(mask), scores, tf.shape(mask, out_type=tf.int64))
