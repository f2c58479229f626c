"""Which rows of a table belong to the ids of a column."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from data.embedding import Combiner
from data.embedding import Lookup
from data.errors import InputError
from data.features import Feature

_PRIME = 2**31 - 1
"""Products of two numbers below it fit into 64 bits."""


@dataclasses.dataclass(frozen=True)
class Rows:
    """The rows of a table that a column looks up; row 0 is no column's.

    Attributes:
      name: The column's name.
      width: Its number of ids.
      combiner: What the vectors of several ids become.
      lookup: Which rows belong to an id.
      start: Where the column's rows begin.
      shared: How many rows ids share, for a hashed lookup or one by quotient and remainder.
    """

    name: str
    width: int
    combiner: Combiner
    lookup: Lookup
    start: int
    shared: int

    def of(self, ids: tf.Tensor) -> list[tf.Tensor]:
        """Returns the rows of ids from 1, whose vectors are to be multiplied; 0 stays 0.

        Args:
          ids: `[n_rows, width]`.
        """
        index = ids - 1
        if self.lookup is Lookup.FULL:
            found = [index]
        elif self.lookup is Lookup.HASHED:
            found = [self._hashed(index)]
        else:
            found = [index % self.shared, self.shared + index // self.shared]
        return [tf.where(ids > 0, self.start + rows, tf.zeros_like(rows)) for rows in found]

    def _hashed(self, index: tf.Tensor) -> tf.Tensor:
        """Returns `((a i + b) mod p) mod rows` with `a` and `b` of the column's own."""
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        a, b = (int(number) for number in rng.integers(1, _PRIME, 2))
        product = tf.cast(index, tf.int64) * a + b
        return tf.cast(product % _PRIME % self.shared, index.dtype)


def lay_out(
    columns: Sequence[Feature], sizes: Mapping[str, int]
) -> tuple[list[Rows], int, list[range]]:
    """Lays the tables of columns one below another.

    Args:
      columns: The columns; those that name the same table share its rows.
      sizes: For each column the number of its ids, a missing one included.

    Returns:
      What each column looks up, the number of all rows, and the rows that are factors of others.

    Raises:
      InputError: Columns that share a table differ.
    """
    found: list[Rows] = []
    first: dict[str, tuple[Feature, int]] = {}
    factors: list[range] = []
    end = 1
    for column in columns:
        n_ids = sizes[column.name] - 1
        owner, start = first.get(column.table, (column, end))
        if owner is column:
            n_rows = n_ids if column.lookup is Lookup.FULL else column.rows
            if column.lookup is Lookup.QUOTIENT_REMAINDER:
                quotients = -(-n_ids // column.rows)
                factors.append(range(end + n_rows, end + n_rows + quotients))
                n_rows += quotients
            end += n_rows
            if column.table:
                first[column.table] = column, start
        else:
            _check_alike(owner, column, sizes)
        found.append(
            Rows(column.name, column.width, column.combiner, column.lookup, start, column.rows)
        )
    return found, end, factors


def _check_alike(one: Feature, other: Feature, sizes: Mapping[str, int]) -> None:
    found, expected = (sizes[column.name] - 1 for column in (one, other))
    if found != expected and one.lookup is not Lookup.HASHED:
        raise InputError(
            f"table '{one.table}': '{one.name}' and '{other.name}' share it; expected the same"
            f" number of ids, found {found} and {expected}"
        )
