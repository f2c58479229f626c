"""The Evaluator's settings: metrics, slices and thresholds in TFMA's terms."""

from __future__ import annotations

import json
from typing import Any

import pytest
import tensorflow_model_analysis as tfma
from tfx.components.evaluator import executor
from tfx.types import standard_artifacts

from components import evaluation
from components import evaluator
from components.metrics import RankingMetrics
from data import plain
from models import recommend
from models import serving
from models.metrics import PRESETS
from models.metrics import MetricContract
from pipeline.evaluation import EvaluationConfig
from pipeline.evaluation import Threshold
from tests.samples import SPEC

METRICS = ("ndcg@10", "arp")


def settings(**changes: Any) -> tfma.EvalConfig:
    thresholds = changes.pop("thresholds", {"ndcg@10": Threshold(at_least=0.5)})
    return evaluator.eval_config(EvaluationConfig(thresholds, METRICS, **changes), SPEC)


def threshold(name: str, threshold: Threshold) -> tfma.MetricThreshold:
    thresholds = {"ndcg@10": Threshold(at_least=0.1), name: threshold}
    [specs] = settings(thresholds=thresholds).metrics_specs
    [found] = specs.per_slice_thresholds[name].thresholds
    assert list(found.slicing_specs) == [tfma.SlicingSpec()]
    return found.threshold


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
    found = json.loads(metric.config)
    assert found["names"] == list(METRICS)
    assert plain.from_json(MetricContract, found["contract"]) == PRESETS["letor"]


@pytest.mark.parametrize("intervals", [False, True])
def test_slices_and_intervals_are_those_asked_for(intervals: bool) -> None:
    found = settings(slices=("device", "hour"), confidence_intervals=intervals)
    assert [list(s.feature_keys) for s in found.slicing_specs] == [[], ["device"], ["hour"]]
    assert found.options.compute_confidence_intervals.value is intervals
    assert found.options.include_default_metrics.value is False


def test_bounds_are_absolute_thresholds() -> None:
    low = threshold("ndcg@10", Threshold(at_least=0.25))
    assert low.value_threshold.lower_bound.value == 0.25
    assert not low.value_threshold.HasField("upper_bound")
    assert not low.HasField("change_threshold")
    high = threshold("arp", Threshold(at_most=2.5))
    assert high.value_threshold.upper_bound.value == 2.5
    assert not high.value_threshold.HasField("lower_bound")


@pytest.mark.parametrize(
    ("name", "direction", "sign"),
    [
        ("ndcg@10", tfma.MetricDirection.HIGHER_IS_BETTER, -1),
        ("arp", tfma.MetricDirection.LOWER_IS_BETTER, 1),
    ],
)
def test_a_loss_is_a_change_in_the_worse_direction(name: str, direction: int, sign: int) -> None:
    found = threshold(name, Threshold(at_least=0.1, max_loss=0.05))
    assert found.change_threshold.direction == direction
    assert found.change_threshold.absolute.value == pytest.approx(sign * 0.05)
    assert abs(found.change_threshold.absolute.value) > 0.05  # TFMA demands more than the bound


def test_reasons_are_where_ml_metadata_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    judged, blessing = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()
    monkeypatch.setattr(executor.Executor, "Do", lambda *arguments: None)
    monkeypatch.setattr(evaluation, "failures", lambda uri: iter(["mrr: low", "arp: high"]))
    outputs = {"evaluation": [judged], "blessing": [blessing]}
    evaluator.Executor().Do({"model": [standard_artifacts.Model()]}, outputs, {})
    assert blessing.get_string_custom_property(evaluator.REASONS) == "mrr: low\narp: high"
