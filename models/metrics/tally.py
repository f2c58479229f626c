"""How many documents of either kind have each score: what metrics over documents are made of.

A score is a float32, and its bits are put in order as an unsigned number, its key. Up to `LIMIT`
scores are told apart exactly. Where there are more, as many low bits of all keys are dropped as it
takes, so that scores within about 2^-12 of each other may share a key. An AUC is then wrong by at
most half the share of the pairs that share a key; as which of them is higher is much like chance,
that is less than 1e-6.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

LIMIT = 1 << 17
"""The most scores that are told apart."""
_CLOSEST = 1e-7


@dataclasses.dataclass(frozen=True)
class Sums:
    """Sums over documents, weighted; see `models.metrics.documents` for the letters.

    Attributes:
      weight: Of w.
      positive: Of w y.
      score: Of w s.
      squared_error: Of w (s - l)^2.
      log_loss: Of w times the log loss.
      broken: Of w where s is NaN.
    """

    weight: float = 0.0
    positive: float = 0.0
    score: float = 0.0
    squared_error: float = 0.0
    log_loss: float = 0.0
    broken: float = 0.0


@dataclasses.dataclass(frozen=True)
class Tally:
    """What is known of some documents.

    Attributes:
      sums: Over all of them.
      shift: How many low bits the keys are without.
      keys: `[n]` the keys in ascending order, each once, uint32.
      positive: `[n]` the sum of w y of each.
      negative: `[n]` the sum of w (1 - y) of each.
      score: `[n]` the sum of w s of each.
    """

    sums: Sums
    shift: int
    keys: np.ndarray
    positive: np.ndarray
    negative: np.ndarray
    score: np.ndarray


def tally(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    relevant_from: float = 1.0,
) -> Tally:
    """Counts documents.

    Args:
      scores: Any shape.
      labels: The same shape; negative where there is no document.
      weights: The same shape, not negative; None: 1 each.
      relevant_from: The lowest label of a relevant document.
    """
    grades = np.ravel(labels)
    known = grades >= 0
    found, grades = np.ravel(scores).astype(np.float32)[known], grades[known].astype(np.float64)
    given = np.ones(len(grades)) if weights is None else np.ravel(weights)[known]
    weight = np.maximum(given.astype(np.float64), 0.0)
    exact, y = found.astype(np.float64), (grades >= relevant_from).astype(np.float64)
    inside = np.clip(exact, _CLOSEST, 1 - _CLOSEST)
    losses = -np.log(np.where(y > 0, inside, 1 - inside))
    columns = (np.ones_like(y), y, exact, (exact - grades) ** 2, losses, np.isnan(found))
    with np.errstate(invalid="ignore"):  # scores without end may have no sum
        sums = Sums(*(float((weight * column).sum()) for column in columns))
    return _compact(sums, 0, _keys(found), [weight * y, weight * (1 - y), weight * exact])


def merge(tallies: Sequence[Tally]) -> Tally:
    """Returns the tally of all documents of several; of none it is empty."""
    tallies = [found for found in tallies if len(found.keys)]
    if len(tallies) < 2:
        return tallies[0] if tallies else tally([], [])
    shift = max(found.shift for found in tallies)
    keys = [found.keys >> np.uint32(shift - found.shift) for found in tallies]
    columns = [
        np.concatenate([vars(found)[name] for found in tallies])
        for name in ("positive", "negative", "score")
    ]
    parts = np.array([dataclasses.astuple(found.sums) for found in tallies])
    sums = Sums(*parts.sum(axis=0).tolist())
    return _compact(sums, shift, np.concatenate(keys), columns)


class Tallied:
    """A tally that grows; adding many small ones costs little more than one large one."""

    def __init__(self) -> None:
        self._total = tally([], [])
        self._waiting: list[Tally] = []
        self._size = 0

    def add(self, found: Tally) -> None:
        """Adds the documents of another tally."""
        self._waiting.append(found)
        self._size += len(found.keys)
        if self._size > max(LIMIT, len(self._total.keys)) or len(self._waiting) > LIMIT:
            self.total()

    def total(self) -> Tally:
        """Returns the tally of all documents so far."""
        if self._waiting:
            self._total = merge([self._total, *self._waiting])
            self._waiting, self._size = [], 0
        return self._total


def _keys(scores: np.ndarray) -> np.ndarray:
    """Returns unsigned numbers in the order of the scores; NaN is somewhere."""
    bits = (scores + np.float32(0.0)).view(np.uint32)  # -0.0 is 0.0
    return np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))


def _compact(sums: Sums, shift: int, keys: np.ndarray, columns: Sequence[np.ndarray]) -> Tally:
    order = np.argsort(keys, kind="stable")
    keys, columns = keys[order], [column[order] for column in columns]
    while True:
        firsts = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
        if len(firsts) <= LIMIT:
            break
        keys, shift = keys >> np.uint32(1), shift + 1
    if len(keys):
        columns = [np.add.reduceat(column, firsts) for column in columns]
    return Tally(sums, shift, keys[firsts], *columns)
