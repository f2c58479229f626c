"""The embeddings of several columns in one table, looked up in one operation."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

import tensorflow as tf

from data.embedding import Lookup
from data.features import Feature
from models.embedding.combine import combine
from models.embedding.layer import EmbeddingLayer
from models.embedding.rows import lay_out
from models.factors import lookup


class Initial(tf.keras.initializers.Initializer):
    """Normal numbers around 0, around 1 in rows that are factors of others; 0 in row 0.

    Args:
      stddev: Their standard deviation.
      factors: The rows that are factors.
    """

    def __init__(self, stddev: float, factors: Sequence[range] = ()) -> None:
        self._stddev, self._factors = stddev, factors

    def __call__(
        self, shape: Sequence[int], dtype: tf.DType | None = None, **shard: Sequence[int]
    ) -> tf.Tensor:
        """Returns the weights, or those of one shard of them."""
        shape, offset = shard.get("partition_shape", shape), shard.get("partition_offset", (0,))
        drawn = tf.random.normal(shape, stddev=self._stddev, dtype=dtype or tf.float32)
        rows = tf.range(offset[0], offset[0] + shape[0])[:, tf.newaxis]
        for part in self._factors:
            drawn += tf.cast((rows >= part.start) & (rows < part.stop), drawn.dtype)
        return tf.where(rows > 0, drawn, tf.zeros_like(drawn))


class FusedTable(EmbeddingLayer):
    """The vectors of columns of ids, all of one length, `[n_rows, n_columns, dim]`.

    The columns' tables stand one below another, so that a batch takes one lookup however many
    columns there are. Several ids of a column are combined as it says, and id 0, a missing value,
    counts for nothing. The weights are float32; the vectors have the precision of the layer.

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

    Raises:
      InputError: Columns that share a table differ.
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
        self._rows, n_rows, factors = lay_out(columns, sizes)
        self._simple = all(r.lookup is Lookup.FULL for r in self._rows)
        strategy = tf.distribute.get_strategy()
        servers = isinstance(strategy, tf.distribute.ParameterServerStrategy)
        copies = strategy.num_replicas_in_sync > 1 and not servers
        self._dense = not servers and (copies or n_rows <= dense_rows)
        self._table = self.add_weight(
            "embeddings",
            [n_rows, dim],
            dtype=tf.float32,
            initializer=Initial(stddev, factors),
            experimental_autocast=False,
        )
        self.built = True

    def starts(self) -> list[tuple[tf.Variable, dict[str, int]]]:
        """Returns the table and where each column's rows begin."""
        return [(self._table, {rows.name: rows.start for rows in self._rows})]

    def call(self, values: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns the vectors of the columns that there are values of, in the table's order.

        Args:
          values: The columns' ids, each `[n_rows, width of the column]`.
        """
        columns = [rows for rows in self._rows if rows.name in values]
        ids = tf.concat([values[c.name] for c in columns], axis=1)
        if self._simple:  # all at once
            starts = tf.constant([c.start - 1 for c in columns for _ in range(c.width)], ids.dtype)
            vectors = self._vectors(tf.where(ids > 0, ids + starts, tf.zeros_like(ids)))
        else:
            vectors = self._products([c.of(values[c.name]) for c in columns])
        widths = [c.width for c in columns]
        if max(widths) == 1:
            return vectors
        parts, known = (tf.split(tensor, widths, axis=1) for tensor in (vectors, ids > 0))
        combined = [
            part if c.width == 1 else combine(part, real, c.combiner)[:, tf.newaxis]
            for c, part, real in zip(columns, parts, known, strict=True)
        ]
        return tf.concat(combined, axis=1)

    def _products(self, rows: Sequence[Sequence[tf.Tensor]]) -> tf.Tensor:
        """Returns the vectors of columns, those of several rows multiplied."""
        flat = [each for several in rows for each in several]
        vectors = self._vectors(tf.concat(flat, axis=1))
        parts = iter(tf.split(vectors, [each.shape[1] for each in flat], axis=1))
        products = []
        for several in rows:
            product = next(parts)
            for _ in several[1:]:
                product *= next(parts)
            products.append(product)
        return tf.concat(products, axis=1)

    def _vectors(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns rows of the table; row 0 is 0 and learns nothing."""
        if self._dense:
            return tf.cast(lookup(self._table, tf.cast(rows, tf.int32)), self.compute_dtype)
        vectors = tf.cast(tf.nn.embedding_lookup(self._table, rows), self.compute_dtype)
        return vectors * tf.cast(rows > 0, vectors.dtype)[..., tf.newaxis]
