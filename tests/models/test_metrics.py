"""The value of every metric against its formula, and what `evaluate` does with its arguments."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from models.metrics import PRESETS
from models.metrics import Empty
from models.metrics import Kind
from models.metrics import Metric
from models.metrics import MetricContract
from models.metrics import Ties
from models.metrics import evaluate
from models.metrics import mean_metrics
from models.metrics import preset

LABELS = [0.0, 2.0, 0.0, 1.0, 4.0, 0.5]
"""The labels of one list in the order of its scores."""
SCORES = [0.9, 0.5, 0.1, -2.0, -2.5, -7.0]


def _dcg(labels: list[float], k: int) -> float:
    return sum((2**label - 1) / math.log2(1 + rank) for rank, label in enumerate(labels[:k], 1))


def _relevant_ranks(labels: list[float], k: int) -> list[int]:
    return [rank for rank, label in enumerate(labels[:k], 1) if label >= 1]


FORMULAS: dict[Kind, Callable[[list[float], int], float]] = {
    Kind.DCG: _dcg,
    Kind.NDCG: lambda y, k: _dcg(y, k) / _dcg(sorted(y, reverse=True), k),
    Kind.MRR: lambda y, k: max([1 / rank for rank in _relevant_ranks(y, k)], default=0),
    Kind.HITS: lambda y, k: float(bool(_relevant_ranks(y, k))),
    Kind.MAP: lambda y, k: (
        sum(len(_relevant_ranks(y, r)) / r for r in _relevant_ranks(y, k))
        / len(_relevant_ranks(y, len(y)))
    ),
    Kind.PRECISION: lambda y, k: len(_relevant_ranks(y, k)) / min(k, len(y)),
    Kind.RECALL: lambda y, k: len(_relevant_ranks(y, k)) / len(_relevant_ranks(y, len(y))),
    Kind.ARP: lambda y, _: sum(label * rank for rank, label in enumerate(y, 1)) / sum(y),
    Kind.OPA: lambda y, _: (
        sum(a > b for i, a in enumerate(y) for b in y[i:]) / sum(a > b for a in y for b in y)
    ),
}
CASES = [
    (kind, topn)
    for kind in Kind
    for topn in ((None,) if kind in (Kind.ARP, Kind.OPA) else (None, 1, 2, 3, 5, 9))
]


@pytest.mark.parametrize(("kind", "topn"), CASES)
def test_value_is_the_formula(kind: Kind, topn: int | None) -> None:
    values, _ = evaluate([SCORES], [LABELS], metrics=[Metric(kind, topn)])
    assert values.numpy()[0, 0] == pytest.approx(FORMULAS[kind](LABELS, topn or 6), rel=1e-6)


def test_gain_discount_and_threshold_are_the_contract() -> None:
    metrics = [Metric(Kind.DCG)]
    values, _ = evaluate([[3.0, 2.0, 1.0]], [[1.0, 3.0, 2.0]], metrics=metrics)
    letor, _ = evaluate(
        [[3.0, 2.0, 1.0]], [[1.0, 3.0, 2.0]], metrics=metrics, contract=preset("letor")
    )
    linear, _ = evaluate(
        [[3.0, 2.0, 1.0]], [[1.0, 3.0, 2.0]], metrics=metrics, contract=preset("tfma")
    )
    assert values.numpy()[0, 0] == pytest.approx(1 + 7 / math.log2(3) + 3 / 2)
    assert letor.numpy()[0, 0] == pytest.approx(1 + 7 + 3 / math.log2(3))
    assert linear.numpy()[0, 0] == pytest.approx(1 + 3 / math.log2(3) + 2 / 2)
    graded = MetricContract(relevant_from=3.0)
    values, _ = evaluate(
        [[3.0, 2.0, 1.0]], [[1.0, 3.0, 2.0]], metrics=[Metric(Kind.MRR)], contract=graded
    )
    assert values.numpy()[0, 0] == pytest.approx(1 / 2)


def test_ideal_ranking_is_over_the_whole_list() -> None:
    """The best document stands below the cut, and is in the ideal ranking all the same."""
    values, _ = evaluate([[2.0, 1.0]], [[1.0, 3.0]], metrics=[Metric(Kind.NDCG, 1)])
    assert values.numpy()[0, 0] == pytest.approx(1 / 7)


@pytest.mark.parametrize(
    ("empty", "value", "weight"), [(Empty.ZERO, 0, 1), (Empty.ONE, 1, 1), (Empty.SKIP, 0, 0)]
)
def test_list_without_relevant_document(empty: Empty, value: float, weight: float) -> None:
    """ARP and OPA have nothing to weigh there; no DCG is above 0."""
    metrics = [Metric(kind) for kind in Kind]
    values, weights = evaluate(
        [[1.0, 2.0]], [[0.0, 0.0]], metrics=metrics, contract=MetricContract(empty=empty)
    )
    for metric, got, counted in zip(metrics, values.numpy()[0], weights.numpy()[0], strict=True):
        pooled = metric.kind in (Kind.ARP, Kind.OPA)
        assert got == (0 if pooled or metric.kind is Kind.DCG else value), metric.name
        assert counted == (0 if pooled else weight), metric.name


def test_weights_are_of_lists_of_labels_and_of_pairs() -> None:
    metrics = [Metric(Kind.NDCG), Metric(Kind.ARP), Metric(Kind.OPA)]
    scores, labels = [[3.0, 2.0, 1.0]] * 2, [[2.0, 1.0, 0.0], [1.0, -1.0, -1.0]]
    _, weights = evaluate(scores, labels, metrics=metrics, weights=[0.5, 4.0])
    np.testing.assert_allclose(weights, [[0.5, 0.5 * 3, 0.5 * 3], [4.0, 4.0 * 1, 0.0]])
    _, same = evaluate(scores, labels, metrics=metrics, weights=[[0.5], [4.0]])
    np.testing.assert_array_equal(weights, same)


def test_mean_leaves_out_what_does_not_count() -> None:
    means = mean_metrics([[1.0, 0.5], [0.0, math.nan]], [[1.0, 1.0], [3.0, 0.0]])
    np.testing.assert_allclose(means, [0.25, 0.5])
    assert np.isnan(mean_metrics([[1.0]], [[0.0]]).numpy()).all()


def test_nan_score_of_a_document_has_no_value_and_of_padding_no_effect() -> None:
    scores = [[math.nan, 1.0, 2.0], [1.0, 2.0, math.nan]]
    labels = [[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]]
    for contract in PRESETS.values():
        metrics = [Metric(kind) for kind in Kind]
        values, _ = evaluate(scores, labels, metrics=metrics, contract=contract)
        assert np.isnan(values.numpy()[0]).all()
        assert np.isfinite(values.numpy()[1]).all()


def test_type_follows_the_scores() -> None:
    """Scores that differ only in float64 are no tie there."""
    metrics = [Metric(Kind.MRR)]
    scores = np.array([[1.0 + 1e-12, 1.0]])
    exact, _ = evaluate(scores, np.array([[1, 0]]), metrics=metrics)
    rounded, _ = evaluate(scores.astype(np.float32), np.array([[1, 0]]), metrics=metrics)
    half, _ = evaluate(tf.constant([[2, 1]], tf.bfloat16), [[1.0, 0.0]], metrics=metrics)
    assert (exact.dtype, exact.numpy()[0, 0]) == (tf.float64, 1.0)
    assert (rounded.dtype, rounded.numpy()[0, 0]) == (tf.float32, 0.5)
    assert (half.dtype, half.numpy()[0, 0]) == (tf.float32, 1.0)


def test_same_seed_same_shuffle() -> None:
    scores, labels = np.zeros((50, 9)), np.tile(np.arange(9.0), (50, 1))
    draws = [
        evaluate(
            scores,
            labels,
            metrics=[Metric(Kind.NDCG)],
            contract=MetricContract(ties=Ties.RANDOM, seed=seed),
        )[0].numpy()
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()


def test_wrong_shapes_are_refused() -> None:
    metrics = [Metric(Kind.NDCG)]
    with pytest.raises(ValueError, match=r"^metrics: expected at least one$"):
        evaluate([[1.0]], [[1.0]], metrics=[])
    with pytest.raises(
        ValueError, match=r"^scores: expected \[batch_size, list_size\], found \(2,\)$"
    ):
        evaluate([1.0, 2.0], [1.0, 0.0], metrics=metrics)
    with pytest.raises(
        ValueError, match=r"^labels: expected the shape of the scores \(1, 2\), found \(1, 1\)$"
    ):
        evaluate([[1.0, 2.0]], [[1.0]], metrics=metrics)
    with pytest.raises(
        ValueError, match=r"^mask: expected the shape of the scores \(1, 1\), found \(1,\)$"
    ):
        evaluate([[1.0]], [[1.0]], metrics=metrics, mask=[True])
    with pytest.raises(ValueError, match=r"^weights: expected \[batch_size\], found \(1, 2\)$"):
        evaluate([[1.0, 2.0]], [[1.0, 0.0]], metrics=metrics, weights=[[1.0, 1.0]])
