"""A sparse table as a Keras layer."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from models.sparse.lookup import Combiner
from models.sparse.lookup import Ids
from models.sparse.lookup import Table
from models.sparse.lookup import combine
from models.sparse.lookup import sparse_lookup
from models.sparse.table import SparseTable


class SparseEmbedding(tf.keras.layers.Layer):
    """Looks ids up in a sparse table; in training they are counted and may get rows.

    Input: ids, dense, ragged or sparse, integers or strings as the table's keys are; or a pair of
    them and the time of the batch. Several layers may share a table.
    Output: a vector per id, or without the last axis of the ids where a combiner is given.

    Args:
      table: The table.
      combiner: How the vectors along the last axis of the ids become one.
    """

    def __init__(
        self, table: SparseTable, combiner: Combiner | str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.table: Table = table
        self._combiner = None if combiner is None else Combiner(combiner)
        self._padding = table.config.padding
        self.built = True  # it has no weights but the table's

    def call(
        self, ids: Ids, now: tf.Tensor | None = None, *, training: bool | None = None
    ) -> tf.Tensor | tf.RaggedTensor:
        """Looks up; see the class."""
        vectors = sparse_lookup(self.table, ids, train=bool(training), now=now)
        vectors = tf.cast(vectors, self.compute_dtype)
        if self._combiner is None:
            return vectors
        if isinstance(ids, tf.SparseTensor):
            ids = tf.RaggedTensor.from_sparse(ids)
        counted = tf.ones_like(ids, self.compute_dtype)
        if self._padding is not None:
            counted = tf.cast(tf.not_equal(ids, self._padding), self.compute_dtype)
        return combine(vectors, counted, self._combiner)
