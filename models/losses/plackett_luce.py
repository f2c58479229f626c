"""The losses over orders: ListMLE and RankDistil.

TF-Ranking's ListMLE exponentiates differences of scores and overflows from 88 on, and its
RankDistil fails on lists shorter than `topk`. These are the same values, computed from cumulative
log sums.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from models.losses.padding import from_best
from models.losses.sampling import descending
from models.losses.sampling import gumbel
from models.losses.sampling import shuffled_order
from models.losses.sampling import take

_FAR_BELOW = -1e9
"""The score of padding, beside scores of which the best is 0."""


def list_mle(
    labels: tf.Tensor,
    scores: tf.Tensor,
    *,
    temperature: float,
    discount: Callable[[tf.Tensor], tf.Tensor] | None,
    seed: int,
) -> tf.Tensor:
    """Returns minus the log likelihood of the order by labels, `[batch_size, 1]`.

    `sum_i d(i) * (log sum_{j >= i} exp(s_j) - s_i)` over places i of the right order; equal labels
    are ordered at random (Xia et al., Listwise Approach to Learning to Rank, 2008). As in
    TF-Ranking, padding adds a constant: its own orders.

    Args:
      labels: `[batch_size, list_size]`, below 0 where there is no document.
      scores: `[batch_size, list_size]`.
      temperature: Divides the scores.
      discount: `d`, of ranks from 1 on; 1 if None.
      seed: Fixes the order of equal labels.
    """
    list_size = tf.shape(labels)[1]
    order = shuffled_order(labels, labels, scores, seed)
    terms, real = _terms(take(labels, order), take(scores / temperature, order))
    ranks = tf.cast(tf.range(1, list_size + 1), tf.float32)
    terms = tf.where(real, terms, tf.math.log(tf.cast(list_size + 1, tf.float32) - ranks))
    if discount is not None:
        terms *= discount(ranks)
    return tf.reduce_sum(terms, axis=1, keepdims=True)


def rankdistil(
    labels: tf.Tensor,
    scores: tf.Tensor,
    *,
    temperature: float,
    topk: int | None,
    sample_size: int,
    seed: int,
) -> tf.Tensor:
    """Returns minus the log likelihood of orders drawn from a teacher, `[batch_size, 1]`.

    The labels are the teacher's scores, and the orders are draws from its Plackett-Luce model
    (Reddi et al., RankDistil: Knowledge Distillation for Ranking, 2021); a list whose labels are
    all 0 counts 0.

    Args:
      labels: `[batch_size, list_size]`, below 0 where there is no document.
      scores: `[batch_size, list_size]`.
      temperature: Divides the scores.
      topk: Places of the order that count; None: all.
      sample_size: Orders drawn per list.
      seed: Fixes the draws.
    """
    list_size = tf.shape(labels)[1]
    noise = tf.reshape(gumbel(labels, scores, sample_size=sample_size, seed=seed), [-1, list_size])
    labels_of_samples = tf.repeat(labels, sample_size, axis=0)
    drawn = tf.where(labels_of_samples >= 0, labels_of_samples + noise, labels_of_samples.dtype.min)
    order = descending(drawn)
    scores = tf.repeat(scores / temperature, sample_size, axis=0)
    terms, real = _terms(take(labels_of_samples, order), take(scores, order))
    terms = tf.where(real, terms, tf.math.log(tf.cast(list_size, tf.float32)))
    if topk is not None:
        terms = tf.where(tf.range(list_size) < topk, terms, 0.0)
    per_list = tf.reshape(tf.reduce_sum(terms, axis=1), [-1, sample_size])
    relevant = tf.reduce_any(labels > 0, axis=1, keepdims=True)
    return tf.where(relevant, tf.reduce_mean(per_list, axis=1, keepdims=True), 0.0)


def _terms(labels: tf.Tensor, scores: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns what each place of an order costs, and which places have a document."""
    real = labels >= 0
    scores = tf.where(real, from_best(labels, scores), _FAR_BELOW)
    return tf.math.cumulative_logsumexp(scores, axis=1, reverse=True) - scores, real
