"""Metrics over a whole catalogue, from the ranks that the relevant documents have in it.

The ranks, with ties at their worst, place the relevant documents in a list as long as the cut-off,
in which all other documents have label 0; `evaluate` measures that list like any other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from models.metrics.contract import PRESETS
from models.metrics.contract import MetricContract
from models.metrics.evaluate import evaluate
from models.metrics.names import Metric
from models.metrics.names import parse_metric


def evaluate_full(
    ranks: ArrayLike,
    labels: ArrayLike,
    *,
    metrics: Sequence[Metric],
    contract: MetricContract = PRESETS["default"],
) -> tuple[tf.Tensor, tf.Tensor]:
    """Computes metrics of documents that were ranked among a whole catalogue.

    What is in the catalogue but not in the list is not relevant. Cut-offs are taken for smaller
    than the catalogue, and ties for broken at their worst, whatever the contract says of them.

    Args:
        ranks: `[batch_size, list_size]`, from 1: see `placed`.
        labels: `[batch_size, list_size]`; negative where there is no document.
        metrics: at least one, all of them `full`.
        contract: the conventions.

    Returns:
        The values and their weights as `evaluate` returns them.

    Raises:
        ValueError: where a metric is not `full`, or there is none.

    >>> metrics = [parse_metric("full_mrr@10"), parse_metric("full_hit_rate@10")]
    >>> values, weights = evaluate_full([[4, 2], [11, 7]], [[1, 0], [1, 0]], metrics=metrics)
    >>> values.numpy().tolist(), weights.numpy().tolist()
    ([[0.25, 1.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]])
    """
    for metric in metrics:
        if not metric.full:
            raise ValueError(f"metrics: {metric.name} is none over the full catalogue")
    scores, at_ranks = as_lists(ranks, labels, metrics=metrics)
    sampled = [dataclasses.replace(metric, full=False) for metric in metrics]
    return evaluate(scores, at_ranks, metrics=sampled, contract=contract)


def as_lists(
    ranks: ArrayLike, labels: ArrayLike, *, metrics: Sequence[Metric]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Returns scores and labels of lists that these metrics value as they do the catalogue.

    Both are `[batch_size, n]`, where n grows with the largest cut-off; see `evaluate_full`.
    """
    at_ranks = placed(ranks, labels, topn=max((metric.topn or 1 for metric in metrics), default=1))
    scores = -np.arange(at_ranks.shape[1], dtype=np.float32)
    return np.broadcast_to(scores, at_ranks.shape), at_ranks


def placed(ranks: ArrayLike, labels: ArrayLike, *, topn: int) -> NDArray[np.float32]:
    """Returns the catalogue's labels in the order of its ranking.

    A document's rank is 1 more than the number of others that do not score below it; documents of
    one score so share a rank, the last of those that are theirs. Of these the higher labels get the
    later ones.

    Args:
        ranks: `[batch_size, list_size]`, from 1; any number where the label is not positive.
        labels: `[batch_size, list_size]`.
        topn: how many ranks to tell apart.

    Returns:
        `[batch_size, topn + list_size]`: the labels of the first `topn` ranks; then those of the
        later ones in their order, and negative numbers where there are no more.

    >>> placed([[3, 3, 9]], [[2.0, 1.0, 1.0]], topn=4).tolist()
    [[0.0, 1.0, 2.0, 0.0, -1.0, -1.0, 1.0]]
    """
    grades = np.asarray(labels, np.float32)
    relevant = grades > 0
    # Behind all others, in ranks that nothing shares.
    last = np.iinfo(np.int32).max
    given = np.where(relevant, np.asarray(ranks, np.int64), last)
    order = np.lexsort((grades, given), axis=1)
    given, grades, relevant = (
        np.take_along_axis(array, order, axis=1) for array in (given, grades, relevant)
    )
    n_lists, list_size = grades.shape
    place = np.arange(list_size)
    # Whoever shares a rank with the next one stands before it; and no one before the first place.
    ahead = np.minimum.accumulate((given - place)[:, ::-1], axis=1)[:, ::-1]
    own = np.maximum.accumulate(np.maximum(ahead, 1), axis=1) + place
    found = np.zeros((n_lists, topn + list_size), np.float32)
    found[:, topn:] = -1.0
    columns = np.where(own <= topn, own - 1, topn + place)
    rows = np.broadcast_to(np.arange(n_lists)[:, np.newaxis], columns.shape)
    found[rows[relevant], columns[relevant]] = grades[relevant]
    return found


def disagreement(differences: Mapping[str, float]) -> str:
    """Returns a warning where sampled candidates and the full catalogue prefer different models.

    Args:
        differences: by the names of metrics how much higher they are for one model than for
            another.

    Returns:
        One line that names the metrics of unlike sign; empty where all agree.

    >>> disagreement({"ndcg@10": 0.02, "full_ndcg@10": 0.01, "mrr@10": -0.1})
    ''
    >>> print(disagreement({"ndcg@10": 0.02, "full_ndcg@10": -0.01})[:78])
    warning: sampled candidates and the full catalogue disagree on the better mode
    """
    found = []
    for name, over_all in differences.items():
        metric = parse_metric(name)
        sampled = dataclasses.replace(metric, full=False).name
        if metric.full and differences.get(sampled, 0.0) * over_all < 0:
            found.append(f"{sampled} {differences[sampled]:+.4f}, {name} {over_all:+.4f}")
    if not found:
        return ""
    return (
        f"warning: sampled candidates and the full catalogue disagree on the better model:"
        f" {'; '.join(found)}; metrics over a sample need not keep the order of models (Krichene"
        ' and Rendle, "On Sampled Metrics for Item Recommendation", KDD 2020)'
    )
