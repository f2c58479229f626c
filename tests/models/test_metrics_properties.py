"""What holds for every metric, whatever its formula: one suite, over every kind there is."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from models.metrics import PRESETS
from models.metrics import SUBTOPIC
from models.metrics import Kind
from models.metrics import Metric
from models.metrics import MetricContract
from models.metrics import Ties
from models.metrics import evaluate
from tests.models.metric_cases import FLAT
from tests.models.metric_cases import LISTWISE
from tests.models.metric_cases import Array
from tests.models.metric_cases import by_subtopic
from tests.models.metric_cases import cuts
from tests.models.metric_cases import measure

Pair = tuple[tf.Tensor, tf.Tensor]
METRICS = cuts(LISTWISE, 1, 3)
CONTRACTS = {**PRESETS, "expected": MetricContract(ties=Ties.EXPECTED)}
# A shuffle depends on the place of a document in the batch, so only its distribution can hold.
ORDERLY = {name: c for name, c in CONTRACTS.items() if c.ties is not Ties.RANDOM}

every_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
every_contract = pytest.mark.parametrize("name", CONTRACTS)
every_orderly = pytest.mark.parametrize("name", ORDERLY)


def _lists(tied: bool, batch_size: int = 12, list_size: int = 7) -> tuple[Array, Array]:
    """Returns scores and labels: ragged lists with padding inside, one empty, one all padding."""
    rng = np.random.default_rng(7)
    shape = (batch_size, list_size)
    scores = rng.integers(0, 3, shape) if tied else rng.permuted(np.indices(shape)[1], axis=1)
    labels = rng.choice([0, 0, 0.5, 1, 2, 4], shape)
    labels[rng.random(shape) < 0.3] = -1
    labels[0] = np.minimum(labels[0], 0)
    labels[1] = -1
    return scores.astype(np.float32), labels.astype(np.float32)


def _equal(got: tuple[tf.Tensor, tf.Tensor], want: tuple[tf.Tensor, tf.Tensor]) -> None:
    for one, other in zip(got, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-6, atol=1e-6)


@every_metric
@every_orderly
def test_padding_changes_nothing(metric: Metric, name: str) -> None:
    """Neither by label nor by mask, in front or behind, whatever its scores and labels are."""
    scores, labels = _lists(tied=True)
    want = measure(metric, scores, labels, contract=CONTRACTS[name])
    for where in ((2, 0), (0, 3)):
        for junk in (-np.inf, 3e38, np.nan, 1.0):
            wider = np.pad(scores, ((0, 0), where), constant_values=junk)
            by_label = np.pad(labels, ((0, 0), where), constant_values=-1.0)
            by_mask = np.pad(labels, ((0, 0), where), constant_values=abs(junk))
            mask = np.pad(labels >= 0, ((0, 0), where))
            got = measure(metric, wider, by_label, contract=CONTRACTS[name])
            _equal(got, want)
            got = measure(metric, wider, by_mask, mask=mask, contract=CONTRACTS[name])
            _equal(got, want)


@every_metric
@every_orderly
def test_batch_equals_one_by_one(metric: Metric, name: str) -> None:
    scores, labels = _lists(tied=True)
    want = measure(metric, scores, labels, contract=CONTRACTS[name])
    single = [
        measure(metric, scores[[i]], labels[[i]], contract=CONTRACTS[name])
        for i in range(len(scores))
    ]
    _equal((tf.concat([v for v, _ in single], 0), tf.concat([w for _, w in single], 0)), want)


@every_metric
@every_contract
def test_order_of_documents_changes_nothing(metric: Metric, name: str) -> None:
    """With ties this holds where the contract does not look at the order in the list."""
    contract = CONTRACTS[name]
    sums_alone = contract.ties is Ties.WORST and metric.kind is Kind.ALPHA_DCG
    tied = contract.ties in (Ties.WORST, Ties.EXPECTED) and not sums_alone
    scores, labels = _lists(tied)
    order = np.random.default_rng(1).permutation(scores.shape[1])
    got = measure(metric, scores[:, order], labels[:, order], contract=contract)
    _equal(got, measure(metric, scores, labels, contract=contract))


@every_metric
@every_contract
def test_one_document_is_a_list(metric: Metric, name: str) -> None:
    """Alone in the batch, where no list has a second place."""
    batch = np.ones((2, 1), np.float32)
    got = measure(metric, batch, batch, contract=CONTRACTS[name])
    padded = np.pad(batch, ((0, 0), (0, 2)), constant_values=-1)
    _equal(got, measure(metric, padded, padded, contract=CONTRACTS[name]))


@every_metric
@every_contract
def test_list_without_documents_is_no_list(metric: Metric, name: str) -> None:
    scores, labels = np.full((1, 4), np.nan), np.full((1, 4), -1.0)
    values, weights = measure(metric, scores, labels, contract=CONTRACTS[name])
    assert (values.numpy().item(), weights.numpy().item()) == (0, 0)


@every_metric
@every_contract
def test_only_the_order_of_scores_counts(metric: Metric, name: str) -> None:
    """Any increasing map of the scores, to the ends of float32 and beyond, gives the same."""
    ladder = np.array([-np.inf, -3e38, -1.0, 0.0, 1e-30, 3e38, np.inf], np.float32)
    scores, labels = _lists(tied=False)
    got = measure(metric, ladder[scores.astype(int)], labels, contract=CONTRACTS[name])
    _equal(got, measure(metric, scores, labels, contract=CONTRACTS[name]))


@every_metric
def test_worst_is_the_least_and_expected_the_mean_over_orders(metric: Metric) -> None:
    """All 720 orders of six documents with tied scores, each in its own order."""
    scores, labels = np.array([3, 1, 3, 1, 1, 2.0]), np.array([0, 2, 1, 0, 1, 0.0])
    orders = np.array(list(itertools.permutations(range(6))))
    values, _ = measure(metric, scores[orders], labels[orders], contract=PRESETS["letor"])
    contracts = [
        MetricContract(PRESETS["letor"].gain, PRESETS["letor"].discount, ties)
        for ties in (Ties.WORST, Ties.EXPECTED)
    ]
    worst, mean = (
        measure(metric, scores[None], labels[None], contract=contract)[0].numpy().item()
        for contract in contracts
    )
    least = values.numpy().min() if metric.higher_is_better else values.numpy().max()
    if metric.kind is not Kind.ALPHA_DCG:  # whose worst order nobody looks for
        assert worst == pytest.approx(least)
    if metric.kind is Kind.OPA:  # 4 of 11 unlike pairs are tied, which no order makes right
        assert (mean, worst) == (pytest.approx((2 + 4 / 2) / 11), pytest.approx(2 / 11))
    else:
        assert mean == pytest.approx(values.numpy().mean())


@every_metric
def test_shuffles_scatter_about_the_expected(metric: Metric) -> None:
    rng = np.random.default_rng(3)
    scores, labels = rng.integers(0, 3, (1, 9)), rng.integers(0, 3, (1, 9))
    draws, _ = measure(
        metric,
        np.tile(scores, (4000, 1)),
        np.tile(labels, (4000, 1)),
        contract=MetricContract(ties=Ties.RANDOM),
    )
    mean, _ = measure(metric, scores, labels, contract=CONTRACTS["expected"])
    if metric.kind is not Kind.OPA:
        error = 4 * draws.numpy().std() / np.sqrt(4000) + 1e-6
        assert abs(draws.numpy().mean() - mean.numpy().item()) < error


def test_large_tie_group_is_exact() -> None:
    """The first of 58 relevant among 175 tied is at place i with C(175 - i, 57) / C(175, 58)."""
    # In float32, 58 / 175 * 175 is below 58.
    labels = (np.arange(175) < 58).astype(int)[None]
    values, _ = evaluate(
        np.zeros((1, 175), np.float32),
        labels,
        metrics=[Metric(Kind.MRR), Metric(Kind.HIT_RATE, 3), Metric(Kind.HIT_RATE)],
        contract=CONTRACTS["expected"],
    )
    first = [math.comb(175 - i, 57) / math.comb(175, 58) for i in range(1, 119)]
    mrr = sum(chance / i for i, chance in enumerate(first, 1))
    np.testing.assert_allclose(values, [[mrr, sum(first[:3]), 1]], rtol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_zeros_of_either_sign_are_tied(jit_compile: bool) -> None:
    compute = tf.function(evaluate, jit_compile=jit_compile)
    scores = tf.constant([[0.0, -0.0], [-0.0, 0.0]])
    values, _ = compute(scores, [[1.0, 0.0]] * 2, metrics=(Metric(Kind.MRR),))
    np.testing.assert_array_equal(values, [[0.5], [0.5]])


@every_contract
def test_graph_and_xla_give_the_same(name: str) -> None:
    scores, labels = _lists(tied=True)
    scores[2, :2] = [-np.inf, 3e38]
    flat, by_topic = cuts(FLAT, 1, 3), cuts(SUBTOPIC, 1, 3)
    topics, contract = by_subtopic(labels), CONTRACTS[name]

    def compute(scores: tf.Tensor, labels: tf.Tensor, topics: tf.Tensor) -> Pair:
        found = [
            evaluate(scores, labels, metrics=flat, contract=contract),
            evaluate(scores, topics, metrics=by_topic, contract=contract),
        ]
        return tf.concat([v for v, _ in found], 1), tf.concat([w for _, w in found], 1)

    want = compute(scores, labels, topics)
    unknown = tf.TensorSpec([None, None], tf.float32)
    signature = [unknown, unknown, tf.TensorSpec([None, None, None], tf.float32)]
    _equal(tf.function(compute, input_signature=signature)(scores, labels, topics), want)
    compiled = tf.function(compute, jit_compile=True)
    _equal(compiled(*map(tf.constant, (scores, labels, topics))), want)
