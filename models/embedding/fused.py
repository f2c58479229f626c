"""The embeddings of several columns in one table, looked up in one operation."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from collections.abc import Sequence

import tensorflow as tf

from data.features import Feature
from models.embedding.layer import EmbeddingLayer
from models.factors import Normal
from models.factors import Part
from models.factors import lookup


class FusedTable(EmbeddingLayer):
    """The vectors of columns of ids, all of one length, `[n_rows, n_columns, dim]`.

    The columns' tables stand one below another, so that a batch takes one lookup however many
    columns there are. Several ids of a column are averaged, and id 0, a missing value, counts for
    nothing. The weights are float32; the vectors have the precision of the layer.

    The gradient of a table of at most `dense_rows` rows is a tensor of its size: adaptive
    optimizers pass over every row in any case, and all strategies can exchange it in every way.
    That of a larger one is of the rows that were looked up, unless it is to be exchanged between
    copies of the model.

    Args:
      columns: The columns.
      sizes: For each column the number of its ids.
      dim: The length of a vector.
      stddev: The standard deviation of the initial weights.
      dense_rows: The most rows of a table with dense gradients.
    """

    def __init__(
        self,
        columns: Sequence[Feature],
        sizes: Mapping[str, int],
        *,
        dim: int,
        stddev: float,
        dense_rows: int,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.columns = tuple(column.name for column in columns)
        self.widths = tuple(column.width for column in columns)
        known = [sizes[name] - 1 for name in self.columns]  # all but id 0, which they share
        starts = list(itertools.accumulate(known, initial=0))
        self._offsets = [
            start for start, width in zip(starts, self.widths, strict=False) for _ in range(width)
        ]
        strategy = tf.distribute.get_strategy()
        servers = isinstance(strategy, tf.distribute.ParameterServerStrategy)
        copies = strategy.num_replicas_in_sync > 1 and not servers
        n_rows = 1 + starts[-1]
        self._dense = not servers and (copies or n_rows <= dense_rows)
        self._table = self.add_weight(
            "embeddings",
            [n_rows, dim],
            dtype=tf.float32,
            initializer=Normal([Part(dim, stddev)], missing=True),
            experimental_autocast=False,
        )
        self.built = True

    def call(self, values: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the vectors.

        Args:
          values: The columns' ids, each `[n_rows, width of the column]`.
        """
        ids = tf.concat([values[name] for name in self.columns], axis=1)
        known = ids > 0
        ids = tf.where(known, ids + tf.constant(self._offsets, ids.dtype), tf.zeros_like(ids))
        if self._dense:
            vectors = tf.cast(lookup(self._table, tf.cast(ids, tf.int32)), self.compute_dtype)
        else:
            vectors = tf.cast(tf.nn.embedding_lookup(self._table, ids), self.compute_dtype)
            vectors *= tf.cast(known, vectors.dtype)[..., tf.newaxis]  # row 0 stays 0
        return vectors if max(self.widths) == 1 else self._averaged(vectors, known)

    def _averaged(self, vectors: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
        counted = tf.cast(known, vectors.dtype)[..., tf.newaxis]
        means = [
            part if width == 1 else _mean(part, counts)
            for width, part, counts in zip(
                self.widths,
                tf.split(vectors, self.widths, axis=1),
                tf.split(counted, self.widths, axis=1),
                strict=True,
            )
        ]
        return tf.concat(means, axis=1)


def _mean(vectors: tf.Tensor, counts: tf.Tensor) -> tf.Tensor:
    total = tf.reduce_sum(vectors, axis=1, keepdims=True)
    return tf.math.divide_no_nan(total, tf.reduce_sum(counts, axis=1, keepdims=True))
