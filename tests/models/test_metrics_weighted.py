"""Weighted metrics: what weights do to values and to lists."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import tensorflow as tf

from models.metrics import PRESETS
from models.metrics import SUBTOPIC
from models.metrics import Empty
from models.metrics import EmptyWeight
from models.metrics import Kind
from models.metrics import Metric
from models.metrics import MetricContract
from models.metrics import Ties
from models.metrics import evaluate
from models.metrics import parse_metric
from tests.models.metric_cases import FLAT
from tests.models.metric_cases import LISTWISE
from tests.models.metric_cases import Array
from tests.models.metric_cases import by_subtopic
from tests.models.metric_cases import cuts
from tests.models.metric_cases import measure

WEIGHTED = cuts(LISTWISE, 2, weighted=True)
CONTRACTS = {**PRESETS, "expected": MetricContract(ties=Ties.EXPECTED)}
every_weighted = pytest.mark.parametrize("metric", WEIGHTED, ids=lambda metric: metric.name)


def _lists() -> tuple[Array, Array, Array]:
    """Returns tied scores, labels and weights; a list has nothing relevant, one no weight."""
    rng = np.random.default_rng(2)
    scores, labels = rng.integers(0, 3, (9, 6)), rng.choice([-1, 0, 0.5, 1, 2, 4], (9, 6))
    weights = rng.uniform(0.5, 2, (9, 6)) * (rng.random((9, 6)) < 0.8)
    labels[0] = np.minimum(labels[0], 0)
    weights[1] = 0
    return scores.astype(np.float32), labels.astype(np.float32), weights.astype(np.float32)


def test_documents_count_by_their_weights() -> None:
    scores, labels, weights = [[4.0, 3.0, 2.0, 1.0]], [[1.0, 2.0, 0.0, 1.0]], [[0.5, 2.0, 4.0, 1.0]]
    names = ("dcg", "ndcg", "map", "arp", "opa", "mrr")
    found, counts = evaluate(
        scores, labels, metrics=[parse_metric(f"weighted_{n}") for n in names], weights=weights
    )
    dcg = 0.5 * 1 + 2 * 3 / math.log2(3) + 1 * 1 / math.log2(5)
    ideal = 2 * 3 + 1 * 1 / math.log2(3) + 0.5 * 1 / math.log2(4)
    by_gain = (0.5 * 1 + 2 * 3 + 1 * 1) / (1 + 3 + 1)
    by_relevance = (0.5 + 2 + 1) / 3
    labels_sum = 0.5 * 1 + 2 * 2 + 1 * 1
    pairs = 0.5 * 1 + 2 * 3 + 1 * 1
    expected = {
        "dcg": (dcg / by_gain, by_gain),
        "ndcg": (dcg / ideal, by_gain),
        "map": ((0.5 * 1 + 2 * 1 + 1 * 3 / 4) / (0.5 + 2 + 1), by_relevance),
        "arp": ((0.5 * 1 + 2 * 2 * 2 + 1 * 4) / labels_sum, labels_sum),
        "opa": ((0.5 * 1 + 2 * 2) / pairs, pairs),
        "mrr": (1, by_relevance),
    }
    for i, name in enumerate(names):
        got = found.numpy()[0, i], counts.numpy()[0, i]
        assert got == pytest.approx(expected[name]), name


@every_weighted
@pytest.mark.parametrize("name", CONTRACTS)
def test_equal_weights_are_weights_of_lists(metric: Metric, name: str) -> None:
    """The values are those without weights, and each list weighs as it did, times its weight."""
    scores, labels, _ = _lists()
    weights = np.linspace(0.5, 2, 9, dtype=np.float32)
    plain = Metric(metric.kind, metric.topn)
    want, mass = measure(plain, scores, labels, contract=CONTRACTS[name])
    for given in (weights, weights[:, None], np.tile(weights[:, None], 6)):
        got, counts = measure(metric, scores, labels, contract=CONTRACTS[name], weights=given)
        np.testing.assert_allclose(got, want, rtol=1e-5)
        np.testing.assert_allclose(counts, mass * weights[:, None], rtol=1e-5)


@every_weighted
def test_document_without_weight_is_none(metric: Metric) -> None:
    """As if it were padding; with subtopics it keeps its rank and adds nothing."""
    scores, labels, weights = _lists()
    got = measure(metric, scores, labels, contract=CONTRACTS["expected"], weights=weights)
    assert (got[0].numpy()[1], got[1].numpy()[1]) == (0, 0) or metric.kind in SUBTOPIC
    assert got[1].numpy()[1] == 0
    if metric.kind not in SUBTOPIC:
        want = measure(
            metric,
            scores,
            np.where(weights > 0, labels, -1),
            contract=CONTRACTS["expected"],
            weights=np.maximum(weights, 0.1),
        )
        np.testing.assert_array_equal(got, want)


@every_weighted
@pytest.mark.parametrize("name", [name for name in CONTRACTS if name != "tf-ranking"])
def test_batch_equals_one_by_one(metric: Metric, name: str) -> None:
    scores, labels, weights = _lists()
    want = measure(metric, scores, labels, contract=CONTRACTS[name], weights=weights)
    for i in range(0, 9, 4):
        one = slice(i, i + 1)
        got = measure(
            metric, scores[one], labels[one], contract=CONTRACTS[name], weights=weights[one]
        )
        np.testing.assert_allclose(got[0], want[0][one], rtol=1e-5)
        np.testing.assert_allclose(got[1], want[1][one], rtol=1e-5)


def test_list_without_relevant_document_weighs_by_its_documents_or_its_batch() -> None:
    scores, labels = [[2.0, 1.0]] * 3, [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    weights, metrics = [[3.0, 5.0], [1.0, 9.0], [9.0, 2.0]], [parse_metric("weighted_ndcg")]
    expected = {EmptyWeight.OWN: (3 + 5) / 2, EmptyWeight.BATCH: (1 + 2) / 2}
    for policy, weight in expected.items():
        contract = MetricContract(empty_weight=policy)
        _, counts = evaluate(scores, labels, metrics=metrics, contract=contract, weights=weights)
        np.testing.assert_allclose(counts[:, 0], [weight, 1, 2])
        contract = MetricContract(empty_weight=policy, empty=Empty.SKIP)
        _, counts = evaluate(scores, labels, metrics=metrics, contract=contract, weights=weights)
        np.testing.assert_allclose(counts[:, 0], [0, 1, 2])


def test_other_metrics_ignore_the_weights() -> None:
    scores, labels, weights = _lists()
    metrics = cuts(FLAT, 2)
    both = [parse_metric("weighted_ndcg"), *metrics]
    got = evaluate(scores, labels, metrics=both, weights=weights)
    want = evaluate(scores, labels, metrics=metrics)
    for one, other in zip(got, want, strict=True):
        np.testing.assert_array_equal(one[:, 1:], other)


def test_expected_is_the_mean_over_shuffles_with_weights() -> None:
    rng = np.random.default_rng(4)
    scores, labels = np.zeros((1, 6)), rng.choice([0, 0.5, 1, 2, 4], (1, 6))
    weights = rng.uniform(0.5, 2, (1, 6))
    many = [np.tile(array, (4000, 1)) for array in (scores, labels, weights)]
    for metric in WEIGHTED:
        contract = MetricContract(ties=Ties.RANDOM)
        draws, _ = measure(metric, many[0], many[1], contract=contract, weights=many[2])
        mean, _ = measure(metric, scores, labels, contract=CONTRACTS["expected"], weights=weights)
        error = 4 * draws.numpy().std() / np.sqrt(4000) + 1e-6
        tied_pairs_are_half_right = metric.kind is Kind.OPA
        assert tied_pairs_are_half_right or abs(draws.numpy().mean() - mean.numpy().item()) < error


@pytest.mark.parametrize("name", CONTRACTS)
def test_xla_gives_the_same(name: str) -> None:
    scores, labels, weights = map(tf.constant, _lists())
    topics = tf.constant(by_subtopic(labels.numpy()))
    compute = tf.function(evaluate, jit_compile=True)
    for kinds, graded in ((FLAT, labels), (SUBTOPIC, topics)):
        metrics, contract = tuple(cuts(kinds, 2, weighted=True)), CONTRACTS[name]
        got = compute(scores, graded, metrics=metrics, contract=contract, weights=weights)
        want = evaluate(scores, graded, metrics=metrics, contract=contract, weights=weights)
        for one, other in zip(got, want, strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-6, atol=1e-6)


def test_what_is_refused() -> None:
    scores, labels, metrics = [[1.0, 2.0, 3.0]], [[1.0, 0.0, 2.0]], [parse_metric("weighted_mrr@5")]
    with pytest.raises(ValueError, match=r"^weights: weighted_mrr@5 needs them, found none$"):
        evaluate(scores, labels, metrics=metrics)
    for wrong in ([[1.0, 1.0]], [[[1.0]]], 1.0, [1.0, 1.0]):
        error = (
            "weights: expected the shape of the scores (1, 3) or one weight for each list,"
            f" found {tf.constant(wrong).shape if isinstance(wrong, list) else ()}"
        )
        if wrong == [1.0, 1.0]:
            error = error.replace("(2,)", "(2, 1)")
        with pytest.raises(ValueError, match=f"^{re.escape(error)}$"):
            evaluate(scores, labels, metrics=metrics, weights=wrong)
