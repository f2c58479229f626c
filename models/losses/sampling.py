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


def shuffled_order(values: tf.Tensor, labels: tf.Tensor, scores: tf.Tensor, seed: int) -> tf.Tensor:
    """Returns the places of `values` from high to low, equal ones at random; int32.

    All are `[batch_size, list_size]`; labels and scores pick the stream of draws.
    """
    shuffled = tf.argsort(uniform(tf.unstack(tf.shape(values)), scores, labels, seed), axis=1)
    return take(shuffled, descending(take(values, shuffled)))


def descending(values: tf.Tensor) -> tf.Tensor:
    """Returns the places of values from high to low along the second axis; int32."""
    return tf.argsort(values, axis=1, direction="DESCENDING", stable=True)


def take(values: tf.Tensor, order: tf.Tensor) -> tf.Tensor:
    """Returns the values `[batch_size, list_size]` in that order."""
    return tf.gather(values, order, batch_dims=1, axis=1)
