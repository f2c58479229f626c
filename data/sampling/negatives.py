"""Negatives drawn by counting: the same for a positive in whatever batch it comes.

A draw is a hash of the seed, the epoch, the user, the positive and the number of the draw. It falls
on the line of all items, each as long as its weight, from which the user's known items are cut out;
so a draw is never a known item and never has to be repeated, however many the user knows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

_GOLDEN = 0x9E3779B97F4A7C15
_STEPS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_LAST = 31
_FRACTION_BITS = 53
_LINE = 2**40
"""About the length of the line of popularities; times the users of a block it fits 63 bits."""


class Line(NamedTuple):
    """The weights of the items, laid end to end.

    Attributes:
      ends: `[n_items + 1]` where each item begins, and where the last ends, of the type in which
        all places on the lines of a block's users are computed, int32 or int64.
      even: Whether all weights are 1.
    """

    ends: tf.Tensor
    even: bool


class Users(NamedTuple):
    """Whose lists they are.

    Attributes:
      context: The context columns, `[n_users, width]`.
      key: `[n_users]` a hash of seed, epoch and user, uint64.
      known: `[n]` the users' items, user by user, each once and in ascending order, int64.
      sizes: `[n_users]` how many of them each user has, int64.
    """

    context: dict[str, tf.Tensor]
    key: tf.Tensor
    known: tf.Tensor
    sizes: tf.Tensor


class Gaps(NamedTuple):
    """The users' lines without what they know, one after the other.

    Attributes:
      cuts: `[n]` where known items were cut out, of the line's type as all others.
      cut: `[n + 1]` how much was cut out before, of all users together.
      first: `[n_users]` how much of that belongs to the users before.
      left: `[n_users]` how long a user's line still is.
    """

    cuts: tf.Tensor
    cut: tf.Tensor
    first: tf.Tensor
    left: tf.Tensor


def fold(state: tf.Tensor, number: tf.Tensor | int) -> tf.Tensor:
    """Mixes a number into a hash: a step of SplitMix64 (Steele et al. 2014).

    Args:
      state: uint64.
      number: Any integers of a shape that fits the state's.
    """
    mixed = state + tf.constant(_GOLDEN, tf.uint64) * (tf.cast(number, tf.uint64) + 1)
    for shift, factor in _STEPS:
        mixed = _shifted(mixed, shift) * tf.constant(factor, tf.uint64)
    return _shifted(mixed, _LAST)


def _shifted(number: tf.Tensor, by: int) -> tf.Tensor:
    return tf.bitwise.bitwise_xor(
        number, tf.bitwise.right_shift(number, tf.constant(by, tf.uint64))
    )


def even(n_items: int, *, users: int) -> Line:
    """Returns the line on which all items are equally long, for at most so many users at once."""
    # Half as many bytes are searched in two thirds of the time.
    dtype = tf.int32 if (users + 1) * (n_items + 1) <= tf.int32.max else tf.int64
    return Line(tf.range(n_items + 1, dtype=dtype), True)


def popularity(counts: np.ndarray, power: float) -> Line:
    """Returns the line on which an item is as long as its count to that power.

    An item that was never counted has a length too, of about `1e-12` of the line, so that it is
    drawn for a user who knows all the others.

    Args:
      counts: `[n_items]`.
      power: 0 or more.
    """
    weights = counts.astype(np.float64) ** power
    lengths = np.maximum(np.rint(weights / max(weights.sum(), 1e-300) * _LINE), 1)
    return Line(tf.constant(np.append(0, lengths.cumsum()).astype(np.int64)), False)


def gaps(users: Users, line: Line) -> Gaps:
    """Cuts what users know out of the line."""
    dtype = line.ends.dtype
    rows = tf.cast(_rows(users), dtype)
    if line.even:  # places and lengths need no lookup
        begins, cut = tf.cast(users.known, dtype), tf.range(tf.size(users.known, dtype) + 1)
    else:
        begins = tf.gather(line.ends, users.known)
        lengths = tf.gather(line.ends, users.known + 1) - begins
        cut = tf.concat([[0], tf.cumsum(lengths)], axis=0)
    ends = tf.gather(cut, tf.concat([[0], tf.cumsum(users.sizes)], axis=0))
    cuts = rows * (line.ends[-1] + 1) + begins - (cut[:-1] - tf.gather(ends, rows))
    return Gaps(cuts, cut, ends[:-1], line.ends[-1] - (ends[1:] - ends[:-1]))


def _rows(users: Users) -> tf.Tensor:
    # Counting beginnings is cheaper than tf.repeat, which makes a mask of users and longest size.
    ends = tf.cumsum(users.sizes)[:, tf.newaxis]
    total = tf.size(users.known, tf.int64)
    shape = tf.stack([total + 1])
    return tf.cumsum(tf.scatter_nd(ends, tf.ones_like(users.sizes), shape))[:total]


def draw(key: tf.Tensor, row: tf.Tensor, known: Gaps, line: Line, n: int) -> tf.Tensor:
    """Draws negatives, with replacement.

    Args:
      key: `[n_positives]` a hash of the positive, uint64.
      row: `[n_positives]` which of the users it belongs to, int64; quickest if users are
        near those before them.
      known: Of these users.
      line: The weights of the items.
      n: The negatives of each.

    Returns:
      `[n_positives, n]` items, int32; `n_items` for a user who knows them all.
    """
    drawn = fold(key[:, tf.newaxis], tf.range(n))
    left = tf.gather(known.left, row)[:, tf.newaxis]
    share = tf.bitwise.right_shift(drawn, tf.constant(64 - _FRACTION_BITS, tf.uint64))
    share = tf.cast(tf.bitcast(share, tf.int64), tf.float64)  # quicker than unsigned numbers
    # A share below 1 of a whole number, rounded to a double, is below that number.
    scale = tf.cast(left, tf.float64) * 2.0**-_FRACTION_BITS
    at = tf.cast(share * scale, line.ends.dtype)
    begins = tf.cast(row[:, tf.newaxis], at.dtype) * (line.ends[-1] + 1)
    before = _search(known.cuts, begins + at)
    cut = tf.cast(before, at.dtype) if line.even else tf.gather(known.cut, before)
    at += cut - tf.gather(known.first, row)[:, tf.newaxis]
    items = at if line.even else _search(line.ends[1:], at)
    return tf.where(left > 0, tf.cast(items, tf.int32), tf.size(line.ends) - 1)


def _search(ascending: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Returns how many numbers are not above each value, int32."""
    found = tf.searchsorted(ascending, tf.reshape(values, [-1]), side="right")
    return tf.reshape(found, tf.shape(values))


