"""Which negatives an epoch draws, how often, and in what order its positives come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data.sampling import NegativeKind
from data.sampling import Negatives
from data.sampling import batches
from data.sampling import catalogue as catalogue_lib
from data.sampling.catalogue import Catalogue
from data.transformed import MASK
from tests.data.sampling.samples import LIKES
from tests.data.sampling.samples import N_ITEMS
from tests.data.sampling.samples import TOTAL
from tests.data.sampling.samples import TRANSFORMED
from tests.data.sampling.samples import Drawn
from tests.data.sampling.samples import chi_square_limit
from tests.data.sampling.samples import drawn
from tests.data.sampling.samples import order
from tests.data.sampling.samples import training
from tests.data.sampling.samples import write_likes


def one_epoch(*arguments: Any, **settings: Any) -> Drawn:
    return drawn(training(*arguments, **settings), TOTAL)[0]


@pytest.fixture(scope="module")
def popular(files: list[str], catalogue: Catalogue) -> Drawn:
    """The negatives by popularity of the first epoch."""
    return one_epoch(files, catalogue, NegativeKind.POPULARITY)


def check_epoch(found: Drawn) -> None:
    """Each positive is there, and has three negatives that its user does not know."""
    assert sorted(found) == sorted((user, item) for user in LIKES for item in LIKES[user])
    for (user, _), items in found.items():
        kept = [item for item in items if item >= 0]
        assert {*kept}.isdisjoint(LIKES[user])
        assert len(kept) == (0 if len(LIKES[user]) == N_ITEMS else 3)


def test_an_epoch_has_each_positive_once_and_no_known_negative(popular: Drawn) -> None:
    check_epoch(popular)


SETTINGS: list[dict[str, Any]] = [{"batch_size": 7, "block": 10}, {"static": True}]


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_same_negatives_in_any_batch_and_block(
    files: list[str], catalogue: Catalogue, popular: Drawn, settings: dict[str, Any]
) -> None:
    assert one_epoch(files, catalogue, NegativeKind.POPULARITY, **settings) == popular


def test_the_same_negatives_in_any_order_of_the_lists(
    folder: Path, catalogue: Catalogue, popular: Drawn
) -> None:
    moved = {user: LIKES[user][::-1] for user in reversed(LIKES)}
    files = [write_likes(folder / "moved.gz", moved)]
    assert one_epoch(files, catalogue, NegativeKind.POPULARITY) == popular


def test_the_same_negatives_for_one_worker_and_for_two(
    files: list[str], catalogue: Catalogue, popular: Drawn
) -> None:
    found: Drawn = {}
    for index in range(2):
        users = list(LIKES)[index::2]
        part = training(files, catalogue, NegativeKind.POPULARITY, shard=(2, index))
        found |= drawn(part, sum(len(LIKES[user]) for user in users))[0]
    assert found == popular


def test_other_negatives_in_another_epoch_and_for_another_seed(
    files: list[str], catalogue: Catalogue
) -> None:
    epochs = drawn(training(files, catalogue), TOTAL, 3)
    later = training(files, catalogue, first_epoch=tf.constant(2))
    assert drawn(later, TOTAL) == epochs[2:]
    epochs += drawn(training(files, catalogue, seed=2), TOTAL)
    for number, one in enumerate(epochs):
        check_epoch(one)
        for other in epochs[:number]:
            assert sum(one[key] == other[key] for key in one) < 0.5 * TOTAL


def test_the_seed_and_the_epoch_fix_the_order(files: list[str], catalogue: Catalogue) -> None:
    one, same = (order(training(files, catalogue, block=40), 2 * TOTAL) for _ in range(2))
    other = order(training(files, catalogue, block=40, seed=2), TOTAL)
    assert one == same
    orders = (one[:TOTAL], one[TOTAL:], other)
    assert [sorted(part) == sorted(one[:TOTAL]) for part in orders] == [True] * 3
    assert len({tuple(part) for part in orders}) == 3


@pytest.mark.parametrize("power", [0.0, 0.75])
def test_negatives_of_many_epochs_are_as_frequent_as_they_should_be(
    files: list[str], catalogue: Catalogue, power: float
) -> None:
    """Expected is, over all positives, what each user's unknown items weigh among themselves."""
    counts = np.bincount([item for items in LIKES.values() for item in items], minlength=N_ITEMS)
    expected = np.zeros(N_ITEMS)
    for items in LIKES.values():
        weights = counts**power
        weights[items] = 0
        expected += len(items) * weights / max(weights.sum(), 1)
    settings = Negatives(NegativeKind.POPULARITY if power else NegativeKind.UNIFORM, 20, power)
    found = batches.training(
        files, TRANSFORMED, catalogue, settings, batch_size=TOTAL, static=True, seed=3
    )
    observed = np.zeros(N_ITEMS, np.int64)
    for inputs, _ in found.take(10):
        items = (inputs["item"][:, 1:, 0].numpy() - 1)[inputs[MASK][:, 1:]]
        observed += np.bincount(items, minlength=N_ITEMS)
    expected *= 200
    assert observed.sum() == round(expected.sum())
    statistic = ((observed - expected) ** 2 / expected).sum()
    assert statistic < chi_square_limit(N_ITEMS - 1)


def test_a_worker_makes_its_batches_in_a_graph(
    folder: Path, files: list[str], popular: Drawn
) -> None:
    @tf.function
    def made() -> tf.data.Dataset:
        again = catalogue_lib.load([str(folder / "items.gz")], TRANSFORMED)
        return training(files, again, NegativeKind.POPULARITY)

    assert drawn(made(), TOTAL) == [popular]
