"""The vectors of users and items: sums over the context's and over the document's columns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from data.errors import InputError
from data.features import Feature
from data.features import Scope
from data.transformed import NUMERIC
from data.transformed import PAIR_WEIGHT
from data.transformed import TransformedSpec
from models.embedding.combine import combine
from models.embedding.layer import EmbeddingLayer
from models.places import Places
from models.ranker import Inputs


@dataclasses.dataclass(frozen=True)
class Part:
    """A stretch of the vectors: one lookup serves all that is made of the same ids.

    Attributes:
      width: Its length.
      stddev: The standard deviation of the initial weights.
      regularization: The weight of its squared norm in the loss.
    """

    width: int
    stddev: float
    regularization: float = 0.0


class Normal(tf.keras.initializers.Initializer):
    """Draws each part with its own standard deviation.

    Args:
      parts: The parts of a row.
      missing: Whether row 0 stands for a missing value and is 0.
    """

    def __init__(self, parts: Sequence[Part], *, missing: bool) -> None:
        self._stddevs = np.repeat([p.stddev for p in parts], [p.width for p in parts])
        self._missing = missing

    def __call__(
        self, shape: Sequence[int], dtype: tf.DType | None = None, **shard: Sequence[int]
    ) -> tf.Tensor:
        """Returns the weights, or those of one shard of them."""
        shape, offset = shard.get("partition_shape", shape), shard.get("partition_offset", (0,))
        drawn = tf.random.normal(shape, dtype=dtype or tf.float32) * self._stddevs
        known = tf.range(offset[0], offset[0] + shape[0]) > 0 if self._missing else True
        return tf.where(tf.reshape(known, [-1, 1]), drawn, tf.zeros_like(drawn))


def lookup(table: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """Returns rows of a table; its gradient is a dense tensor that leaves row 0 as it is.

    Keras' optimizers pass over the whole table at every step in any case, and exchanging tensors of
    one size is what all strategies can do, at any precision and in calls of several steps.

    Args:
      table: `[n, dim]`.
      ids: Integers of any shape, from 0 to `n - 1`.

    >>> table = tf.constant([[0.0, 0.0], [1.0, 2.0]])
    >>> lookup(table, tf.constant([1, 0, 1])).numpy().tolist()
    [[1.0, 2.0], [0.0, 0.0], [1.0, 2.0]]
    """

    @tf.custom_gradient
    def rows(table: tf.Tensor) -> tuple[tf.Tensor, object]:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            known = tf.where(ids > 0, ids, -tf.ones_like(ids))  # negative ids are left out
            return tf.math.unsorted_segment_sum(upstream, known, tf.shape(table)[0])

        return tf.gather(table, ids), gradient

    return rows(tf.convert_to_tensor(table))


class Factors(EmbeddingLayer):
    """The vectors of one scope: the sum of those of its columns, float32 at any precision.

    An id is looked up, several of a column are combined, and id 0, a missing value, counts for
    nothing; numbers are multiplied by a matrix. Without any column all vectors are 1.

    In training it adds `sum over p of l_p mean(|v_p|^2)` to the loss, `v_p` being part `p` of the
    vector of a categorical column, `l_p` the part's regularization, and the mean being weighted.

    Args:
      transformed: The shapes of the columns.
      scope: The scope.
      parts: The parts of a vector.
    """

    def __init__(
        self, transformed: TransformedSpec, scope: Scope, parts: Sequence[Part], **kwargs: object
    ) -> None:
        super().__init__(dtype=tf.float32, **kwargs)
        self.columns = [c.name for c in transformed.columns if c.scope is scope]
        others = [c.name for c in transformed.columns if not c.plain]
        if others:
            raise InputError(
                f"feature '{others[0]}': 'table', 'lookup' and 'key' are for other families than"
                " those of matrix factorisation"
            )
        self._combiners = {c.name: c.combiner for c in transformed.columns}
        self._parts, self._width = list(parts), sum(part.width for part in parts)
        # Parameter servers send the rows that are asked for, not whole tables.
        servers = tf.distribute.ParameterServerStrategy
        self._whole = not isinstance(tf.distribute.get_strategy(), servers)
        self._tables = {
            c.name: self._weight(f"table_{i}", self._n_rows(c, transformed), c)
            for i, c in enumerate(transformed.columns)
            if c.scope is scope
        }
        self.built = True

    def _n_rows(self, column: Feature, transformed: TransformedSpec) -> int:
        return transformed.cardinalities.get(column.name, column.width)

    def _weight(self, name: str, n_rows: int, column: Feature) -> tf.Variable:
        initial = Normal(self._parts, missing=not _numeric(column.name))
        return self.add_weight(name, [n_rows, self._width], initializer=initial)

    def starts(self) -> list[tuple[tf.Variable, dict[str, int]]]:
        """Returns the tables; those that multiply numbers have no ids."""
        return [
            (table, {} if _numeric(name) else {name: 1}) for name, table in self._tables.items()
        ]

    def call(
        self, values: Mapping[str, tf.Tensor], weights: tf.Tensor, training: bool = False
    ) -> list[tf.Tensor]:
        """Returns the parts of the vectors, each `[n_rows, width]`.

        Args:
          values: The columns' values, each `[n_rows, width of the column]`.
          weights: How much each row counts in the regularisation, `[n_rows]` float32.
          training: Whether the loss is regularised.
        """
        vectors = {name: self._vectors(name, values[name]) for name in self.columns}
        if training and any(part.regularization for part in self._parts):
            embedded = [v for name, v in vectors.items() if not _numeric(name)]
            self.add_loss(self._penalty(embedded, weights))
        if not vectors:
            return [tf.ones([tf.shape(weights)[0], part.width]) for part in self._parts]
        total = tf.add_n(list(vectors.values()))
        return tf.split(total, [part.width for part in self._parts], axis=1)

    def _vectors(self, name: str, values: tf.Tensor) -> tf.Tensor:
        table = self._tables[name]
        if _numeric(name):
            return tf.cast(values, tf.float32) @ table
        if values.shape[1] == 1 and self._whole:
            return lookup(table, values[:, 0])
        rows = lookup(table, values) if self._whole else tf.nn.embedding_lookup(table, values)
        return combine(rows, values > 0, self._combiners[name])

    def _penalty(self, vectors: Sequence[tf.Tensor], weights: tf.Tensor) -> tf.Tensor:
        factors = [part.regularization for part in self._parts]
        each = tf.repeat(tf.constant(factors), [part.width for part in self._parts])
        squares = [tf.linalg.matvec(tf.square(v), each) for v in vectors]
        total = tf.reduce_sum(tf.add_n([*squares, tf.zeros_like(weights)]) * weights)
        return tf.math.divide_no_nan(total, tf.reduce_sum(weights))

    def assign_side_by_side(self, others: Sequence[Factors]) -> None:
        """Takes the weights of layers over the same columns, the parts of one after another's."""
        for name, table in self._tables.items():
            table.assign(np.concatenate([other._tables[name].numpy() for other in others], axis=1))


