"""The formula of each metric, over lists that are ranked already.

Below, g is the gain, y whether a document is relevant (1 or 0), w its weight (1 in a metric that is
not weighted), R the number of relevant documents and n of all documents of the list; sums run over
ranks 1 to k, the cut-off, or to n without one. Each function returns two tensors `[batch_size]`:
the value, 0 where it is undefined, and its mass, which is 0 exactly where it is undefined. A
formula without w is weighted by `models.metrics.weighting` alone.

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
from models.metrics.expectation import irrelevant_above
from models.metrics.expectation import novel_gains
from models.metrics.names import Kind
from models.metrics.ranking import Ranking
from models.metrics.weighting import list_weights

Measure = Callable[[Ranking, int | None], tuple[tf.Tensor, tf.Tensor]]
"""From a ranking and a cut-off to a value and its mass."""


def dcg(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Sum of w * g * discount(rank) (Järvelin and Kekäläinen, 2002), over the weight of the list.

    The mass is the sum of all g.
    """
    weights = ranking.discounts * ranking.top(topn)
    value = tf.reduce_sum(ranking.expected_gains * weights, axis=1)
    value = tf.math.divide_no_nan(value, list_weights(ranking, Kind.DCG))
    return value, tf.reduce_sum(ranking.gains, axis=1)


