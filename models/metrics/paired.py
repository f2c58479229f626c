"""Whether a mean over lists is really higher: intervals of paired differences, by bootstrap.

Two models that rank the same lists differ by a number d on each list. The lists are a sample; what
the difference would be over other samples like it is told by drawing the lists anew, with
replacement, `REPLICATES` times (Efron and Tibshirani, An Introduction to the Bootstrap, 1993). Each
list is in a replicate k times, k ~ Poisson(1), for all models at once (Chamandy et al., Estimating
Uncertainty for Massive Data Streams, 2012). k comes of a hash of the list, so that neither the
order of the lists nor the workers that see them matter, and memory does not grow with them.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from data import hashing

REPLICATES = 1000
"""How often lists are drawn anew."""
_BLOCK = 512
"""Lists that wait to be counted together; a slice of fewer costs no replicates until the end."""
_LEAST_SPREAD = 0.1
"""Of a replicate that happens to have none, as a share of the spread of all lists."""
_OF_ROW = 4
"""Sums by row: of w d, w^2 d, (w d)^2 and of lists that differ; two more are of the weights."""
_POISSON = np.cumsum([math.exp(-1) / math.factorial(k) for k in range(8)])
_DRAWS = np.searchsorted(_POISSON, (np.arange(1 << 16) + 0.5) / (1 << 16)).astype(np.uint8)
"""What 16 random bits come to."""


@dataclasses.dataclass(frozen=True)
class Intervals:
    """Means and the ends of their intervals, arrays of one shape.

    Attributes:
      mean: The mean over the lists.
      low: Where the interval begins.
      high: Where it ends.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def row(self, index: int) -> Intervals:
        """Returns one row of them."""
        return Intervals(self.mean[index], self.low[index], self.high[index])


