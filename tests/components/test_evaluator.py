"""The Evaluator's settings: metrics, slices and thresholds in TFMA's terms."""

from __future__ import annotations

from typing import Any

import pytest
import tensorflow_model_analysis as tfma

from components import evaluator
from components.measured import Metrics
from components.metrics import RankingMetrics
from components.metrics import metrics_of
from models import recommend
from models import serving
from models.metrics import PRESETS
from pipeline.evaluation import EvaluationConfig
from pipeline.evaluation import Threshold
from tests.samples import SPEC

METRICS = ("ndcg@10", "arp")


def settings(**changes: Any) -> tfma.EvalConfig:
    thresholds = changes.pop("thresholds", {"ndcg@10": Threshold(at_least=0.5)})
    return evaluator.eval_config(EvaluationConfig(thresholds, METRICS, **changes), SPEC)


def measured(config: tfma.EvalConfig) -> Metrics:
    """What is to be measured."""
    [specs] = config.metrics_specs
    [metric] = specs.metrics
    return metrics_of(metric.config)


def test_the_model_is_asked_for_stored_lists() -> None:
    [model] = settings().model_specs
    assert (model.signature_name, model.label_key) == (serving.COLUMNAR, "grade")
    assert model.padding_options.label_float_padding == -1.0


def test_ranks_are_asked_for_where_a_metric_needs_them() -> None:
    config = EvaluationConfig({"ndcg@10": Threshold(at_least=0.5)}, ("ndcg@10", "full_ndcg@10"))
    [model] = evaluator.eval_config(config, SPEC).model_specs
    assert model.signature_name == recommend.EVALUATE


def test_the_metrics_are_ours_under_the_contract() -> None:
    [specs] = settings(contract="letor").metrics_specs
    [metric] = specs.metrics
    assert (metric.class_name, metric.module) == (
        RankingMetrics.__name__,
        RankingMetrics.__module__,
    )
    found = metrics_of(metric.config)
    assert (found.names, found.conventions) == (METRICS, PRESETS["letor"])


@pytest.mark.parametrize("intervals", [False, True])
def test_slices_and_intervals_are_those_asked_for(intervals: bool) -> None:
    found = settings(slices=("device", "hour"), confidence_intervals=intervals, confidence=0.9)
    assert [list(s.feature_keys) for s in found.slicing_specs] == [[], ["device"], ["hour"]]
    assert not found.options.compute_confidence_intervals.value  # ours are
    assert found.options.include_default_metrics.value is False
    assert measured(found).resampled == (METRICS if intervals else ())
    assert measured(found).confidence == 0.9


@pytest.mark.parametrize(
    "limits",
    [{"max_loss": 0.1}, {"min_gain": 0.0}, {"yardsticks": {"document_order": 0.0}}],
    ids=lambda limits: next(iter(limits)),
)
def test_differences_that_decide_have_intervals(limits: dict[str, Any]) -> None:
    thresholds = {"arp": Threshold(at_most=9.0), "ndcg@10": Threshold(**limits)}
    found = settings(thresholds=thresholds, confidence_intervals=False)
    assert measured(found).resampled == ("ndcg@10",)
    assert measured(found).yardsticks == tuple(limits.get("yardsticks", ()))


def test_nothing_but_the_gate_decides() -> None:
    """TFX judges, and writes a verdict, only where its own thresholds are set."""
    thresholds = {"ndcg@10": Threshold(at_least=0.9, max_loss=0.0)}
    found = settings(thresholds=thresholds)
    assert tfma.metrics.metric_thresholds_from_metrics_specs(found.metrics_specs, found) == {}
