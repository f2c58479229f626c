"""Lists in the order of their scores: the one sort that all metrics share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import tensorflow as tf

from models.metrics.contract import Discount
from models.metrics.contract import Gain
from models.metrics.contract import MetricContract
from models.metrics.contract import Ties


@dataclass(frozen=True)
class Ranking:
    """A batch of lists, best score first, documents before padding.

    Under `Ties.EXPECTED` a quantity at a rank is its mean over the documents that share that
    rank's score. Under the other policies each document is a tie group of its own, so that every
    formula is written once, for groups.

    Attributes:
        scores: `[batch_size, list_size]`, descending; -inf for padding.
        labels: `[batch_size, list_size]`, 0 for padding; with subtopics the sum over them.
        documents: `[batch_size, list_size]`, 1 for a document and 0 for padding.
        weights: `[batch_size, list_size]`, the weight of a document and 0 for padding.
        topics: `[batch_size, list_size, n_subtopics]`, the label for each subtopic, 0 for padding;
            `None` where there are no subtopics.
        groups: `[batch_size, list_size]` int32, the tie group of a document, numbered through the
            batch; `None` where each document is its own.
        contract: the conventions.
    """

    scores: tf.Tensor
    labels: tf.Tensor
    documents: tf.Tensor
    weights: tf.Tensor
    topics: tf.Tensor | None
    groups: tf.Tensor | None
    contract: MetricContract

    @cached_property
    def ranks(self) -> tf.Tensor:
        """1, 2, ... as `[1, list_size]`."""
        return tf.cast(tf.range(1, tf.shape(self.labels)[1] + 1), self.labels.dtype)[None, :]

    @cached_property
    def discounts(self) -> tf.Tensor:
        """The weight of each rank, `[1, list_size]`."""
        if self.contract.discount is Discount.RECIPROCAL:
            return 1.0 / self.ranks
        # log2(2) = 1, so the first two ranks of LETOR need no case of their own.
        shifted = {
            Discount.LOG2: self.ranks + 1.0,
            Discount.LETOR: tf.maximum(self.ranks, 2.0),
        }[self.contract.discount]
        return tf.cast(tf.math.log(2.0), self.labels.dtype) / tf.math.log(shifted)

    @cached_property
    def gains(self) -> tf.Tensor:
        """The gain of each document, `[batch_size, list_size]`."""
        if self.contract.gain is Gain.LINEAR:
            return self.labels
        if self.contract.gain is Gain.BINARY:
            return self.relevant
        return tf.pow(tf.constant(2.0, self.labels.dtype), self.labels) - 1.0

    @cached_property
    def expected_gains(self) -> tf.Tensor:
        """The weighted gain at each rank, `[batch_size, list_size]`."""
        return self.tie_mean(self.weights * self.gains)

    @cached_property
    def ideal_gains(self) -> tf.Tensor:
        """The weighted gains in their best order, `[batch_size, list_size]`."""
        return tf.sort(self.weights * self.gains, axis=1, direction="DESCENDING")

    @cached_property
    def relevant(self) -> tf.Tensor:
        """1 for a document relevant (to any subtopic) and 0 else, `[batch_size, list_size]`."""
        if self.topics is None:
            found = self.labels >= self.contract.relevant_from
        else:
            found = tf.reduce_any(self.topics >= self.contract.relevant_from, axis=2)
        return tf.cast(found, self.labels.dtype)

    @cached_property
    def relevance(self) -> tf.Tensor:
        """The probability of a relevant document at each rank, `[batch_size, list_size]`."""
        return self.tie_mean(self.relevant)

    @cached_property
    def relevant_count(self) -> tf.Tensor:
        """The number of relevant documents, `[batch_size]`."""
        return tf.reduce_sum(self.relevant, axis=1)

    @cached_property
    def first_relevant(self) -> tf.Tensor:
        """The probability that the first relevant document has a rank, `[batch_size, list_size]`.

        At place i of a tie group of n with r relevant, where none came before, the document is
        relevant with probability r / (n - i + 1): the r are among those left.
        """
        size, place = self.tie_places
        hazard = tf.minimum(size * self.relevance / (size - place + 1.0), 1.0)
        return hazard * tf.math.cumprod(1.0 - hazard, axis=1, exclusive=True)

    @cached_property
    def document_count(self) -> tf.Tensor:
        """The number of documents, `[batch_size]`."""
        return tf.reduce_sum(self.documents, axis=1)

    @cached_property
    def tie_places(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Size of each document's tie group and place in it from 1, `[batch_size, list_size]`."""
        ones = tf.ones_like(self.labels)
        if self.groups is None:
            return ones, ones
        segments = tf.reshape(self.groups, [-1])
        totals = tf.math.unsorted_segment_sum(tf.reshape(ones, [-1]), segments, tf.size(segments))
        firsts = tf.reshape(self.ranks * ones, [-1])
        firsts = tf.math.unsorted_segment_min(firsts, segments, tf.size(segments))
        place = self.ranks - tf.gather(firsts, self.groups) + 1.0
        return tf.gather(totals, self.groups), place

    def tie_mean(self, values: tf.Tensor) -> tf.Tensor:
        """Returns the mean of the values over each tie group, `[batch_size, list_size]`."""
        if self.groups is None:
            return values
        segments = tf.reshape(self.groups, [-1])
        means = tf.math.unsorted_segment_mean(tf.reshape(values, [-1]), segments, tf.size(segments))
        return tf.gather(means, self.groups)

    def above(self, values: tf.Tensor) -> tf.Tensor:
        """Returns the sum of the values over the tie groups above, in the shape of the values."""
        sums = tf.cumsum(values, axis=1, exclusive=True)
        if self.groups is None:
            return sums
        _, place = self.tie_places
        return tf.gather(sums, tf.cast(self.ranks - place, tf.int32), batch_dims=1)

    def top(self, topn: int | None) -> tf.Tensor:
        """Returns 1 for the first `topn` ranks and 0 after, `[1, list_size]`."""
        if topn is None:
            return tf.ones_like(self.ranks)
        return tf.cast(self.ranks <= float(topn), self.labels.dtype)