def draws(seeds: ArrayLike, replicates: int = REPLICATES) -> np.ndarray:
    """Returns how often each list is in each replicate, `[n, replicates]`, Poisson(1).

    Args:
      seeds: `[n]` uint64, hashes of the lists.
      replicates: How many replicates.
    """
    starts = hashing.mix(np.asarray(seeds, np.uint64))[:, np.newaxis]
    random = hashing.mix(starts + np.arange(-(-replicates // 4), dtype=np.uint64))
    return _DRAWS[random.astype("<u8").view("<u2")[:, :replicates]]


class Paired:
    """Weighted means over lists that come one by one, and how sure they are; mergeable.

    There are `[n_rows, n_metrics]` means: rows are differences from other models, or a model's own
    values. The weights of a list are by metric.

    Args:
      n_rows: The number of rows.
      n_metrics: The number of metrics.
    """

    def __init__(self, n_rows: int, n_metrics: int) -> None:
        self._shape = (_OF_ROW * n_rows + 2, n_metrics)
        self._total = np.zeros(self._shape)
        self._replicates: np.ndarray | None = None
        self._seeds: list[int] = []
        self._waiting: list[np.ndarray] = []

    def add(self, seed: int, values: np.ndarray, weights: np.ndarray) -> None:
        """Adds one list.

        Args:
          seed: A hash of the list, 64 bits.
          values: `[n_rows, n_metrics]`.
          weights: `[n_metrics]`, not negative.
        """
        weighted = values * weights
        parts = [weighted, weighted * weights, weighted**2, weighted != 0]
        self._seeds.append(seed)
        self._waiting.append(np.concatenate([*parts, [weights, weights**2]]))
        self._count(_BLOCK)

    def merge(self, other: Paired) -> None:
        """Adds the lists that another one has."""
        self._total = self._total + other._total
        found = [part for part in (self._replicates, other._replicates) if part is not None]
        self._replicates = sum(found[1:], start=found[0]) if found else None
        self._seeds = self._seeds + other._seeds
        self._waiting = self._waiting + other._waiting
        self._count(_BLOCK)

    def intervals(self, tails: Sequence[float], own: int = 0) -> Intervals:
        """Returns the means, `[n_rows, n_metrics]`, and their intervals.

        A model's own values have the percentiles of the replicates, which are within what such
        values can be. A difference decides, so its ends are the farther ones of those and of the
        studentised bootstrap, moved out as Student's t is wider than the normal for as many lists
        as are not 0: without it the former promise too much where a few lists lose a lot, the
        latter where few lists differ.
        Lists that all have one value leave no doubt: the ends are the mean.

        Args:
          tails: By row the chance, below 0.5, that the truth is beyond an end.
          own: How many of the first rows are a model's own values.
        """
        self._count(1)
        mean, spread = _mean_and_spread(self._total)
        if self._replicates is None:
            return Intervals(mean, mean, mean)
        means, spreads = _mean_and_spread(self._replicates)
        drawn = self._replicates[:, np.newaxis, -1] > 0
        means = np.where(drawn, means, mean)
        spreads = np.maximum(np.where(drawn, spreads, spread), _LEAST_SPREAD * spread)
        far = np.divide(means - mean, spreads, out=np.zeros_like(means), where=spreads > 0)
        differ = self._total[-2 - len(mean) : -2]
        below, above = np.empty_like(mean), np.empty_like(mean)
        for row, tail in enumerate(tails):
            ends = np.quantile(means[:, row], [tail, 1 - tail], axis=0)
            below[row], above[row] = mean[row] - ends[0], ends[1] - mean[row]
            if row < own:
                continue
            studentised = np.quantile(far[:, row], [tail, 1 - tail], axis=0) * spread[row]
            wider = _student(tail, differ[row] - 1) / _student(tail, np.inf)
            below[row] = wider * np.maximum(below[row], studentised[1])
            above[row] = wider * np.maximum(above[row], -studentised[0])
        return Intervals(mean, mean - below, mean + above)

    def _count(self, least: int) -> None:
        """Counts the lists that wait, if they are so many."""
        if len(self._seeds) < least:
            return
        found = np.stack(self._waiting)
        drawn = draws(np.array(self._seeds, np.uint64)).T.astype(np.float64)
        counted = (drawn @ found.reshape(len(found), -1)).reshape(-1, *self._shape)
        before = self._replicates
        self._replicates = counted if before is None else before + counted
        self._total = self._total + found.sum(axis=0)
        self._seeds, self._waiting = [], []


def _mean_and_spread(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the weighted means and their standard errors, of sums as `Paired.add` makes them."""
    n_rows = (sums.shape[-2] - 2) // _OF_ROW
    values, squared_weights, squares = (
        sums[..., i * n_rows : (i + 1) * n_rows, :] for i in range(3)
    )
    weight, weight_squares = sums[..., -2, np.newaxis, :], sums[..., -1, np.newaxis, :]
    none = np.full_like(values, np.nan)
    mean = np.divide(values, weight, out=none, where=weight > 0)
    variance = squares - 2 * mean * squared_weights + mean**2 * weight_squares
    spread = np.sqrt(np.maximum(variance, 0.0))
    return mean, np.divide(spread, weight, out=none.copy(), where=weight > 0)


def of_replicates(value: np.ndarray, replicates: np.ndarray, tail: float) -> Intervals:
    """Returns intervals by the spread of a few replicates (Student's t).

    For numbers that are no means, such as an AUC, and cost much to compute anew.

    Args:
      value: `[n_metrics]`, of all lists.
      replicates: `[n_replicates, n_metrics]`.
      tail: The chance that the truth is beyond an end.
    """
    half = _student(tail, len(replicates) - 1) * replicates.std(axis=0, ddof=1)
    return Intervals(value, value - half, value + half)


def _student(tail: float, freedom: np.ndarray | float) -> np.ndarray:
    """Returns what Student's t exceeds with that chance (Abramowitz and Stegun, 26.7.5)."""
    z, n = statistics.NormalDist().inv_cdf(1 - tail), np.maximum(freedom, 1)
    return z + (z**3 + z) / (4 * n) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
