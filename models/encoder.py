"""From the model's inputs to one vector per document."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from data.features import Feature
from data.features import Scope
from data.transformed import NUMERIC
from data.transformed import TransformedSpec
from models.places import Places


class DocumentEncoder(tf.keras.layers.Layer):
    """Concatenates a document's numbers, its embeddings, and those of its context.

    Input: the model inputs of `data.transformed.to_model_inputs`, and the places of the documents.
    Output: `[n_rows, dim]`, one row per place.
    """

    def __init__(self, transformed: TransformedSpec, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._columns = transformed.columns
        sizes = transformed.cardinalities
        self._tables = {
            f.name: tf.keras.layers.Embedding(sizes[f.name], f.embedding_dim, name=f"embedding_{i}")
            for i, f in enumerate(f for f in transformed.spec.features if f.categorical)
        }
        self.built = True  # it has no weights but the tables', however it is used

    def call(self, inputs: Mapping[str, tf.Tensor], places: Places) -> tf.Tensor:
        """Encodes one batch; see the class."""
        parts = self.parts(inputs, places)
        return tf.concat(list(parts.values()), axis=1)  # [n_rows, dim]

    def parts(self, inputs: Mapping[str, tf.Tensor], places: Places) -> dict[str, tf.Tensor]:
        """Returns the vectors by column, each `[n_rows, dim of the column]`."""
        document = self.of_scope(Scope.DOCUMENT, inputs, places)
        context = self.of_scope(Scope.CONTEXT, inputs, places)
        spread = {name: places.spread(vectors) for name, vectors in context.items()}
        return {c.name: (document | spread)[c.name] for c in self._columns}

    def of_scope(
        self, scope: Scope, inputs: Mapping[str, tf.Tensor], places: Places
    ) -> dict[str, tf.Tensor]:
        """Returns the vectors of one scope by column.

        Those of documents are `[n_rows, dim]`, those of the context `[batch_size, dim]`.
        """
        parts = {}
        for column in self._columns:
            if column.scope is scope:
                values = inputs[column.name]
                rows = places.rows(values) if scope is Scope.DOCUMENT else values
                parts[column.name] = self._vectors(rows, column)
        return parts

    def _vectors(self, values: tf.Tensor, column: Feature) -> tf.Tensor:
        if column.name in NUMERIC.values():
            return tf.cast(values, self.compute_dtype)
        # Several ids per row are averaged; id 0, a missing value, counts for nothing.
        known = tf.cast(values > 0, self.compute_dtype)[..., tf.newaxis]
        vectors = self._tables[column.name](values) * known
        return tf.math.divide_no_nan(tf.reduce_sum(vectors, 1), tf.reduce_sum(known, 1))
