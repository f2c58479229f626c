"""Intervals of paired differences: their level, their ends, and what they must not depend on."""

from __future__ import annotations

import numpy as np
import pytest

from models.metrics.paired import Intervals
from models.metrics.paired import Paired
from models.metrics.paired import draws
from models.metrics.paired import of_replicates

N_LISTS = 700  # more than are counted at once


def lists(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Differences `[n, 2, 3]` and weights `[n, 3]`; no list counts for the last metric."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0.1, 1.0, (N_LISTS, 2, 3))
    return values, rng.uniform(0.5, 2.0, (N_LISTS, 3)) * [1, 1, 0]


def gathered(order: np.ndarray, parts: int) -> Intervals:
    """The intervals of all lists, which come in this order to so many workers."""
    values, weights = lists()
    workers = [Paired(2, 3) for _ in range(parts)]
    for place, i in enumerate(order):
        workers[place % parts].add(int(i), values[i], weights[i])
    first, *others = workers
    for other in others:
        first.merge(other)
    return first.intervals([0.05, 0.025])


def test_neither_order_nor_workers_matter() -> None:
    order = np.arange(N_LISTS)
    whole = gathered(order, 1)
    np.random.default_rng(2).shuffle(order)
    for parts in (1, 3, 50):
        found = gathered(order, parts)
        for name, values in vars(whole).items():
            np.testing.assert_allclose(vars(found)[name], values, rtol=1e-9)


def test_intervals_are_those_of_the_normal_distribution_where_that_holds() -> None:
    values, weights = lists()
    found = gathered(np.arange(N_LISTS), 1)
    for metric in (0, 1):
        w = weights[:, metric]
        mean = (values[..., metric] * w[:, None]).sum(axis=0) / w.sum()
        np.testing.assert_allclose(found.mean[:, metric], mean)
        error = np.sqrt((((values[..., metric] - mean) * w[:, None]) ** 2).sum(axis=0)) / w.sum()
        half = error * [1.645, 1.960]
        np.testing.assert_allclose(mean - found.low[:, metric], half, rtol=0.15)
        np.testing.assert_allclose(found.high[:, metric] - mean, half, rtol=0.15)
    assert np.isnan([found.mean[:, 2], found.low[:, 2], found.high[:, 2]]).all()


def test_equal_lists_leave_no_doubt() -> None:
    paired = Paired(1, 2)
    for seed in range(60):
        paired.add(seed, np.array([[0.0, 0.25]]), np.ones(2))
    found = paired.intervals([0.05])
    for ends in (found.low, found.mean, found.high):
        np.testing.assert_allclose(ends, [[0.0, 0.25]])


def test_a_few_lists_that_differ_leave_much_of_it() -> None:
    """Three lists of 100 lost 0.3: that the truth is 0.02 cannot be ruled out."""
    paired = Paired(1, 1)
    for seed in range(100):
        paired.add(seed, np.array([[-0.3 * (seed < 3)]]), np.ones(1))
    [[mean]], [[low]] = paired.intervals([0.05]).mean, paired.intervals([0.05]).low
    assert mean == pytest.approx(-0.009)
    assert low < -0.02


def test_what_a_model_has_of_its_own_is_within_what_it_can_be() -> None:
    """Two lists of 40 are short of 1: only a difference may reach beyond it."""
    paired = Paired(2, 1)
    for seed in range(40):
        paired.add(seed, np.full((2, 1), 0.5 if seed < 2 else 1.0), np.ones(1))
    found = paired.intervals([0.025, 0.025], own=1)
    assert found.mean[0, 0] == 0.975
    assert 0.9 < found.low[0, 0] < 0.975 < found.high[0, 0] <= 1.0
    assert found.low[1, 0] < found.low[0, 0]
    assert found.high[1, 0] > 1.0


def test_of_no_list_nothing_is_known() -> None:
    found = Paired(1, 1).intervals([0.05])
    assert np.isnan([found.mean, found.low, found.high]).all()


def test_draws_are_poisson_and_independent() -> None:
    found = draws(np.arange(1000)).astype(float)
    assert found.shape == (1000, 1000)
    shares = np.bincount(found.astype(int).ravel())[:4] / found.size
    expected = np.exp(-1) / np.array([1, 1, 2, 6])
    np.testing.assert_allclose(shares, expected, atol=0.002)
    for columns in (found, found.T):
        correlations = np.corrcoef(columns[:50])[np.triu_indices(50, 1)]
        assert abs(correlations).max() < 0.15
        assert correlations.std() == pytest.approx(1000**-0.5, rel=0.1)


def test_a_list_is_drawn_the_same_anywhere() -> None:
    np.testing.assert_array_equal(draws([7, 9], 20)[1], draws([9], 20)[0])


def test_few_replicates_cover_as_promised() -> None:
    """20 replicates of a normal estimate, one end: 5 % are beyond it."""
    rng = np.random.default_rng(4)
    found = of_replicates(rng.normal(size=4000), rng.normal(size=(20, 4000)), 0.05)
    assert (found.low > 0).mean() == pytest.approx(0.05, abs=0.012)
    assert (found.high < 0).mean() == pytest.approx(0.05, abs=0.012)