def ndcg(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Sum of w * g * discount(rank), over that of the best order of the whole list, cut alike."""
    weights = ranking.discounts * ranking.top(topn)
    value = tf.reduce_sum(ranking.expected_gains * weights, axis=1)
    ideal = tf.reduce_sum(ranking.ideal_gains * weights, axis=1)
    return tf.math.divide_no_nan(value, ideal), ideal


def mrr(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """1 / rank of the first relevant document (Voorhees, The TREC-8 QA Track Report, 1999)."""
    first = ranking.first_relevant * ranking.top(topn)
    return tf.reduce_sum(first / ranking.ranks, axis=1), ranking.relevant_count


def hit_rate(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """1 if a relevant document has a rank up to k, else 0."""
    first = ranking.first_relevant * ranking.top(topn)
    return tf.reduce_sum(first, axis=1), ranking.relevant_count


def average_precision(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Sum of w * y * precision at its rank, over the sum of w * y of the whole list.

    The precision knows no weights. A document at place i of a tie group of n with r relevant, if
    relevant itself, has before it all relevant documents of the groups above and, of its own,
    (i - 1) (r - 1) / (n - 1) expected.
    """
    size, place = ranking.tie_places
    fellows = tf.math.divide_no_nan(size * ranking.relevance - 1.0, size - 1.0) * (place - 1.0)
    precision = (ranking.above(ranking.relevant) + fellows + 1.0) / ranking.ranks
    weighted = ranking.weights * ranking.relevant
    total = tf.reduce_sum(ranking.tie_mean(weighted) * precision * ranking.top(topn), axis=1)
    mass = tf.reduce_sum(weighted, axis=1)
    return tf.math.divide_no_nan(total, mass), mass


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
    """Sum of w * label * rank, over the sum of w * label, the mass; lower is better."""
    del topn
    labels = ranking.weights * ranking.labels
    mass = tf.reduce_sum(labels, axis=1)
    total = tf.reduce_sum(ranking.tie_mean(labels) * ranking.ranks, axis=1)
    return tf.math.divide_no_nan(total, mass), mass


def opa(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Share of the pairs of unlike labels in which the higher label has the higher score.

    A pair counts the w of the higher label; the mass is the sum of all pairs. A pair of one score
    is wrong, and half right under `Ties.EXPECTED`, however else ties are ordered. Takes memory for
    `list_size`^2 booleans.
    """
    del topn
    documents = ranking.documents > 0.0
    pairs = (ranking.labels[:, :, None] > ranking.labels[:, None, :]) & documents[:, None, :]
    higher = ranking.scores[:, :, None] > ranking.scores[:, None, :]
    right, mass = _count(pairs & higher, ranking), _count(pairs, ranking)
    if ranking.contract.ties is Ties.EXPECTED:
        equal = ranking.scores[:, :, None] == ranking.scores[:, None, :]
        right += 0.5 * _count(pairs & equal, ranking)
    return tf.math.divide_no_nan(right, mass), mass


def gauc(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Area under the ROC curve of the list; its mass is the sum of w, 0 where all y are alike.

    The share of the pairs of y = 1 and y = 0 in which the former has the higher score; a pair
    weighs the product of its w, and one of a single score is half right, however ties are ordered
    elsewhere (Zhu et al., Optimized Cost per Click in Taobao Display Advertising, 2017).
    """
    del topn
    weights = ranking.weights * ranking.documents
    relevant, other = weights * ranking.relevant, weights * (1.0 - ranking.relevant)
    keys = -ranking.scores  # ascending
    sums = tf.pad(tf.cumsum(other, axis=1), [[0, 0], [1, 0]])
    above = tf.gather(sums, tf.searchsorted(keys, keys, side="left"), batch_dims=1)
    with_equal = tf.gather(sums, tf.searchsorted(keys, keys, side="right"), batch_dims=1)
    wrong = tf.reduce_sum(relevant * (above + with_equal) / 2.0, axis=1)
    pairs = tf.reduce_sum(relevant, axis=1) * tf.reduce_sum(other, axis=1)
    both = pairs > 0.0
    value = tf.where(both, 1.0 - tf.math.divide_no_nan(wrong, pairs), tf.zeros_like(pairs))
    return value, tf.where(both, tf.reduce_sum(weights, axis=1), tf.zeros_like(pairs))


def bpref(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Sum of y * (1 - min(irrelevant documents above, R) / min(R, N)), over R; N = n - R.

    The version of TREC 2005 on; `MetricContract.trec_bpref` says whether R stands for min(R, N), as
    in Buckley and Voorhees, Retrieval Evaluation with Incomplete Information, 2004. Documents that
    nobody judged belong in the mask, or have labels below 0.
    """
    relevant = ranking.relevant_count[:, None]
    others = ranking.document_count[:, None] - relevant
    limit = tf.minimum(relevant, others) if ranking.contract.trec_bpref else relevant
    shares = 1.0 - tf.math.divide_no_nan(irrelevant_above(ranking, relevant), limit)
    total = tf.reduce_sum(ranking.relevance * shares * ranking.top(topn), axis=1)
    return tf.math.divide_no_nan(total, ranking.relevant_count), ranking.relevant_count


def pwa(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Sum of label / rank, over the sum of 1 / rank; its mass is the sum of all labels.

    TF-Ranking cuts at 5 unless it is told otherwise.
    """
    weights = ranking.top(topn) / ranking.ranks
    value = tf.reduce_sum(ranking.tie_mean(ranking.labels) * weights, axis=1)
    total = tf.reduce_sum(ranking.documents * weights, axis=1)
    return tf.math.divide_no_nan(value, total), tf.reduce_sum(ranking.labels, axis=1)


def precision_ia(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Sum over subtopics of y for the subtopic, over min(k, n) * the number of subtopics.

    Subtopics count to which a document of the list is relevant (Clarke, Craswell and Soboroff,
    Overview of the TREC 2009 Web Track, 2009).
    """
    covers = _topics(ranking) >= ranking.contract.relevant_from
    subtopics = tf.math.count_nonzero(tf.reduce_any(covers, axis=1), axis=1, dtype=tf.int32)
    covered = tf.cast(tf.math.count_nonzero(covers, axis=2, dtype=tf.int32), ranking.labels.dtype)
    found = tf.reduce_sum(ranking.tie_mean(covered) * ranking.top(topn), axis=1)
    shown = tf.reduce_sum(ranking.documents * ranking.top(topn), axis=1)
    possible = shown * tf.cast(subtopics, shown.dtype)
    return tf.math.divide_no_nan(found, possible), ranking.relevant_count


def alpha_dcg(ranking: Ranking, topn: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Sum of w * g * discount(rank), over the weight of the list; its mass is the sum of labels.

    g is the sum over subtopics of l * (1 - alpha)^c, for the document's label l and the sum c of
    the labels above it (Clarke et al., Novelty and Diversity in Information Retrieval Evaluation,
    2008).
    """
    gains = novel_gains(ranking, _topics(ranking), ranking.contract.alpha)
    value = tf.reduce_sum(gains * ranking.discounts * ranking.top(topn), axis=1)
    value = tf.math.divide_no_nan(value, list_weights(ranking, Kind.ALPHA_DCG))
    return value, tf.reduce_sum(ranking.labels, axis=1)


MEASURES: Mapping[Kind, Measure] = MappingProxyType(
    {
        Kind.NDCG: ndcg,
        Kind.DCG: dcg,
        Kind.MRR: mrr,
        Kind.MAP: average_precision,
        Kind.PRECISION: precision,
        Kind.RECALL: recall,
        Kind.HIT_RATE: hit_rate,
        Kind.ARP: arp,
        Kind.OPA: opa,
        Kind.BPREF: bpref,
        Kind.PWA: pwa,
        Kind.PRECISION_IA: precision_ia,
        Kind.ALPHA_DCG: alpha_dcg,
        Kind.GAUC: gauc,
    }
)
"""The formula of every metric over lists."""


def _count(pairs: tf.Tensor, ranking: Ranking) -> tf.Tensor:
    """Returns the sum, over the pairs that are true, of the weight of the first, `[batch_size]`."""
    counts = tf.cast(tf.math.count_nonzero(pairs, axis=2, dtype=tf.int32), ranking.weights.dtype)
    return tf.reduce_sum(counts * ranking.weights, axis=1)


def _topics(ranking: Ranking) -> tf.Tensor:
    if ranking.topics is None:
        raise ValueError("labels: expected subtopics, found none")
    return ranking.topics
