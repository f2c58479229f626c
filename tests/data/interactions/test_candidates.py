"""Negatives: how they are drawn, how often, and on what that depends."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from data import hashing
from data.interactions import candidates

N_ITEMS = 60


def seeds(number: int) -> np.ndarray:
    return hashing.seeds([b"user %d" % i for i in range(number)], b"1:TEST:")


def excluded(number: int, *, most: int = 30) -> tuple[np.ndarray, np.ndarray]:
    """Some items of each list, some twice, some lists without."""
    rng = np.random.default_rng(0)
    lists = np.repeat(np.arange(number), rng.integers(0, most, number))
    return lists, rng.integers(0, N_ITEMS, len(lists))


def as_lists(drawn: tuple[np.ndarray, np.ndarray], number: int) -> list[list[int]]:
    lists, items = drawn
    assert (np.diff(lists) >= 0).all()
    return [items[lists == i].tolist() for i in range(number)]


def chi_square(observed: np.ndarray, probabilities: np.ndarray) -> None:
    """Fails where frequencies are more than 4 standard deviations off those expected."""
    expected = observed.sum() * probabilities
    degrees = len(expected) - 1
    statistic = ((observed - expected) ** 2 / expected).sum()
    assert abs(statistic - degrees) < 4 * (2 * degrees) ** 0.5


@pytest.fixture(params=["drawing", "sorting"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to draw; sorting is what is left to do where drawing again and again fails."""
    if request.param == "sorting":
        monkeypatch.setattr(candidates, "TURNS", 0)
    return str(request.param)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    "weights", [np.ones(N_ITEMS, np.int64), np.arange(N_ITEMS)], ids=["uniform", "weighted"]
)
def test_a_list_gets_as_many_distinct_items_as_asked_none_excluded(weights: np.ndarray) -> None:
    known = excluded(200)
    drawn = as_lists(candidates.draw(seeds(200), known, number=20, weights=weights), 200)
    for own, items in zip(as_lists(known, 200), drawn, strict=True):
        assert len(set(items)) == len(items) == 20
        assert not set(own) & set(items)


@pytest.mark.usefixtures("way")
def test_a_small_catalogue_is_taken_whole() -> None:
    known = excluded(50)
    weights = np.arange(N_ITEMS) % 3
    drawn = as_lists(candidates.draw(seeds(50), known, number=N_ITEMS, weights=weights), 50)
    for own, items in zip(as_lists(known, 50), drawn, strict=True):
        assert sorted(items) == sorted(set(range(N_ITEMS)) - set(own))
        popular = [weights[item] > 0 for item in items]
        assert popular == sorted(popular, reverse=True)


@pytest.mark.usefixtures("way")
def test_uniform_frequencies() -> None:
    number = 3000
    _, items = candidates.draw(
        seeds(number),
        (np.arange(number), np.full(number, 7)),
        number=10,
        weights=np.ones(N_ITEMS, np.int64),
    )
    counts = np.bincount(items, minlength=N_ITEMS)
    assert counts[7] == 0
    chi_square(np.delete(counts, 7), np.full(N_ITEMS - 1, 1 / (N_ITEMS - 1)))


@pytest.mark.usefixtures("way")
def test_weighted_frequencies_one_after_the_other() -> None:
    """The probability of two draws in order: `w_i / W * w_j / (W - w_i)`."""
    number, weights = 20_000, np.array([4, 0, 1, 3, 2])
    none = np.zeros(0, np.int64)
    drawn = candidates.draw(seeds(number), (none, none), number=2, weights=weights)
    first, second = drawn[1].reshape(number, 2).T
    pairs = [pair for pair in itertools.permutations(range(5), 2) if 1 not in pair]
    expected = [
        weights[i] / weights.sum() * weights[j] / (weights.sum() - weights[i]) for i, j in pairs
    ]
    observed = [((first == i) & (second == j)).sum() for i, j in pairs]
    chi_square(np.array(observed), np.array(expected))


def test_a_draw_depends_on_its_own_list_only(monkeypatch: pytest.MonkeyPatch) -> None:
    number, weights = 90, np.arange(N_ITEMS) ** 2
    known = excluded(number)
    whole = as_lists(candidates.draw(seeds(number), known, number=25, weights=weights), number)
    monkeypatch.setattr(candidates, "_AT_ONCE", 200)
    again = candidates.draw(seeds(number), known, number=25, weights=weights)
    assert as_lists(again, number) == whole
    order = np.random.default_rng(3).permutation(number)
    lists = [as_lists(known, number)[i] for i in order]
    shuffled = (
        np.repeat(np.arange(number), [len(own) for own in lists]),
        np.array([item for own in lists for item in own]),
    )
    found = candidates.draw(seeds(number)[order], shuffled, number=25, weights=weights)
    assert as_lists(found, number) == [whole[i] for i in order]


def test_another_seed_draws_others() -> None:
    none, weights = np.zeros(0, np.int64), np.ones(N_ITEMS, np.int64)
    one = hashing.seeds([b"a"], b"1:TEST:"), hashing.seeds([b"a"], b"1:VALIDATION:")
    drawn = [candidates.draw(x, (none, none), number=20, weights=weights)[1].tolist() for x in one]
    assert drawn[0] != drawn[1]


def test_without_lists_or_items_nothing_is_drawn() -> None:
    none = np.zeros(0, np.int64)
    for n_items, lists in ((0, 3), (5, 0)):
        drawn = candidates.draw(
            seeds(lists), (none, none), number=2, weights=np.ones(n_items, np.int64)
        )
        assert [len(part) for part in drawn] == [0, 0]
