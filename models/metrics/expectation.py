"""Exact means over the orders of tied documents, of quantities that are not linear in them."""

from __future__ import annotations

import tensorflow as tf

from models.metrics.ranking import Ranking


def irrelevant_above(ranking: Ranking, cap: tf.Tensor) -> tf.Tensor:
    """Returns min(irrelevant documents above, cap) for a relevant document at each rank.

    At place i of a tie group of n with r relevant, h of the irrelevant ones stand before it with
    the hypergeometric probability C(n - r, h) C(r - 1, i - 1 - h) / C(n - 1, i - 1). With ties this
    takes memory for `list_size`^2 float64 numbers a list.

    Args:
        ranking: the lists.
        cap: `[batch_size, 1]`.

    Returns:
        `[batch_size, list_size]`; where no document of the group is relevant, any number.
    """
    above = ranking.above(ranking.documents - ranking.relevant)
    if ranking.groups is None:
        return tf.minimum(above, cap)
    sizes, places = ranking.tie_places
    size, place, relevant = (
        tf.cast(tf.round(tensor), tf.int32)[:, :, tf.newaxis]
        for tensor in (sizes, places, sizes * ranking.relevance)
    )
    before = tf.range(tf.shape(above)[1])[tf.newaxis, tf.newaxis, :]
    logs = tf.math.log(tf.cast(tf.maximum(tf.range(tf.shape(above)[1] + 1), 1), tf.float64))
    factorials = tf.cumsum(logs)
    chance = tf.exp(
        _log_choose(size - relevant, before, factorials)
        + _log_choose(relevant - 1, place - 1 - before, factorials)
        - _log_choose(size - 1, place - 1, factorials)
    )
    seen = above[:, :, tf.newaxis] + tf.cast(before, above.dtype)
    capped = tf.minimum(seen, cap[:, :, tf.newaxis])
    return tf.reduce_sum(tf.cast(chance, above.dtype) * capped, axis=2)


def novel_gains(ranking: Ranking, topics: tf.Tensor, alpha: float) -> tf.Tensor:
    """Returns the weighted gain at each rank, sum over subtopics of l (1 - alpha)^c.

    l is the document's label for the subtopic and c the sum of the labels of the documents above.
    Tied documents are put in one by one: the n-th takes each of n places with the same
    probability. Of the first n, let P(m) be the mean of (1 - alpha)^c over the sets of m documents,
    and Q(i) the mean gain at place i. With x = (1 - alpha)^l and the weight w,

        P(m) <- (n - m) / n P(m) + m / n x P(m - 1)
        Q(i) <- (n - i) / n Q(i) + (i - 1) / n x Q(i - 1) + w l / n P(i - 1)

    which takes `list_size` steps and memory for `list_size`^2 numbers a list.

    Args:
        ranking: the lists.
        topics: `[batch_size, list_size, n_subtopics]`, their labels.
        alpha: 0 to 1.

    Returns:
        `[batch_size, list_size]`.
    """
    keep = tf.constant(1.0 - alpha, topics.dtype)
    left = tf.pow(keep, ranking.above(topics))
    if ranking.groups is None:
        return ranking.weights * tf.reduce_sum(topics * left, axis=2)
    size, place = ranking.tie_places
    worth = ranking.weights[:, :, tf.newaxis] * topics
    steps = [_first(tensor) for tensor in (tf.pow(keep, topics), worth, left, place)]
    sums = _insert(steps, ranking.ranks[:, :, tf.newaxis])
    # The last document of the group knows the gains of all its places.
    last = tf.cast(ranking.ranks - place + size, tf.int32) - 1
    gains = tf.gather(_first(sums), last, batch_dims=1)
    return tf.gather(gains, tf.cast(place, tf.int32) - 1, batch_dims=2)


def _insert(steps: list[tf.Tensor], places: tf.Tensor) -> tf.Tensor:
    """Returns the gains at each place of the group after each step, summed over subtopics.

    Args:
        steps: x, w l and what is left of the worth above the group, each
            `[list_size, batch_size, n_subtopics]`, and the place in the group,
            `[list_size, batch_size]`.
        places: 1, 2, ... as `[1, list_size, 1]`: i, and m + 1.

    Returns:
        `[list_size, batch_size, list_size]`.
    """
    zeros = tf.zeros_like(steps[0][0])[:, tf.newaxis, :] * places
    empty = zeros + tf.cast(places == 1.0, zeros.dtype)

    def insert(state: tuple[tf.Tensor, ...], step: list[tf.Tensor]) -> tuple[tf.Tensor, ...]:
        x, worth, left, n = (tensor[:, tf.newaxis] for tensor in step)
        n = n[:, :, tf.newaxis]
        means = tf.where(n == 1.0, empty, state[0])
        gains = tf.where(n == 1.0, zeros, state[1])
        gains = (
            tf.maximum(n - places, 0.0) * gains
            + (places - 1.0) * x * _shifted(gains)
            + worth * means
        ) / n
        m = places - 1.0
        means = (tf.maximum(n - m, 0.0) * means + m * x * _shifted(means)) / n
        return means, gains, tf.reduce_sum(left * gains, axis=2)

    start = (zeros, zeros, tf.reduce_sum(zeros, axis=2))
    return tf.scan(insert, steps, start)[2]


def _shifted(values: tf.Tensor) -> tf.Tensor:
    """Moves the second axis on by one, with 0 in front."""
    return tf.pad(values[:, :-1], [[0, 0], [1, 0], [0, 0]])


def _first(tensor: tf.Tensor) -> tf.Tensor:
    """Swaps the first two axes."""
    return tf.transpose(tensor, [1, 0, *range(2, tensor.shape.rank)])


def _log_choose(n: tf.Tensor, k: tf.Tensor, factorials: tf.Tensor) -> tf.Tensor:
    """Returns the logarithm of n over k from those of 0!, 1!, ...; -inf where that is 0."""
    possible = (k >= 0) & (k <= n)
    n, k = tf.where(possible, n, 0), tf.where(possible, k, 0)
    found = tf.gather(factorials, n) - tf.gather(factorials, k) - tf.gather(factorials, n - k)
    return tf.where(possible, found, tf.constant(float("-inf"), found.dtype))
