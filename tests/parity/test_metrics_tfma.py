"""The "tfma" preset against TensorFlow Model Analysis' own NDCG."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from models.metrics import MetricContract
from models.metrics import Ties
from models.metrics import evaluate
from models.metrics import mean_metrics
from models.metrics import parse_metric
from models.metrics import preset

tfma = pytest.importorskip("tensorflow_model_analysis")

CUTS = (1, 3, 5, 10)
METRICS = [parse_metric(f"weighted_ndcg@{cut}") for cut in CUTS]
Lists = list[tuple[NDArray[np.float64], NDArray[np.float64], float]]


def _tfma(lists: Lists) -> list[float]:
    """Returns TFMA's NDCG at the cuts over lists of scores, gains and a weight."""
    metric = tfma.metrics.NDCG(gain_key="gain", top_k_list=list(CUTS))
    computation = metric.computations(sub_keys=[], query_key="query", example_weighted=True)[0]
    accumulator = computation.combiner.create_accumulator()
    for scores, gains, weight in lists:
        inputs = tfma.metrics.StandardMetricInputs(
            {
                "labels": gains,
                "predictions": scores,
                "example_weights": np.full(len(scores), weight),
                "features": {"query": np.array(["q"] * len(scores)), "gain": gains},
            }
        )
        accumulator = computation.combiner.add_input(accumulator, inputs)
    output = computation.combiner.extract_output(accumulator)
    return [float(output[key]) for key in computation.keys]


def _ours(lists: Lists, contract: MetricContract) -> list[float]:
    width = max(len(scores) for scores, _, _ in lists)
    scores, labels = np.zeros((len(lists), width)), np.full((len(lists), width), -1.0)
    for i, (one, gains, _) in enumerate(lists):
        scores[i, : len(one)], labels[i, : len(one)] = one, gains
    list_weights = np.array([weight for _, _, weight in lists])
    means = mean_metrics(
        *evaluate(scores, labels, metrics=METRICS, contract=contract, weights=list_weights)
    )
    return [float(mean) for mean in means]


def _lists(rng: np.random.Generator, tied: bool) -> Lists:
    sizes = rng.integers(2, 40, 30)
    return [
        (
            (rng.integers(0, 4, n) if tied else rng.permutation(n)).astype(float),
            rng.integers(0, 4, n) * float(i > 2),  # the first lists have nothing relevant
            float(rng.integers(1, 4)),
        )
        for i, n in enumerate(sizes)
    ]


def test_ndcg_without_ties_with_weights_and_empty_lists() -> None:
    lists = _lists(np.random.default_rng(0), tied=False)
    np.testing.assert_allclose(_ours(lists, preset("tfma")), _tfma(lists), rtol=1e-12)


def test_no_relevant_document_anywhere_is_no_number() -> None:
    lists = [(np.array([1.0, 2.0]), np.zeros(2), 1.0)]
    assert all(map(math.isnan, _tfma(lists) + _ours(lists, preset("tfma"))))


def test_ties_differ_by_their_order_alone() -> None:
    """TFMA takes ties as NumPy's unstable sort leaves them, which depends on the processor.

    Put in that order, the lists have the same value; so it lies between the worst and the best.
    """
    tfma_preset = preset("tfma")
    lists = _lists(np.random.default_rng(1), tied=True)
    orders = [np.argsort(scores)[::-1] for scores, _, _ in lists]
    ordered = [
        (scores[order], gains[order], weight)
        for (scores, gains, weight), order in zip(lists, orders, strict=True)
    ]
    stable = MetricContract(tfma_preset.gain, tfma_preset.discount, Ties.STABLE, tfma_preset.empty)
    np.testing.assert_allclose(_ours(ordered, stable), _tfma(lists), rtol=1e-12)