def rank(
    scores: tf.Tensor,
    labels: tf.Tensor,
    *,
    mask: tf.Tensor,
    weights: tf.Tensor | None = None,
    contract: MetricContract,
) -> Ranking:
    """Sorts each list by score, best first.

    `scores`, `labels` and `weights` (`None`: 1 each) are `[batch_size, list_size]` of one float
    type, labels may have a third axis for subtopics, `mask` is bool and False where there is no
    document. No score may be NaN.
    """
    topics = None
    if labels.shape.rank == 3:
        topics = tf.maximum(labels, 0.0)
        labels = tf.reduce_sum(topics, axis=2)
    infinity = tf.constant(float("inf"), scores.dtype)
    # A sort may tell -0.0 from 0.0, the comparison of scores does not.
    scores = tf.where(scores == 0.0, tf.zeros_like(scores), scores)
    # Sorting by the lesser key first, then stably by score, is sorting by both. Padding has the
    # last place in both, so that it stands behind documents of score -inf as well.
    order = tf.argsort(tf.where(mask, _tie_keys(labels, contract), infinity), axis=1, stable=True)
    keys = tf.gather(tf.where(mask, scores, -infinity), order, batch_dims=1)
    by_score = tf.argsort(keys, axis=1, direction="DESCENDING", stable=True)
    order = tf.gather(order, by_score, batch_dims=1)
    scores = tf.gather(keys, by_score, batch_dims=1)
    found = tf.gather(mask, order, batch_dims=1)
    documents = tf.cast(found, scores.dtype)

    def sort(values: tf.Tensor) -> tf.Tensor:
        values = tf.gather(values, order, batch_dims=1)
        kept = found if values.shape.rank == 2 else found[:, :, tf.newaxis]
        return tf.where(kept, values, tf.zeros_like(values))

    return Ranking(
        scores=scores,
        labels=sort(labels),
        documents=documents,
        weights=documents if weights is None else sort(weights),
        topics=None if topics is None else sort(topics),
        groups=_tie_groups(scores, found) if contract.ties is Ties.EXPECTED else None,
        contract=contract,
    )


def _tie_keys(labels: tf.Tensor, contract: MetricContract) -> tf.Tensor:
    """Returns by what documents of one score are sorted, lowest first."""
    if contract.ties is Ties.WORST:
        return labels
    if contract.ties is Ties.RANDOM:
        # The generator is named, or it would be another one under XLA.
        return tf.random.stateless_uniform(
            tf.shape(labels), seed=[contract.seed, 0], dtype=labels.dtype, alg="philox"
        )
    return tf.zeros_like(labels)


def _tie_groups(scores: tf.Tensor, documents: tf.Tensor) -> tf.Tensor:
    """Numbers the runs of equal scores; a list and the padding behind it begin runs of their own.

    Numbers are below `batch_size * list_size`, so that they can be the segments of a batch.
    """
    starts = (scores[:, 1:] != scores[:, :-1]) | (documents[:, 1:] != documents[:, :-1])
    starts = tf.concat([tf.zeros_like(documents[:, :1]), starts], axis=1)
    within = tf.cumsum(tf.cast(starts, tf.int32), axis=1)
    size = tf.shape(scores)
    return within + (tf.range(size[0]) * size[1])[:, None]
