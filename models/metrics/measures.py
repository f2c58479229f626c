"""The formula of each metric, over lists that are ranked already.

Below, g is the gain, y whether a document is relevant (1 or 0), R the number of relevant documents
and n of all documents of the list; sums run over ranks 1 to k, the cut-off, or to n without one.
Each function returns two tensors `[batch_size]`: the value, 0 where it is undefined, and its mass,
which is 0 exactly where it is undefined.

Ties: `relevance` and `expected_gains` are means over tie groups, see `Ranking`. A formula linear in
them is its own expectation; where one is not, the docstring says how its expectation comes about.
All are exact (McSherry and Najork, 2008).
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from types import MappingProxyType

import tensorflow as tf

from models.metrics.contract import Ties
from models.metrics.names import Kind
from models.metrics.ranking import Ranking

Measure = Callable[[Ranking, int | None], tuple[tf.Tensor, tf.Tensor]]
"""From a ranking and a cut-off to a value and its mass."""


def dcg(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Sum of g * discount(rank) (Järvelin and Kekäläinen, 2002); its mass is the sum of all g."""
    weights = ranking.discounts * ranking.top(topn)
    value = tf.reduce_sum(ranking.expected_gains * weights, axis=1)
    return value, tf.reduce_sum(ranking.gains, axis=1)


def ndcg(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """DCG over the DCG of the best order of the whole list, cut at the same rank."""
    weights = ranking.discounts * ranking.top(topn)
    value = tf.reduce_sum(ranking.expected_gains * weights, axis=1)
    ideal = tf.reduce_sum(ranking.ideal_gains * weights, axis=1)
    return tf.math.divide_no_nan(value, ideal), ideal


def mrr(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """1 / rank of the first relevant document (Voorhees, The TREC-8 QA Track Report, 1999)."""
    first = ranking.first_relevant * ranking.top(topn)
    return tf.reduce_sum(first / ranking.ranks, axis=1), ranking.relevant_count


def hits(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """1 if a relevant document has a rank up to k, else 0."""
    first = ranking.first_relevant * ranking.top(topn)
    return tf.reduce_sum(first, axis=1), ranking.relevant_count


def average_precision(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Sum of y * precision at its rank, over R (of the whole list, also where it is cut).

    A document at place i of a tie group of n with r relevant, if relevant itself, has before it all
    relevant documents of the groups above and, of its own, (i - 1) (r - 1) / (n - 1) expected.
    """
    relevance = ranking.relevance
    size, place = ranking.tie_places
    above = tf.cumsum(relevance, axis=1) - place * relevance
    fellows = tf.math.divide_no_nan(size * relevance - 1.0, size - 1.0) * (place - 1.0)
    precision = (above + fellows + 1.0) / ranking.ranks
    total = tf.reduce_sum(relevance * precision * ranking.top(topn), axis=1)
    return tf.math.divide_no_nan(total, ranking.relevant_count), ranking.relevant_count


def precision(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Sum of y, over min(k, n): a list shorter than k can reach 1."""
    found = tf.reduce_sum(ranking.relevance * ranking.top(topn), axis=1)
    shown = tf.reduce_sum(ranking.documents * ranking.top(topn), axis=1)
    return tf.math.divide_no_nan(found, shown), ranking.relevant_count


def recall(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Sum of y, over R."""
    found = tf.reduce_sum(ranking.relevance * ranking.top(topn), axis=1)
    return tf.math.divide_no_nan(found, ranking.relevant_count), ranking.relevant_count


def arp(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Sum of label * rank, over the sum of labels, which is the mass; lower is better."""
    del topn
    mass = tf.reduce_sum(ranking.labels, axis=1)
    total = tf.reduce_sum(ranking.tie_mean(ranking.labels) * ranking.ranks, axis=1)
    return tf.math.divide_no_nan(total, mass), mass


def opa(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Share of the pairs of unlike labels in which the higher label has the higher score.

    The mass is the number of such pairs. A pair of one score is wrong, and half right under
    `Ties.EXPECTED`, however else ties are ordered. Takes memory for `list_size`^2 booleans.
    """
    del topn
    documents = ranking.documents > 0.0
    pairs = (ranking.labels[:, :, None] > ranking.labels[:, None, :]) & documents[:, None, :]
    higher = ranking.scores[:, :, None] > ranking.scores[:, None, :]
    right = _count(pairs & higher, ranking.labels.dtype)
    mass = _count(pairs, ranking.labels.dtype)
    if ranking.contract.ties is Ties.EXPECTED:
        equal = ranking.scores[:, :, None] == ranking.scores[:, None, :]
        right += 0.5 * _count(pairs & equal, ranking.labels.dtype)
    return tf.math.divide_no_nan(right, mass), mass


MEASURES: Mapping[Kind, Measure] = MappingProxyType(
    {
        Kind.NDCG: ndcg,
        Kind.DCG: dcg,
        Kind.MRR: mrr,
        Kind.MAP: average_precision,
        Kind.PRECISION: precision,
        Kind.RECALL: recall,
        Kind.HITS: hits,
        Kind.ARP: arp,
        Kind.OPA: opa,
    }
)
"""The formula of every metric."""


def _count(pairs: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Returns how many of `[batch_size, list_size, list_size]` are true, `[batch_size]`."""
    return tf.cast(tf.math.count_nonzero(pairs, axis=[1, 2], dtype=tf.int32), dtype)
