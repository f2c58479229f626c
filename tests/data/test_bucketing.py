"""Lists of like length come together, each once an epoch, in an order of the seed's own."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from data import bucketing
from data.features import Feature
from data.features import FeatureSpec
from data.transformed import TRANSFORM_SUFFIX
from data.transformed import TransformedSpec

LENGTHS = np.random.default_rng(3).integers(5, 201, 1000)
"""Of list 0, list 1 and so on."""


def epochs(
    n: int, number: int = 1, *, seed: int = 1, batch_size: int = 16, batches_per_bucket: int = 4
) -> list[list[list[int]]]:
    """The first `n` lists, batch by batch, in each of the first epochs."""
    lists = tf.data.Dataset.range(n).map(tf.strings.as_string)
    batches = bucketing.by_length(
        lists,
        lengths=lambda serialized: tf.gather(LENGTHS, tf.strings.to_number(serialized, tf.int32)),
        batch_size=batch_size,
        seed=seed,
        batches_per_bucket=batches_per_bucket,
    )
    steps = -(-n // batch_size)
    found = [
        batch.astype(int).tolist() for batch in batches.take(number * steps).as_numpy_iterator()
    ]
    return [found[start : start + steps] for start in range(0, len(found), steps)]


def padding(batches: list[list[int]]) -> float:
    """The share of places without a document: `1 - documents / (batch_size * longest)`."""
    lengths = [LENGTHS[batch] for batch in batches]
    return 1 - sum(x.sum() for x in lengths) / sum(len(x) * x.max() for x in lengths)


@pytest.mark.parametrize("n", [1, 15, 16, 17, 200])
def test_each_epoch_sees_each_list_once_and_a_short_batch_last(n: int) -> None:
    for batches in epochs(n, 3):
        assert sorted(number for batch in batches for number in batch) == list(range(n))
        assert {len(batch) for batch in batches[:-1]} <= {16}
        assert len(batches[-1]) == (n % 16 or 16)


def test_the_order_is_the_seeds_and_the_epochs() -> None:
    first, second = epochs(200, 2)
    assert epochs(200, 2) == [first, second]
    assert first != second
    assert epochs(200, seed=2) != [first]
    alone = {frozenset(batch) for batch in first}
    assert not alone & {frozenset(batch) for batch in second}


def test_a_batch_has_lists_of_one_bucket() -> None:
    [batches] = epochs(960, batches_per_bucket=3)
    edges = np.sort(LENGTHS[:960]).reshape(-1, 3 * 16)[:, [0, -1]]
    for batch in batches:
        inside = [
            low <= LENGTHS[batch].min() and LENGTHS[batch].max() <= high for low, high in edges
        ]
        assert any(inside)


def test_short_and_long_batches_are_mixed() -> None:
    [batches] = epochs(960)
    means = np.array([LENGTHS[batch].mean() for batch in batches])
    spread = means.std() / np.sqrt(len(means) / 2)
    assert abs(means[: len(means) // 2].mean() - means[len(means) // 2 :].mean()) < 4 * spread


def test_little_is_padded() -> None:
    [batches] = epochs(1000)
    [drawn] = epochs(1000, batches_per_bucket=1000)
    assert padding(drawn) > 0.4
    assert padding(batches) < 0.08


def test_workers_with_a_share_each_have_like_work() -> None:
    seed = tf.constant([1, 0], tf.int64)
    ranks = []
    for share in (0, 1):
        lengths = np.random.default_rng(share).permutation(128)
        order = bucketing.epoch_order(tf.constant(lengths), seed, 16, 2)
        ranks.append(lengths[order.numpy()].tolist())
    assert ranks[0] == ranks[1]


def test_no_lists_make_no_batches() -> None:
    empty = tf.data.Dataset.from_tensor_slices(tf.constant([], tf.string))
    lengths = tf.strings.length
    assert not list(bucketing.by_length(empty, lengths=lengths, batch_size=2, seed=1).take(3))


def test_lengths_are_the_numbers_of_documents() -> None:
    transformed = TransformedSpec(FeatureSpec((Feature("x"),)), {})
    serialized = [
        tf.train.Example(
            features=tf.train.Features(
                feature={
                    f"label{TRANSFORM_SUFFIX}": tf.train.Feature(
                        float_list=tf.train.FloatList(value=[0.0] * size)
                    )
                }
            )
        ).SerializeToString()
        for size in (3, 1, 7)
    ]
    found = bucketing.stored_lengths(tf.constant(serialized), transformed)
    assert found.numpy().tolist() == [3, 1, 7]
