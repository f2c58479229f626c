"""Several vectors of a row as one."""

from __future__ import annotations

import tensorflow as tf

from data.embedding import Combiner


def combine(vectors: tf.Tensor, known: tf.Tensor, combiner: Combiner) -> tf.Tensor:
    """Returns the sum of the vectors that are known, their mean, or `sum / sqrt(n)`.

    Args:
      vectors: `[n_rows, n, dim]`.
      known: `[n_rows, n]` bool, or numbers that the vectors are multiplied by.
      combiner: Which of the three.

    Returns:
      `[n_rows, dim]`, 0 where nothing is known.

    >>> vectors, known = tf.constant([[[1.0], [3.0], [9.0]]]), tf.constant([[True, True, False]])
    >>> [float(combine(vectors, known, way)[0, 0]) for way in (Combiner.SUM, Combiner.MEAN)]
    [4.0, 2.0]
    """
    weights = tf.cast(known, vectors.dtype)[..., tf.newaxis]
    return divided(
        tf.reduce_sum(vectors * weights, axis=1), tf.reduce_sum(weights, axis=1), combiner
    )


def divided(total: tf.Tensor, counts: tf.Tensor, combiner: Combiner) -> tf.Tensor:
    """Returns sums of vectors `[n_rows, dim]` as the combiner wants them.

    Args:
      total: The sums.
      counts: How many vectors each is made of, `[n_rows, 1]`.
      combiner: What is wanted.
    """
    if combiner is Combiner.SUM:
        return total
    counts = tf.sqrt(counts) if combiner is Combiner.SQRTN else counts
    return tf.math.divide_no_nan(total, counts)
