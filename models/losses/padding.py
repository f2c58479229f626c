"""The scores that padding gets, so that none of it is felt by documents with low scores.

TF-Ranking gives padding the score log(1e-10), about -23, or one just below the lowest score; real
documents whose scores are lower, or large enough to round, then stand among the padding.
"""

from __future__ import annotations

import tensorflow as tf


def from_best(labels: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """Returns scores less the best score of their list; 0 for padding.

    For losses that a shift of a whole list does not change; its gradient is therefore left out.
    """
    real = labels >= 0
    best = tf.reduce_max(tf.where(real, scores, scores.dtype.min), axis=1, keepdims=True)
    return tf.where(real, scores - tf.stop_gradient(best), 0.0)


def below_worst(labels: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """Returns scores with padding 1 below the worst score of its list."""
    real = labels >= 0
    worst = tf.reduce_min(tf.where(real, scores, scores.dtype.max), axis=1, keepdims=True)
    worst = tf.where(tf.reduce_any(real, axis=1, keepdims=True), worst, 0.0)
    return tf.where(real, scores, tf.stop_gradient(worst) - 1.0)
