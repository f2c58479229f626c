"""The "tf-ranking" preset against TF-Ranking's Keras metrics."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray

from models.metrics import Kind
from models.metrics import Metric
from models.metrics import Ties
from models.metrics import evaluate
from models.metrics import mean_metrics
from models.metrics import preset

tfr = pytest.importorskip("tensorflow_ranking")

Array = NDArray[np.float32]
THEIRS: Mapping[Kind, Callable[..., tf.keras.metrics.Metric]] = {
    Kind.NDCG: tfr.keras.metrics.NDCGMetric,
    Kind.DCG: tfr.keras.metrics.DCGMetric,
    Kind.MRR: tfr.keras.metrics.MRRMetric,
    Kind.MAP: tfr.keras.metrics.MeanAveragePrecisionMetric,
    Kind.PRECISION: tfr.keras.metrics.PrecisionMetric,
    Kind.RECALL: tfr.keras.metrics.RecallMetric,
    Kind.HITS: tfr.keras.metrics.HitsMetric,
    Kind.ARP: tfr.keras.metrics.ARPMetric,
    Kind.OPA: tfr.keras.metrics.OPAMetric,
}
METRICS = [
    Metric(kind, topn)
    for kind in Kind
    for topn in ((None,) if kind in (Kind.ARP, Kind.OPA) else (None, 1, 5, 10))
]
every_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)


def _theirs(metric: Metric, scores: Array, labels: Array, weights: Array | None = None) -> float:
    cut = {} if metric.topn is None else {"topn": metric.topn}
    return float(THEIRS[metric.kind](**cut)(labels, scores, weights))


def _ours(
    metric: Metric, scores: Array, labels: Array, weights: Array | None = None, seed: int = 0
) -> float:
    contract = replace(preset("tf-ranking"), seed=seed)
    values, counts = evaluate(scores, labels, metrics=[metric], contract=contract, weights=weights)
    return float(mean_metrics(values, counts)[0])


def _lists(seed: int) -> tuple[Array, Array]:
    """Returns lists of 1 to 15 documents without ties, some of them without a relevant one."""
    rng = np.random.default_rng(seed)
    scores = rng.permuted(np.tile(np.arange(15.0), (40, 1)), axis=1) - 7
    labels = rng.choice([0, 0, 0.5, 1, 2, 4], (40, 15))
    labels[:5] = 0
    labels[np.arange(15) >= rng.integers(1, 16, (40, 1))] = -1
    return scores.astype(np.float32), labels.astype(np.float32)


@every_metric
@pytest.mark.parametrize("seed", range(3))
def test_without_ties(metric: Metric, seed: int) -> None:
    scores, labels = _lists(seed)
    assert _ours(metric, scores, labels) == pytest.approx(_theirs(metric, scores, labels), rel=1e-5)


@every_metric
def test_list_weights(metric: Metric) -> None:
    """Where all lists have a relevant document: TF-Ranking gives others the mean weight."""
    scores, labels = _lists(3)
    labels[:, 0] = 1
    weights = np.random.default_rng(0).uniform(0.5, 2, (40, 1)).astype(np.float32)
    assert _ours(metric, scores, labels, weights) == pytest.approx(
        _theirs(metric, scores, labels, weights), rel=1e-5
    )


@every_metric
def test_list_of_padding_counts_there_unless_its_weight_is_0(metric: Metric) -> None:
    scores, labels = _lists(4)
    labels[:, 0] = 1
    labels[-10:] = -1
    weights = (np.arange(40) < 30).astype(np.float32)[:, None]
    assert _ours(metric, scores, labels) == pytest.approx(
        _theirs(metric, scores, labels, weights), rel=1e-5
    )
    if metric.kind not in (Kind.ARP, Kind.OPA):
        assert _ours(metric, scores, labels) * 30 / 40 == pytest.approx(
            _theirs(metric, scores, labels), rel=1e-5
        )


@every_metric
def test_ties_have_its_distribution(metric: Metric) -> None:
    """The mean of many of its shuffles is ours within 4 standard errors, and the exact one too."""
    rng = np.random.default_rng(5)
    draws = 4000
    scores = np.tile(rng.integers(0, 3, 12), (draws, 1)).astype(np.float32)
    labels = np.tile(rng.integers(-1, 3, 12), (draws, 1)).astype(np.float32)
    contract = preset("tf-ranking")
    ours = evaluate(scores, labels, metrics=[metric], contract=contract)[0].numpy()
    error = 4 * float(ours.std()) / np.sqrt(draws) + 1e-6
    theirs = _theirs(metric, scores, labels)
    assert abs(ours.mean() - theirs) < error * np.sqrt(2)
    if metric.kind is not Kind.OPA:  # where TF-Ranking takes a tied pair for wrong, not half right
        exact = replace(contract, ties=Ties.EXPECTED)
        mean = evaluate(scores[:1], labels[:1], metrics=[metric], contract=exact)[0].numpy()
        assert abs(mean.item() - theirs) < error
