"""From the rows of a table to those of one whose ids are numbered anew."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from models.training.warm import NewRows

NEW = -1
"""The place of a value that the vocabulary did not have before."""


@dataclasses.dataclass(frozen=True)
class Renumbered:
    """How a vocabulary became another.

    Attributes:
      before: How many values it had.
      places: `[n_values]` where each value of the new one was in the old one, or `NEW`.
      buckets: `[n_values]` the row that each value had among those outside the vocabulary.
    """

    before: int
    places: np.ndarray
    buckets: np.ndarray

    @property
    def kept(self) -> int:
        """How many values both have."""
        return int((self.places != NEW).sum())


def renumber(old: Sequence[bytes], new: Sequence[bytes], *, oov_buckets: int) -> Renumbered:
    """Compares two vocabularies, each in the order of its ids."""
    known = {value: place for place, value in enumerate(old)}
    places = np.array([known.get(value, NEW) for value in new], np.int64)
    # As `tf.lookup.StaticVocabularyTable`, which integers reach as texts.
    buckets = tf.strings.to_hash_bucket_fast(tf.constant(list(new), tf.string), max(oov_buckets, 1))
    return Renumbered(len(old), places, buckets.numpy())


def move(
    rows: np.ndarray,
    fresh: np.ndarray,
    old: Mapping[str, int],
    new: Mapping[str, int],
    *,
    vocabularies: Mapping[str, Renumbered],
    new_rows: NewRows,
) -> np.ndarray:
    """Returns the rows of a table or of a slot, those of ids by the values they stand for.

    Args:
      rows: `[n_old, ...]` the rows as they were.
      fresh: `[n_new, ...]` what a fresh table has.
      old: For each column with ids in the table the row of its first one, id 1, as it was.
      new: The same as it is.
      vocabularies: Of columns whose ids are numbered anew; those of others mean what they did.
      new_rows: What rows start with that no value had before.
    """
    moved = fresh.copy()
    moved[0] = rows[0]  # a missing value, or nobody's
    for column, start in new.items():
        before = rows[old[column] :][: _extent(old, column, len(rows))]
        now = moved[start:][: _extent(new, column, len(fresh))]
        change = vocabularies.get(column)
        if change is None:
            now[:] = before
        else:
            _renumber(before, now, change, new_rows)
    return moved


def _renumber(before: np.ndarray, now: np.ndarray, change: Renumbered, new_rows: NewRows) -> None:
    size, is_new = len(change.places), change.places == NEW
    known, others = before[: change.before], before[change.before :]
    now[size:] = others
    now[:size][~is_new] = known[change.places[~is_new]]
    if new_rows is NewRows.MEAN:
        now[:size][is_new] = known.mean(axis=0)
    elif new_rows is NewRows.UNKNOWN:
        now[:size][is_new] = others[change.buckets[is_new]] if len(others) else 0


def _extent(starts: Mapping[str, int], column: str, n_rows: int) -> int:
    """Returns how many rows a column has: those up to the next one's."""
    start = starts[column]
    return min((other for other in starts.values() if other > start), default=n_rows) - start
