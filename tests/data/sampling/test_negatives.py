"""Drawing: the hash, the line of items, what is cut out of it, and what a batch offers."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from data.sampling import negatives
from data.sampling.negatives import Line
from data.sampling.negatives import Users
from tests.data.sampling.samples import chi_square_limit

COUNTS = np.array([90, 40, 0, 5, 1, 300, 12, 7, 0, 33])
N_ITEMS = len(COUNTS)


def line(power: float | None, *, at_once: int = 200) -> Line:
    if power is None:
        return negatives.even(N_ITEMS, users=at_once)
    return negatives.popularity(COUNTS, power)


def users(*known: list[int]) -> Users:
    """Users who know these items, in ascending order."""
    return Users(
        {},
        tf.zeros([len(known)], tf.uint64),
        tf.constant([item for items in known for item in items], tf.int64),
        tf.constant([len(items) for items in known], tf.int64),
    )


def draws(of: Users, weights: Line, row: int, *, n: int, seed: int = 0) -> np.ndarray:
    """`[1000, n]` draws for one of the users."""
    key = negatives.fold(tf.fill([1000], tf.constant(seed, tf.uint64)), tf.range(1000))
    rows = tf.fill([1000], tf.constant(row, tf.int64))
    found = negatives.draw(key, rows, negatives.gaps(of, weights), weights, n)
    assert found.dtype == tf.int32
    return np.asarray(found)


def test_hashes_are_those_of_splitmix64() -> None:
    """The generator's published numbers for the seed 0."""
    found = negatives.fold(tf.constant(0, tf.uint64), tf.range(3)).numpy().tolist()
    assert found == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_popular_items_have_long_pieces_and_the_others_have_some() -> None:
    for at_once, dtype in ((9, tf.int32), (2**29, tf.int64)):
        ends = negatives.even(4, users=at_once).ends
        assert ends.dtype is dtype
        assert ends.numpy().tolist() == [0, 1, 2, 3, 4]
    lengths = np.diff(negatives.popularity(COUNTS, 0.5).ends.numpy())
    assert lengths / lengths.sum() == pytest.approx(np.sqrt(COUNTS) / np.sqrt(COUNTS).sum())
    assert lengths[2] == lengths[8] == 1
    assert np.diff(negatives.popularity(np.zeros(3), 1.0).ends.numpy()).tolist() == [1, 1, 1]


@pytest.mark.parametrize("power", [None, 0.5, 1.0])
@pytest.mark.parametrize("known", [[], [5], [0, 1, 9], [3, 4, 5, 6, 7, 8, 9]])
def test_unknown_items_are_drawn_as_often_as_they_weigh(
    known: list[int], power: float | None
) -> None:
    weights = np.ones(N_ITEMS) if power is None else COUNTS**power
    weights[known] = 0
    others = users([0, 2, 5], known, [1, 5, 6])
    found = np.bincount(draws(others, line(power), 1, n=20).reshape(-1), minlength=N_ITEMS)
    assert found.sum() == 20_000
    assert not found[weights == 0].any()
    expected = 20_000 * weights[weights > 0] / weights.sum()
    statistic = ((found[weights > 0] - expected) ** 2 / expected).sum()
    assert statistic < chi_square_limit(len(expected) - 1)


@pytest.mark.parametrize("power", [None, 0.75])
def test_users_who_know_nearly_everything_get_what_is_left(power: float | None) -> None:
    every = list(range(N_ITEMS))
    for left in every:
        of = users(every, [item for item in every if item != left], every, [0])
        assert (draws(of, line(power), 1, n=2) == left).all()
        assert (draws(of, line(power), 0, n=2) == N_ITEMS).all()
        assert (draws(of, line(power), 2, n=2) == N_ITEMS).all()
        assert (draws(of, line(power), 3, n=2) > 0).all()


@pytest.mark.parametrize("power", [None, 1.0])
def test_no_draw_is_known_to_its_user(power: float | None) -> None:
    rng = np.random.default_rng(3)
    known = [sorted(rng.permutation(N_ITEMS)[:size].tolist()) for size in rng.integers(0, 10, 200)]
    rows = tf.repeat(tf.range(200, dtype=tf.int64), 10)
    key = negatives.fold(tf.constant(1, tf.uint64), tf.range(2000))
    weights = line(power)
    found = negatives.draw(key, rows, negatives.gaps(users(*known), weights), weights, 50).numpy()
    for row, items in zip(rows.numpy(), found, strict=True):
        assert set(items.tolist()).isdisjoint(known[row])
        assert items.min() >= 0
        assert items.max() < N_ITEMS


def test_more_draws_begin_with_the_same() -> None:
    few, many = (draws(users([1]), line(None), 0, n=n) for n in (3, 8))
    assert np.array_equal(many[:, :3], few)
    assert not np.array_equal(few, draws(users([1]), line(None), 0, n=3, seed=1))


def test_draws_do_not_depend_on_the_users_around() -> None:
    weights = line(0.75)
    alone = draws(users([2, 5]), weights, 0, n=5)
    assert np.array_equal(alone, draws(users([0, 9], [], [2, 5], [1]), weights, 2, n=5))


def test_many_users_at_once_get_the_same_draws() -> None:
    of = users([2, 5], [], [0, 1, 9])
    for row in range(3):
        few, many = (draws(of, line(None, at_once=n), row, n=5) for n in (3, 2**40))
        assert np.array_equal(few, many)


def test_the_next_positives_of_the_batch_are_negatives() -> None:
    """Two batches of four lists: known items and repeated ones are none, 10."""
    item = tf.constant([[3, 4, 4, 5], [0, 1, 2, 3]], tf.int64)
    row = tf.constant([[0, 1, 2, 0], [3, 3, 3, 3]], tf.int64)
    of = users([3, 5], [4], [3, 4], [0, 1, 2, 3])
    found = negatives.in_batch(item, row, of, 10, 3).numpy().tolist()
    assert found[0] == [[4, 10, 10], [10, 5, 3], [5, 10, 10], [10, 4, 10]]
    assert found[1] == [[10, 10, 10]] * 4


@pytest.mark.parametrize("n", [1, 5, 9])
def test_negatives_in_batch_are_as_restated(n: int) -> None:
    """More of them than the batch has lists come round to the first again."""
    rng = np.random.default_rng(n)
    items, rows = rng.integers(0, 20, [3, 6]), rng.integers(0, 4, [3, 6])
    known = [{*items[rows == row].tolist(), row} for row in range(4)]
    found = negatives.in_batch(
        tf.constant(items), tf.constant(rows), users(*map(sorted, known)), 20, n
    ).numpy()
    for batch in range(3):
        for place in range(6):
            expected: list[int] = []
            for step in range(1, n + 1):
                other = int(items[batch, (place + step) % 6])
                seen = other in known[rows[batch, place]] or other in expected
                expected.append(20 if seen else other)
            assert found[batch, place].tolist() == expected