def in_batch(item: tf.Tensor, row: tf.Tensor, users: Users, n_items: int, n: int) -> tf.Tensor:
    """Returns the positives of the next lists as negatives.

    Args:
      item: `[n_batches, batch_size]` the positives, int64.
      row: `[n_batches, batch_size]` which of the users they belong to, int64.
      users: These users.
      n_items: The size of the catalogue.
      n: The negatives of each.

    Returns:
      `[n_batches, batch_size, n]` items, int32; `n_items` in place of what the user knows, and of
      what stands in the list before.
    """
    size = tf.shape(item)[1]
    following = (tf.range(size)[:, tf.newaxis] + tf.range(1, n + 1)) % size
    others = tf.gather(item, following, axis=1)
    keys = _rows(users) * n_items + users.known
    wanted = row[..., tf.newaxis] * n_items + others
    places = tf.searchsorted(keys, tf.reshape(wanted, [-1]))
    at = tf.gather(keys, tf.minimum(places, tf.size(keys) - 1))
    unfit = tf.reshape(at, tf.shape(wanted)) == wanted
    return tf.where(unfit | _repeated(others), n_items, tf.cast(others, tf.int32))


def _repeated(items: tf.Tensor) -> tf.Tensor:
    """Returns where an item stands further left in its row as well."""
    order = tf.argsort(items, stable=True)
    sorted_items = tf.gather(items, order, batch_dims=2)
    same = sorted_items[..., 1:] == sorted_items[..., :-1]
    same = tf.concat([tf.zeros_like(order[..., :1], tf.bool), same], axis=-1)
    return tf.gather(same, tf.argsort(order), batch_dims=2)
