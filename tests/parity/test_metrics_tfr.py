"""The "tf-ranking" preset against TF-Ranking's metrics, weighted and not."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from models.metrics import UNCUT
from models.metrics import Discount
from models.metrics import EmptyWeight
from models.metrics import Gain
from models.metrics import Kind
from models.metrics import Metric
from models.metrics import MetricContract
from models.metrics import Ties
from models.metrics import evaluate
from models.metrics import mean_metrics
from models.metrics import preset
from tests.models.metric_cases import Array
from tests.models.metric_cases import cuts
from tests.models.metric_cases import labels_for
from tests.models.metric_cases import measure

tfr = pytest.importorskip("tensorflow_ranking")
impl = pytest.importorskip("tensorflow_ranking.python.metrics_impl")

THEIRS: Mapping[Kind, Callable[..., tf.keras.metrics.Metric]] = {
    Kind.NDCG: tfr.keras.metrics.NDCGMetric,
    Kind.DCG: tfr.keras.metrics.DCGMetric,
    Kind.MRR: tfr.keras.metrics.MRRMetric,
    Kind.MAP: tfr.keras.metrics.MeanAveragePrecisionMetric,
    Kind.PRECISION: tfr.keras.metrics.PrecisionMetric,
    Kind.RECALL: tfr.keras.metrics.RecallMetric,
    Kind.HIT_RATE: tfr.keras.metrics.HitsMetric,
    Kind.ARP: tfr.keras.metrics.ARPMetric,
    Kind.OPA: tfr.keras.metrics.OPAMetric,
    Kind.PRECISION_IA: tfr.keras.metrics.PrecisionIAMetric,
    Kind.ALPHA_DCG: tfr.keras.metrics.AlphaDCGMetric,
}
# These two have no Keras metric there.
BARE = {Kind.BPREF: impl.BPrefMetric, Kind.PWA: impl.PWAMetric}
EXACT = replace(preset("tf-ranking"), empty_weight=EmptyWeight.BATCH)

every_metric = pytest.mark.parametrize(
    "metric", cuts([*THEIRS, *BARE], 1, 5, 10), ids=lambda metric: metric.name
)
every_weighted = pytest.mark.parametrize(
    "metric", cuts([*THEIRS, *BARE], 5, weighted=True), ids=lambda metric: metric.name
)


def _theirs(
    metric: Metric,
    scores: Array | tf.RaggedTensor,
    labels: Array | tf.RaggedTensor,
    weights: Array | tf.RaggedTensor | None = None,
    **options: object,
) -> float:
    """Their mean; labels are graded, by subtopic where the metric needs that."""
    if metric.kind not in UNCUT:
        options["topn"] = metric.topn
    if metric.kind in BARE:
        bare = BARE[metric.kind](metric.name, **options)
        values, counts = bare.compute(labels, scores, weights)
        return float(tf.reduce_sum(values * counts) / tf.reduce_sum(counts))
    return float(THEIRS[metric.kind](**options)(labels, scores, weights))


def _ours(
    metric: Metric,
    scores: Array,
    labels: Array,
    weights: Array | None = None,
    contract: MetricContract = EXACT,
) -> float:
    values, counts = measure(metric, scores, labels, contract=contract, weights=weights)
    return float(mean_metrics(values, counts)[0])


def _same(metric: Metric, scores: Array, labels: Array, weights: Array | None = None) -> None:
    theirs = _theirs(metric, scores, labels_for(metric, labels), weights)
    assert _ours(metric, scores, labels, weights) == pytest.approx(theirs, rel=1e-5)


def _lists(seed: int) -> tuple[Array, Array]:
    """Returns lists of 1 to 15 documents without ties, some of them without a relevant one."""
    rng = np.random.default_rng(seed)
    scores = rng.permuted(np.tile(np.arange(15.0), (40, 1)), axis=1) - 7
    labels = rng.choice([0, 0, 0.5, 1, 2, 4], (40, 15))
    labels[:5] = 0
    labels[np.arange(15) >= rng.integers(1, 16, (40, 1))] = -1
    return scores.astype(np.float32), labels.astype(np.float32)


def _document_weights(labels: Array) -> Array:
    """Returns weights of which some are 0, and all of one list."""
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.5, 2, labels.shape) * (rng.random(labels.shape) < 0.8)
    weights[7] = 0
    return np.where(labels < 0, 0, weights).astype(np.float32)


@every_metric
@pytest.mark.parametrize("seed", range(3))
def test_without_ties(metric: Metric, seed: int) -> None:
    _same(metric, *_lists(seed))


@every_weighted
def test_weights_of_lists(metric: Metric) -> None:
    """Also where a list weighs nothing, or has no relevant document."""
    weights = np.random.default_rng(0).uniform(0.5, 2, (40, 1)).astype(np.float32)
    weights[[3, 9]] = 0
    _same(metric, *_lists(3), weights)


@every_weighted
def test_weights_of_documents(metric: Metric) -> None:
    scores, labels = _lists(3)
    if metric.kind is Kind.PWA:  # which takes none there
        with pytest.raises(ValueError, match="Weights should be a `Tensor` of the shape"):
            _theirs(metric, scores, labels, _document_weights(labels))
    else:
        _same(metric, scores, labels, _document_weights(labels))


@every_weighted
def test_no_relevant_document_in_a_batch(metric: Metric) -> None:
    scores, labels = _lists(3)
    weights = np.random.default_rng(0).uniform(0.5, 2, (5, 1)).astype(np.float32)
    values, counts = measure(metric, scores[:5], labels[:5], contract=EXACT, weights=weights)
    assert not values.numpy().any()
    # PWA has the weight of the list whatever its labels are.
    expected = 0 if metric.kind in UNCUT else weights[:, 0] if metric.kind is Kind.PWA else 1
    np.testing.assert_allclose(counts[:, 0], np.broadcast_to(expected, 5), rtol=1e-6)


@every_metric
def test_ragged_lists(metric: Metric) -> None:
    scores, labels = _lists(6)
    sizes = (labels >= 0).sum(axis=1)
    ragged_scores = tf.RaggedTensor.from_tensor(scores, sizes)
    ragged_labels = tf.RaggedTensor.from_tensor(labels_for(metric, labels), sizes)
    theirs = _theirs(metric, ragged_scores, ragged_labels, ragged=True)
    assert _ours(metric, scores, labels) == pytest.approx(theirs, rel=1e-5)
    values, counts = evaluate(ragged_scores, ragged_labels, metrics=[metric], contract=EXACT)
    assert float(mean_metrics(values, counts)[0]) == pytest.approx(theirs, rel=1e-5)


def _binary(labels: tf.Tensor) -> tf.Tensor:
    return tf.cast(tfr.keras.utils.is_greater_equal_1(labels), tf.float32)


@pytest.mark.parametrize(
    ("name", "contract", "options"),
    [
        ("ndcg", replace(EXACT, gain=Gain.LINEAR), {"gain_fn": tfr.keras.utils.identity}),
        ("dcg", replace(EXACT, gain=Gain.LINEAR), {"gain_fn": tfr.keras.utils.identity}),
        ("ndcg", replace(EXACT, gain=Gain.BINARY), {"gain_fn": _binary}),
        (
            "ndcg",
            replace(EXACT, discount=Discount.RECIPROCAL),
            {"rank_discount_fn": tfr.keras.utils.inverse},
        ),
        ("alpha_dcg", replace(EXACT, alpha=0.3), {"alpha": 0.3}),
        ("alpha_dcg", replace(EXACT, alpha=1.0), {"alpha": 1.0}),
        ("bpref", replace(EXACT, trec_bpref=False), {"use_trec_version": False}),
    ],
)
def test_options(name: str, contract: MetricContract, options: dict[str, object]) -> None:
    scores, labels = _lists(7)
    for metric in (Metric(Kind(name)), Metric(Kind(name), 5)):
        theirs = _theirs(metric, scores, labels_for(metric, labels), **options)
        assert _ours(metric, scores, labels, contract=contract) == pytest.approx(theirs, rel=1e-5)


@every_metric
def test_list_of_padding_counts_there_unless_its_weight_is_0(metric: Metric) -> None:
    scores, labels = _lists(4)
    labels[:, 0] = 1
    labels[-10:] = -1
    theirs = labels_for(metric, labels)
    weights = (np.arange(40) < 30).astype(np.float32)[:, None]
    assert _ours(metric, scores, labels) == pytest.approx(
        _theirs(metric, scores, theirs, weights), rel=1e-5
    )
    if metric.kind not in UNCUT:
        assert _ours(metric, scores, labels) * 30 / 40 == pytest.approx(
            _theirs(metric, scores, theirs), rel=1e-5
        )


@every_metric
def test_ties_have_its_distribution(metric: Metric) -> None:
    """The mean of many of its shuffles is ours within 4 standard errors, and the exact one too."""
    rng = np.random.default_rng(5)
    draws = 4000
    scores = np.tile(rng.integers(0, 3, 12), (draws, 1)).astype(np.float32)
    labels = np.tile(rng.integers(-1, 3, 12), (draws, 1)).astype(np.float32)
    ours = measure(metric, scores, labels, contract=EXACT)[0].numpy()
    error = 4 * float(ours.std()) / np.sqrt(draws) + 1e-6
    theirs = _theirs(metric, scores, labels_for(metric, labels))
    assert abs(ours.mean() - theirs) < error * np.sqrt(2)
    if metric.kind is not Kind.OPA:  # where TF-Ranking takes a tied pair for wrong, not half right
        exact = replace(EXACT, ties=Ties.EXPECTED)
        mean = measure(metric, scores[:1], labels[:1], contract=exact)[0].numpy()
        assert abs(mean.item() - theirs) < error
