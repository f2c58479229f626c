"""Batches of lists of like length, so that models that look across the list pad little."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from data import columnar
from data.transformed import TRANSFORM_SUFFIX
from data.transformed import TransformedSpec

_MEASURED = 1024
"""How many lists are measured at a time."""
_ALL = tf.int64.max
_RANDOM_BITS = 32


def by_length(
    lists: tf.data.Dataset,
    *,
    lengths: Callable[[tf.Tensor], tf.Tensor],
    batch_size: int,
    seed: int,
    batches_per_bucket: int = 4,
) -> tf.data.Dataset:
    """Returns batches of lists without end, in an order that depends on the seed and the epoch.

    An epoch sees each of its `n` lists once, in `ceil(n / batch_size)` batches. The lists that do
    not fill a batch are drawn at random and come last. The others are sorted by length and cut into
    buckets of equal size, the quantiles of the lengths; batches are drawn at random from a bucket,
    and follow each other in random order. Inputs with the same seed and number of batches go
    through the same quantiles at the same time, so that workers with a share of the lists each have
    like work at each step.

    All lists are kept in memory, and read and measured once.

    Args:
      lists: Serialized lists, string scalars.
      lengths: Gives the `[n]` lengths of `[n]` lists, integers.
      batch_size: Lists per batch.
      seed: Fixes the order.
      batches_per_bucket: How many batches of lists are mixed: with more of them batches differ more
        from one epoch to the next, with fewer there is less padding.

    Returns:
      Batches of serialized lists, `[batch_size]` or, at the end of an epoch, fewer.
    """
    measured = lists.batch(_MEASURED).map(lambda serialized: (serialized, lengths(serialized)))
    # Taken apart in between, for TensorFlow makes one step of a map and a batch, which reserves the
    # whole batch.
    pool = measured.unbatch().batch(_ALL).cache()

    def epoch(number: tf.Tensor, of_pool: tuple[tf.Tensor, tf.Tensor]) -> tf.data.Dataset:
        serialized, sizes = of_pool
        order = epoch_order(
            sizes, tf.stack([tf.cast(seed, tf.int64), number]), batch_size, batches_per_bucket
        )
        starts = tf.data.Dataset.range(0, tf.size(order, tf.int64), batch_size)
        return starts.map(lambda at: tf.gather(serialized, order[at : at + batch_size]))

    return pool.repeat().enumerate().flat_map(epoch)


def epoch_order(
    sizes: tf.Tensor, seed: tf.Tensor, batch_size: int, batches_per_bucket: int
) -> tf.Tensor:
    """Returns the order in which an epoch takes its lists, batch after batch.

    Args:
      sizes: `[n]` lengths, integers.
      seed: `[2]`, int64.
      batch_size: Lists per batch.
      batches_per_bucket: How many batches of lists are mixed.

    Returns:
      `[n]` indices, int32.
    """
    n = tf.size(sizes)
    drawn = tf.argsort(_random([n], seed, 0))  # random, and so are lists of equal length below
    full = n // batch_size
    whole, rest = drawn[: full * batch_size], drawn[full * batch_size :]
    by_size = tf.gather(whole, tf.argsort(tf.gather(sizes, whole), stable=True))
    bucket = tf.range(full * batch_size, dtype=tf.int64) // (batch_size * batches_per_bucket)
    mixed = tf.argsort(bucket * 2**_RANDOM_BITS + _random([full * batch_size], seed, 1))
    batches = tf.reshape(tf.gather(by_size, mixed), [full, batch_size])
    batches = tf.gather(batches, tf.argsort(_random([full], seed, 2)))
    return tf.concat([tf.reshape(batches, [-1]), rest], axis=0)


def _random(shape: list[tf.Tensor], seed: tf.Tensor, use: int) -> tf.Tensor:
    """Returns integers below `2 ** _RANDOM_BITS`, others for each seed and use."""
    seed = tf.random.fold_in(seed, use)
    return tf.random.stateless_uniform(shape, seed, 0, 2**_RANDOM_BITS, tf.int64)


def stored_lengths(serialized: tf.Tensor, transformed: TransformedSpec) -> tf.Tensor:
    """Returns the numbers of documents `[n]`, int64, of `[n]` transformed lists."""
    label = transformed.spec.label
    parsed = columnar.parse(serialized, (), labels=(label,), suffix=TRANSFORM_SUFFIX)
    return parsed[label].row_lengths()
