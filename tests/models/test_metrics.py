"""The value of every metric against its formula, and what `evaluate` does with its arguments."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from models.metrics import PRESETS
from models.metrics import UNCUT
from models.metrics import Discount
from models.metrics import Empty
from models.metrics import Gain
from models.metrics import Kind
from models.metrics import Metric
from models.metrics import MetricContract
from models.metrics import Ties
from models.metrics import evaluate
from models.metrics import mean_metrics
from models.metrics import preset
from tests.models.metric_cases import FLAT
from tests.models.metric_cases import cuts

LABELS = [0.0, 2.0, 0.0, 1.0, 4.0, 0.5]
"""The labels of one list in the order of its scores."""
SCORES = [0.9, 0.5, 0.1, -2.0, -2.5, -7.0]


def _dcg(labels: list[float], k: int) -> float:
    return sum((2**label - 1) / math.log2(1 + rank) for rank, label in enumerate(labels[:k], 1))


def _relevant_ranks(labels: list[float], k: int) -> list[int]:
    return [rank for rank, label in enumerate(labels[:k], 1) if label >= 1]


def _judged(labels: list[float]) -> tuple[int, int]:
    relevant = len(_relevant_ranks(labels, len(labels)))
    return relevant, len(labels) - relevant


FORMULAS: dict[Kind, Callable[[list[float], int], float]] = {
    Kind.DCG: _dcg,
    Kind.NDCG: lambda y, k: _dcg(y, k) / _dcg(sorted(y, reverse=True), k),
    Kind.MRR: lambda y, k: max([1 / rank for rank in _relevant_ranks(y, k)], default=0),
    Kind.HIT_RATE: lambda y, k: float(bool(_relevant_ranks(y, k))),
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
    Kind.BPREF: lambda y, k: (
        sum(
            1 - min(r - i, len(_relevant_ranks(y, len(y)))) / min(_judged(y))
            for i, r in enumerate(_relevant_ranks(y, k), 1)
        )
        / _judged(y)[0]
    ),
    Kind.PWA: lambda y, k: (
        sum(label / rank for rank, label in enumerate(y[:k], 1))
        / sum(1 / rank for rank in range(1, min(k, len(y)) + 1))
    ),
    Kind.GAUC: lambda y, _: (
        sum(a >= 1 > b for i, a in enumerate(y) for b in y[i:]) / math.prod(_judged(y))
    ),
}
METRICS = [Metric(kind) for kind in FLAT]


@pytest.mark.parametrize("metric", cuts(FLAT, 1, 2, 3, 5, 9), ids=lambda metric: metric.name)
def test_value_is_the_formula(metric: Metric) -> None:
    values, _ = evaluate([SCORES], [LABELS], metrics=[metric])
    expected = FORMULAS[metric.kind](LABELS, metric.topn or 6)
    assert values.numpy()[0, 0] == pytest.approx(expected, rel=1e-6)


def test_bpref_counts_irrelevant_documents_up_to_the_relevant() -> None:
    """Of R = 2 relevant, the second stands below three irrelevant, which count as two."""
    scores, labels = [[6.0, 5.0, 4.0, 3.0, 2.0]], [[1.0, 0.0, 0.0, 0.0, 1.0]]
    values, _ = evaluate(scores, labels, metrics=[Metric(Kind.BPREF)])
    assert values.numpy()[0, 0] == pytest.approx((1 + (1 - 2 / 2)) / 2)
    # With N = 1 below R = 3, TREC divides by 1 and the paper by 3.
    scores, labels = [[4.0, 3.0, 2.0, 1.0]], [[0.0, 1.0, 1.0, 1.0]]
    trec, _ = evaluate(scores, labels, metrics=[Metric(Kind.BPREF)])
    paper, _ = evaluate(
        scores, labels, metrics=[Metric(Kind.BPREF)], contract=MetricContract(trec_bpref=False)
    )
    assert (trec.numpy()[0, 0], paper.numpy()[0, 0]) == (0, pytest.approx(2 / 3))


def test_binary_gain_and_reciprocal_discount() -> None:
    contract = MetricContract(gain=Gain.BINARY, discount=Discount.RECIPROCAL, relevant_from=2.0)
    values, _ = evaluate(
        [[3.0, 2.0, 1.0]], [[2.0, 1.0, 4.0]], metrics=[Metric(Kind.DCG)], contract=contract
    )
    assert values.numpy()[0, 0] == pytest.approx(1 + 1 / 3)


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
    """ARP and OPA have nothing to weigh there; no DCG and no mean label is above 0."""
    values, weights = evaluate(
        [[1.0, 2.0]], [[0.0, 0.0]], metrics=METRICS, contract=MetricContract(empty=empty)
    )
    for metric, got, counted in zip(METRICS, values.numpy()[0], weights.numpy()[0], strict=True):
        pooled = metric.kind in UNCUT
        unbounded = metric.kind in (Kind.DCG, Kind.PWA)
        assert got == (0 if pooled or unbounded else value), metric.name
        assert counted == (0 if pooled else weight), metric.name


def test_lists_weigh_1_or_their_labels_or_their_pairs() -> None:
    metrics = [Metric(Kind.NDCG), Metric(Kind.ARP), Metric(Kind.OPA)]
    scores, labels = [[3.0, 2.0, 1.0]] * 2, [[2.0, 1.0, 0.0], [1.0, -1.0, -1.0]]
    _, weights = evaluate(scores, labels, metrics=metrics)
    np.testing.assert_allclose(weights, [[1, 3, 3], [1, 1, 0]])


def test_mean_leaves_out_what_does_not_count() -> None:
    means = mean_metrics([[1.0, 0.5], [0.0, math.nan]], [[1.0, 1.0], [3.0, 0.0]])
    np.testing.assert_allclose(means, [0.25, 0.5])
    assert np.isnan(mean_metrics([[1.0]], [[0.0]]).numpy()).all()


def test_nan_score_of_a_document_has_no_value_and_of_padding_no_effect() -> None:
    scores = [[math.nan, 1.0, 2.0], [1.0, 2.0, math.nan]]
    labels = [[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]]
    for contract in PRESETS.values():
        values, _ = evaluate(scores, labels, metrics=METRICS, contract=contract)
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


def test_ragged_lists_are_padded_ones() -> None:
    scores, labels = [[1.0, 3.0], [5.0], [2.0, 4.0, 3.0]], [[1.0, 0.0], [1.0], [0.0, 1.0, 2.0]]
    ragged = evaluate(tf.ragged.constant(scores), tf.ragged.constant(labels), metrics=METRICS)
    padded = evaluate(
        [row + [9.0] * (3 - len(row)) for row in scores],
        [row + [-1.0] * (3 - len(row)) for row in labels],
        metrics=METRICS,
    )
    for one, other in zip(ragged, padded, strict=True):
        np.testing.assert_array_equal(one, other)
