"""The values a row starts with: a function of its key, so that no order of keys changes them."""

from __future__ import annotations

import tensorflow as tf

from models.sparse.settings import Start

# The constants of SplitMix64 (Steele et al., "Fast Splittable Pseudorandom Number Generators",
# 2014).
GOLDEN = 0x9E3779B97F4A7C15
FIRST = 0xBF58476D1CE4E5B9
SECOND = 0x94D049BB133111EB


def _mixed(x: tf.Tensor) -> tf.Tensor:
    def shifted(x: tf.Tensor, bits: int) -> tf.Tensor:
        return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(bits, tf.uint64)))

    x = shifted(x, 30) * tf.constant(FIRST, tf.uint64)
    x = shifted(x, 27) * tf.constant(SECOND, tf.uint64)
    return shifted(x, 31)


def uniforms(keys: tf.Tensor, *, dim: int, seed: int) -> tf.Tensor:
    """Returns numbers in (0, 1), `[n_keys, dim]` float32, each a hash of key, column and seed."""
    start = _mixed(tf.bitcast(keys, tf.uint64) + tf.constant(seed * GOLDEN % 2**64, tf.uint64))
    columns = tf.cast(tf.range(1, dim + 1), tf.uint64) * tf.constant(GOLDEN, tf.uint64)
    mixed = _mixed(start[:, tf.newaxis] + columns)
    top = tf.bitcast(tf.bitwise.right_shift(mixed, tf.constant(41, tf.uint64)), tf.int64)
    return (tf.cast(top, tf.float32) + 0.5) * 2.0**-23  # exact in float32, never 0 or 1


def initial_rows(
    keys: tf.Tensor, *, initializer: Start, dim: int, scale: float, seed: int
) -> tf.Tensor:
    """Returns what the rows of keys start with.

    Args:
      keys: `[n_keys]` int64.
      initializer: The distribution.
      dim: The length of a row.
      scale: The half width of the uniform, the standard deviation of the normal distribution.
      seed: Changes the values.

    Returns:
      `[n_keys, dim]` float32.
    """
    if initializer is Start.ZEROS:
        return tf.zeros([tf.size(keys), dim])
    centred = 2.0 * uniforms(keys, dim=dim, seed=seed) - 1.0
    if initializer is Start.UNIFORM:
        return scale * centred
    return scale * 2.0**0.5 * tf.math.erfinv(centred)
