"""What a list weighs in the mean of a weighted metric: the mean weight of its relevant documents.

This is TF-Ranking's rule: sum(weight * relevance) / sum(relevance). With one weight for all
documents of a list it is that weight; without weights it is 1.
"""

from __future__ import annotations

import tensorflow as tf

from models.metrics.contract import EmptyWeight
from models.metrics.names import Kind
from models.metrics.ranking import Ranking


def list_weights(ranking: Ranking, kind: Kind) -> tf.Tensor:
    """Returns the weight of each list for a metric that averages over lists, `[batch_size]`.

    The relevance is the gain for DCG and NDCG, 1 for all documents for PWA, and else whether a
    document is relevant. Where none is, the contract's `EmptyWeight` decides. A list without a
    document weighs 0.
    """
    relevance = _relevance(ranking, kind)
    total = tf.reduce_sum(relevance, axis=1)
    mean = tf.math.divide_no_nan(tf.reduce_sum(ranking.weights * relevance, axis=1), total)
    mass = tf.reduce_sum(ranking.weights, axis=1)
    if ranking.contract.empty_weight is EmptyWeight.OWN:
        default = tf.math.divide_no_nan(mass, ranking.document_count)
    else:
        counted = tf.math.count_nonzero((mass > 0.0) & (total > 0.0), dtype=tf.int32)
        others = tf.reduce_sum(mean) / tf.cast(tf.maximum(counted, 1), mean.dtype)
        default = tf.where(counted > 0, others, tf.ones_like(others))
    return tf.where(mass > 0.0, tf.where(total > 0.0, mean, default), tf.zeros_like(mean))


def _relevance(ranking: Ranking, kind: Kind) -> tf.Tensor:
    if kind in (Kind.DCG, Kind.NDCG):
        return ranking.gains
    return ranking.documents if kind is Kind.PWA else ranking.relevant
