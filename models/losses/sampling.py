"""Draws that depend on the seed and the batch alone, so that training can be repeated.

TF-Ranking draws from TensorFlow's stateful generator, whose state no checkpoint keeps and which
XLA does not seed. Here the scores and labels of a batch pick the stream: scores change with every
step, and so do the draws, but a step repeated, or resumed after a kill, draws the same.
"""

from __future__ import annotations

import tensorflow as tf

_TINY = 1e-20
"""Keeps logarithms finite; TF-Ranking's number."""


def uniform(shape: list[tf.Tensor], scores: tf.Tensor, labels: tf.Tensor, seed: int) -> tf.Tensor:
    """Returns float32 draws from [0, 1) of that shape."""
    bits = 31 * _bits(scores) + _bits(labels)
    places = tf.range(tf.size(bits, tf.int64), dtype=tf.int64)
    stream = tf.reduce_sum(bits * (2 * places + 1))
    return tf.random.stateless_uniform(shape, seed=tf.stack([tf.constant(seed, tf.int64), stream]))


def _bits(values: tf.Tensor) -> tf.Tensor:
    return tf.reshape(tf.cast(tf.bitcast(values, tf.int32), tf.int64), [-1])


def gumbel(labels: tf.Tensor, scores: tf.Tensor, *, sample_size: int, seed: int) -> tf.Tensor:
    """Returns Gumbel noise `[batch_size, sample_size, list_size]`."""
    batch_size, list_size = tf.unstack(tf.shape(scores))
    draws = uniform([batch_size, sample_size, list_size], scores, labels, seed)
    return -tf.math.log(-tf.math.log(draws + _TINY) + _TINY)


def sampled_scores(
    labels: tf.Tensor, scores: tf.Tensor, noise: tf.Tensor, *, temperature: float
) -> tf.Tensor:
    """Returns scores with noise, as logarithms of their softmax (Bruch et al., A Stochastic
    Treatment of Learning to Rank Scoring Functions, 2020).

    Args:
      labels: `[batch_size, list_size]`, below 0 where there is no document.
      scores: `[batch_size, list_size]`, the best of each list at 0.
      noise: `[batch_size, sample_size, list_size]`.
      temperature: Divides the sum of scores and noise.

    Returns:
      `[batch_size * sample_size, list_size]`, the samples of one list after another.
    """
    noisy = (scores[:, tf.newaxis, :] + noise) / temperature
    noisy = tf.where(labels[:, tf.newaxis, :] >= 0, noisy, tf.math.log(_TINY))
    noisy = tf.math.log(tf.nn.softmax(noisy) + _TINY)
    return tf.reshape(noisy, [-1, tf.shape(scores)[1]])
