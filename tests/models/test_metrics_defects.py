"""What is known to go wrong when rankings are measured, and does not here."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from models.metrics import PRESETS
from models.metrics import Empty
from models.metrics import MetricContract
from models.metrics import Ties
from models.metrics import evaluate
from models.metrics import mean_metrics
from models.metrics import parse_metric
from tests.models.metric_cases import FLAT
from tests.models.metric_cases import cuts

NDCG = [parse_metric("ndcg")]
NDCG_1 = [parse_metric("ndcg@1")]


@pytest.mark.parametrize(("empty", "mean"), [(Empty.ZERO, 0.5), (Empty.ONE, 1), (Empty.SKIP, 1)])
def test_list_without_relevant_documents_counts_by_stated_policy(empty: Empty, mean: float) -> None:
    """One such list beside a perfect one: averaged in as 0 or 1, or skipped as papers often do."""
    contract = MetricContract(empty=empty)
    scores, labels = [[2.0, 1.0]] * 2, [[0.0, 0.0], [1.0, 0.0]]
    found = mean_metrics(*evaluate(scores, labels, metrics=NDCG, contract=contract))
    assert found.numpy().tolist() == [mean]
    assert f"empty lists {'skipped' if empty is Empty.SKIP else int(mean > 0.5)}" in (
        contract.describe()
    )


@pytest.mark.parametrize("ties", Ties)
def test_tied_scores_have_the_same_ndcg_on_every_call(ties: Ties) -> None:
    scores, labels = [[0.0] * 4] * 8, [[1.0, 0.0, 0.0, 0.0]] * 8
    contract = MetricContract(ties=ties)
    calls = [evaluate(scores, labels, metrics=NDCG_1, contract=contract)[0] for _ in range(5)]
    for call in calls:
        np.testing.assert_array_equal(call, calls[0])
    expected = {Ties.WORST: 0, Ties.STABLE: 1, Ties.EXPECTED: 1 / 4}
    if ties in expected:
        np.testing.assert_allclose(calls[0], np.full((8, 1), expected[ties]), rtol=1e-6)


def test_a_cut_cannot_raise_ndcg_by_hiding_relevant_documents() -> None:
    """The ideal is over the whole list: what is best below the cut still counts in it."""
    scores, labels = [[3.0, 2.0, 1.0]], [[1.0, 0.0, 2.0]]
    values, _ = evaluate(scores, labels, metrics=[parse_metric("ndcg@2")])
    assert values.numpy().item() == pytest.approx(1 / (3 + 1 / math.log2(3)))
    # A list that was cut before it was measured would be called perfect.
    cut, _ = evaluate([[3.0, 2.0]], [[1.0, 0.0]], metrics=NDCG)
    assert cut.numpy().item() == 1


def test_explicit_mask_is_respected() -> None:
    """Documents that it leaves out count nowhere, whatever their labels and scores are."""
    scores, labels = [[1.0, 9.0, 2.0, 9.0]], [[1.0, 2.0, 0.0, 0.0]]
    mask = [[True, False, True, False]]
    metrics = cuts(FLAT, 1)
    masked = evaluate(scores, labels, metrics=metrics, mask=mask)
    alone = evaluate([[1.0, 2.0]], [[1.0, 0.0]], metrics=metrics)
    for one, other in zip(masked, alone, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    assert (evaluate(scores, labels, metrics=NDCG)[0] != masked[0][:, 0]).numpy().all()


@pytest.mark.parametrize("low", [math.log(1e-10) - 1, -1e30, float("-inf")])
def test_document_of_any_low_score_ranks_before_padding(low: float) -> None:
    """Padding has no score that a document could fall below."""
    for padding in (math.log(1e-10), 0.0, 1e30):
        scores = [[low, padding, padding]]
        labels = [[1.0, -1.0, -1.0]]
        values, _ = evaluate(scores, labels, metrics=[parse_metric("mrr"), *NDCG_1])
        np.testing.assert_array_equal(values, [[1, 1]])


@pytest.mark.parametrize("name", PRESETS)
def test_graph_calls_agree_with_eager_ones(name: str) -> None:
    """The same number from the log of training, the gate and the report, whoever computes it."""
    scores, labels = tf.zeros([3, 5]), tf.constant([[0.0, 1.0, 0.0, 2.0, 0.0]] * 3)
    contract = PRESETS[name]
    compiled = tf.function(
        lambda: evaluate(scores, labels, metrics=NDCG_1, contract=contract)[0], jit_compile=True
    )
    eager = evaluate(scores, labels, metrics=NDCG_1, contract=contract)[0]
    for one, other in itertools.pairwise([eager, compiled(), compiled()]):
        np.testing.assert_allclose(one, other, rtol=1e-6)
