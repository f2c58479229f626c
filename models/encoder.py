"""From the model's inputs to one vector per document."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from data.features import Feature
from data.features import Scope
from data.transformed import NUMERIC
from data.transformed import TransformedSpec
from models.embedding.combine import combine
from models.embedding.fused import FusedTable
from models.embedding.keyed import KeyTables
from models.places import Places

STDDEV = 0.03
"""Of initial embeddings: that of Keras' uniform numbers from -0.05 to 0.05."""


class DocumentEncoder(tf.keras.layers.Layer):
    """Concatenates a document's numbers, its embeddings, and those of its context.

    Input: the model inputs of `data.transformed.to_model_inputs`, and the places of the documents.
    Output: `[n_rows, dim]`, one row per place.
    """

    def __init__(self, transformed: TransformedSpec, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._columns = transformed.columns
        sizes = transformed.cardinalities
        ids = [f for f in transformed.spec.features if f.categorical]
        self._tables = {
            f.name: tf.keras.layers.Embedding(sizes[f.name], f.embedding_dim, name=f"embedding_{i}")
            for i, f in enumerate(ids)
            if f.plain
        }
        self._keys = KeyTables([f for f in ids if f.keyed], stddev=STDDEV)
        groups: dict[tuple[str, int], list[Feature]] = {}
        for f in ids:
            if not (f.plain or f.keyed):
                groups.setdefault((f.table or f" {f.name}", f.embedding_dim), []).append(f)
        self._fused = {}
        for i, ((_, dim), group) in enumerate(groups.items()):
            table = FusedTable(
                group, sizes, dim=dim, stddev=STDDEV, dense_rows=0, name=f"table_{i}"
            )
            self._fused.update({f.name: table for f in group})
        self.built = True  # it has no weights but the tables', however it is used

    def starts(self) -> list[tuple[tf.Variable, dict[str, int]]]:
        """Returns the tables of columns that share none."""
        return [(table.embeddings, {name: 1}) for name, table in self._tables.items()]

    def call(
        self, inputs: Mapping[str, tf.Tensor], places: Places, training: bool | None = None
    ) -> tf.Tensor:
        """Encodes one batch; see the class. In training new keys may get rows."""
        parts = self.parts(inputs, places, training=training)
        return tf.concat(list(parts.values()), axis=1)  # [n_rows, dim]

    def parts(
        self, inputs: Mapping[str, tf.Tensor], places: Places, *, training: bool | None = None
    ) -> dict[str, tf.Tensor]:
        """Returns the vectors by column, each `[n_rows, dim of the column]`."""
        document = self.of_scope(Scope.DOCUMENT, inputs, places, training=training)
        context = self.of_scope(Scope.CONTEXT, inputs, places, training=training)
        spread = {name: places.spread(vectors) for name, vectors in context.items()}
        return {c.name: (document | spread)[c.name] for c in self._columns}

    def of_scope(
        self,
        scope: Scope,
        inputs: Mapping[str, tf.Tensor],
        places: Places,
        *,
        training: bool | None = None,
    ) -> dict[str, tf.Tensor]:
        """Returns the vectors of one scope by column.

        Those of documents are `[n_rows, dim]`, those of the context `[batch_size, dim]`.
        """
        parts, keys = {}, {}
        for column in self._columns:
            if column.scope is scope:
                values = inputs[column.name]
                rows = places.rows(values) if scope is Scope.DOCUMENT else values
                if column.keyed:
                    keys[column.name] = rows
                else:
                    parts[column.name] = self._vectors(rows, column)
        return parts | self._keys(keys, training=training) if keys else parts

    def _vectors(self, values: tf.Tensor, column: Feature) -> tf.Tensor:
        if column.name in NUMERIC.values():
            return tf.cast(values, self.compute_dtype)
        if column.name in self._fused:
            return self._fused[column.name]({column.name: values})[:, 0]
        # Id 0, a missing value, counts for nothing.
        return combine(self._tables[column.name](values), values > 0, column.combiner)