class Sides(tf.keras.layers.Layer):
    """The vectors of the users, computed once a list, and those of the items.

    Args:
      transformed: The shapes of the columns.
      parts: The parts of a vector, the same for users and items. The squared norms are averaged
        over the documents; a list's user counts once for each of its documents.
    """

    def __init__(
        self, transformed: TransformedSpec, parts: Sequence[Part], **kwargs: object
    ) -> None:
        super().__init__(dtype=tf.float32, **kwargs)
        self._users = Factors(transformed, Scope.CONTEXT, parts)
        self._items = Factors(transformed, Scope.DOCUMENT, parts)
        self.built = True

    def call(
        self, inputs: Inputs, places: Places, training: bool = False
    ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Returns the users' parts `[batch_size, width]` and the items' parts `[n_rows, width]`."""
        context = {name: inputs[name] for name in self._users.columns}
        documents = {name: places.rows(inputs[name]) for name in self._items.columns}
        real = places.is_document
        if real is None:
            real = tf.ones([tf.shape(next(iter(documents.values())))[0]])
        sizes = tf.reduce_sum(tf.cast(places.mask, tf.float32), axis=1)
        users = self._users(context, sizes, training=training)
        return users, self._items(documents, tf.cast(real, tf.float32), training=training)

    def crossed(self, inputs: Inputs, *, training: bool) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        """Returns the parts where every list has all documents; see `models.ranker.Ranker.crossed`.

        The users' are `[n_lists, width]`, the items' `[n_documents, width]`.
        """
        context = {name: inputs[name] for name in self._users.columns}
        documents = {name: inputs[name] for name in self._items.columns}
        n_lists, n_documents = (_length(values) for values in (context, documents))
        weights = inputs.get(PAIR_WEIGHT, tf.ones([n_lists, n_documents]))
        users = self._users(context, tf.reduce_sum(weights, axis=1), training=training)
        return users, self._items(documents, tf.reduce_sum(weights, axis=0), training=training)

    def assign_side_by_side(self, others: Sequence[Sides]) -> None:
        """Takes the weights of layers over the same columns, the parts of one after another's."""
        self._users.assign_side_by_side([other._users for other in others])
        self._items.assign_side_by_side([other._items for other in others])


def _length(columns: Inputs) -> tf.Tensor:
    return tf.shape(next(iter(columns.values())))[0]


def _numeric(column: str) -> bool:
    return column in NUMERIC.values()
