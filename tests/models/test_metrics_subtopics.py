"""Metrics of labels by subtopic."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.metrics import Empty
from models.metrics import Kind
from models.metrics import Metric
from models.metrics import MetricContract
from models.metrics import evaluate
from models.metrics import parse_metric

SCORES = [[4.0, 3.0, 2.0, 1.0]]
TOPICS = [[[0.0, 1.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]]
"""The second subtopic comes three times, the first once, at rank 3."""
BOTH = [Metric(Kind.ALPHA_DCG), Metric(Kind.PRECISION_IA)]


@pytest.mark.parametrize("alpha", [0.0, 0.25, 0.5, 1.0])
def test_alpha_dcg_pays_less_for_what_came_before(alpha: float) -> None:
    contract = MetricContract(alpha=alpha)
    metrics = [Metric(Kind.ALPHA_DCG), Metric(Kind.ALPHA_DCG, 2)]
    values, _ = evaluate(SCORES, TOPICS, metrics=metrics, contract=contract)
    keep = 1 - alpha
    cut = 1 + keep / math.log2(3)
    np.testing.assert_allclose(values, [[cut + (1 + keep**2) / math.log2(4), cut]], rtol=1e-6)


def test_precision_ia_is_the_mean_precision_of_the_subtopics() -> None:
    metrics = [Metric(Kind.PRECISION_IA, topn) for topn in (1, 3, None, 9)]
    values, _ = evaluate(SCORES, TOPICS, metrics=metrics)
    expected = [(0 + 1) / 2, (1 / 3 + 3 / 3) / 2, (1 / 4 + 3 / 4) / 2, (1 / 4 + 3 / 4) / 2]
    np.testing.assert_allclose(values, [expected], rtol=1e-6)


def test_subtopic_that_no_document_covers_is_none() -> None:
    """A list may have fewer subtopics than the batch; 0 and padding say so alike."""
    for missing in (0.0, -1.0):
        wider = [[[*document, missing] for document in TOPICS[0]]]
        np.testing.assert_array_equal(
            evaluate(SCORES, wider, metrics=BOTH)[0], evaluate(SCORES, TOPICS, metrics=BOTH)[0]
        )


def test_document_is_one_that_has_a_label_for_some_subtopic() -> None:
    topics = [[[-1.0, 1.0], [-1.0, -1.0]]]
    values, _ = evaluate([[1.0, 2.0]], topics, metrics=BOTH)
    np.testing.assert_allclose(values, [[1.0, 1.0]])


@pytest.mark.parametrize(
    ("empty", "value", "weight"), [(Empty.ZERO, 0, 1), (Empty.ONE, 1, 1), (Empty.SKIP, 0, 0)]
)
def test_list_without_relevant_document(empty: Empty, value: float, weight: float) -> None:
    contract = MetricContract(empty=empty)
    values, weights = evaluate(SCORES, np.zeros((1, 4, 2)), metrics=BOTH, contract=contract)
    np.testing.assert_array_equal(values, [[0, value]])
    np.testing.assert_array_equal(weights, [[weight, weight]])


@pytest.mark.parametrize("name", ["alpha_dcg@5", "precision_ia"])
def test_labels_of_the_other_kind_are_refused(name: str) -> None:
    with pytest.raises(
        ValueError,
        match=rf"^labels: {name} needs \[batch_size, list_size, n_subtopics\], found \(1, 4\)$",
    ):
        evaluate(SCORES, [[1.0, 0.0, 0.0, 1.0]], metrics=[parse_metric(name)])
    with pytest.raises(
        ValueError,
        match=r"^labels: ndcg@5 needs \[batch_size, list_size\], found \(1, 4, 2\)$",
    ):
        evaluate(SCORES, TOPICS, metrics=[parse_metric(name), parse_metric("ndcg@5")])
