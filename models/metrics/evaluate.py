"""Metrics over a batch of ranked lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import tensorflow as tf

from models.metrics.contract import PRESETS
from models.metrics.contract import Empty
from models.metrics.contract import MetricContract
from models.metrics.measures import MEASURES
from models.metrics.names import UNCUT
from models.metrics.names import Kind
from models.metrics.names import Metric
from models.metrics.ranking import Ranking
from models.metrics.ranking import rank

TensorLike: TypeAlias = tf.types.experimental.TensorLike


def evaluate(
    scores: TensorLike,
    labels: TensorLike,
    *,
    metrics: Sequence[Metric],
    mask: TensorLike | None = None,
    contract: MetricContract = PRESETS["default"],
    weights: TensorLike | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes metrics list by list, from one sort, eagerly or in a graph, with XLA or without.

    The mean of a metric over lists, however they were batched, is sum(values * weights) /
    sum(weights): see `mean_metrics`. A list without a document is no list: its value and weight
    are 0. ARP weighs a list by its sum of labels and OPA by its number of pairs, and so skip a list
    that has none; for the other metrics a list counts 1, and the contract says what it counts if no
    document is relevant. A NaN score of a document makes all values of its list NaN: a broken model
    has no rank.

    Args:
        scores: `[batch_size, list_size]`, higher is better. Float64 is computed in float64,
            everything else in float32.
        labels: `[batch_size, list_size]`, graded relevance; negative where there is no document.
        metrics: at least one.
        mask: `[batch_size, list_size]`, False where there is no document; `None`: the labels tell.
        contract: the conventions.
        weights: `[batch_size]` or `[batch_size, 1]`, the weight of each list; `None`: 1 each.

    Returns:
        The values and their weights, each `[batch_size, len(metrics)]`, of the type computed in.

    Raises:
        ValueError: where a shape is wrong or there is no metric.

    >>> values, weights = evaluate(
    ...     [[3.0, 1.0, 2.0]], [[0.0, 1.0, 1.0]], metrics=[Metric(Kind.MRR), Metric(Kind.HITS, 1)]
    ... )
    >>> values.numpy().tolist(), weights.numpy().tolist()
    ([[0.5, 0.0]], [[1.0, 1.0]])
    """
    if not metrics:
        raise ValueError("metrics: expected at least one")
    scores, labels, mask = _lists(scores, labels, mask)
    broken = tf.math.is_nan(scores)
    usable = tf.where(broken, tf.zeros_like(scores), scores)
    ranking = rank(usable, labels, mask=mask, contract=contract)
    list_weights = _list_weights(ranking, weights)
    measured = [_measure(ranking, metric) for metric in metrics]
    values = tf.stack([value for value, _ in measured], axis=1)
    counts = tf.stack([count for _, count in measured], axis=1)
    no_number = tf.constant(float("nan"), values.dtype)
    values = tf.where(tf.reduce_any(broken & mask, axis=1)[:, None], no_number, values)
    return values, counts * list_weights[:, None]


def mean_metrics(values: TensorLike, weights: TensorLike) -> tf.Tensor:
    """Returns sum(values * weights) / sum(weights) over lists, `[n_metrics]`.

    Takes what `evaluate` returns, of one batch or of several put together. A metric for which no
    list counts has no mean and is NaN, which passes no threshold.

    >>> mean_metrics([[1.0], [0.5], [0.0]], [[1.0], [1.0], [0.0]]).numpy().tolist()
    [0.75]
    """
    values, weights = tf.convert_to_tensor(values), tf.convert_to_tensor(weights)
    total = tf.reduce_sum(tf.math.multiply_no_nan(values, weights), axis=0)
    return total / tf.reduce_sum(weights, axis=0)


def _lists(
    scores: TensorLike, labels: TensorLike, mask: TensorLike | None
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns scores and labels in the type to compute in, and where there are documents."""
    scores, labels = tf.convert_to_tensor(scores), tf.convert_to_tensor(labels)
    dtype = tf.float64 if scores.dtype == tf.float64 else tf.float32
    scores, labels = tf.cast(scores, dtype), tf.cast(labels, dtype)
    given = tf.ones_like(labels, tf.bool) if mask is None else tf.cast(mask, tf.bool)
    if scores.shape.rank not in (2, None):
        raise ValueError(f"scores: expected [batch_size, list_size], found {scores.shape}")
    for name, tensor in (("labels", labels), ("mask", given)):
        if not scores.shape.is_compatible_with(tensor.shape):
            raise ValueError(
                f"{name}: expected the shape of the scores {scores.shape}, found {tensor.shape}"
            )
    return scores, labels, given & (labels >= 0.0)


def _list_weights(ranking: Ranking, weights: TensorLike | None) -> tf.Tensor:
    """Returns the weight of each list, 0 where it has no document, `[batch_size]`."""
    is_list = tf.cast(ranking.document_count > 0.0, ranking.labels.dtype)
    if weights is None:
        return is_list
    weights = tf.cast(weights, ranking.labels.dtype)
    if weights.shape.rank not in (1, 2) or weights.shape[1:].num_elements() != 1:
        raise ValueError(f"weights: expected [batch_size], found {weights.shape}")
    return is_list * tf.reshape(weights, [-1])


def _measure(ranking: Ranking, metric: Metric) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the value of each list and how much it counts, `[batch_size]` each."""
    value, mass = MEASURES[metric.kind](ranking, metric.topn)
    if metric.kind in UNCUT:
        return value, mass
    empty = ranking.contract.empty
    is_empty = tf.equal(mass, 0.0)
    if empty is Empty.ONE and metric.kind is not Kind.DCG:
        is_list = tf.cast(ranking.document_count > 0.0, value.dtype)
        value = tf.where(is_empty, is_list, value)
    skipped = is_empty & (empty is Empty.SKIP)
    return value, tf.where(skipped, tf.zeros_like(mass), tf.ones_like(mass))
