"""TFX's Evaluator with our metrics, slices, and what a model must reach."""

from __future__ import annotations

from typing import Any

import tensorflow_model_analysis as tfma
from tfx import v1 as tfx
from tfx.components.evaluator import executor
from tfx.dsl.components.base import executor_spec
from tfx.types import artifact_utils
from tfx.types import standard_component_specs
from tfx.utils import path_utils
from tfx.utils import proto_utils

from components import baseline
from components import evaluation
from components import impressions
from components import metrics as metrics_lib
from data import plain
from data import storage
from data.features import FeatureSpec
from data.storage import AnyPath
from models import recommend
from models import serving
from models.metrics import parse_metric
from pipeline.evaluation import EvaluationConfig
from pipeline.evaluation import Threshold

REASONS = "reasons"
"""The property of a verdict with the thresholds that were missed, a line each."""


class Executor(executor.Executor):
    """TFX's executor, but for a blessed model that cannot judge these examples."""

    def Do(  # noqa: N802  TFX's name
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates; a blessed model that cannot judge these examples is left out."""
        key = standard_component_specs.BASELINE_MODEL_KEY
        found = [model for model in input_dict.get(key, ()) if not baseline.is_none(model)]
        candidate = artifact_utils.get_single_instance(
            input_dict[standard_component_specs.MODEL_KEY]
        )
        ranks = _signature(exec_properties) == recommend.EVALUATE
        if found and (reason := _unfit(found[0], candidate, ranks=ranks)):
            print(f"the model blessed before {reason}: judged without it")
            found = []
        input_dict = {**input_dict, key: found}
        super().Do(input_dict, output_dict, exec_properties)
        _note_reasons(output_dict)


def _note_reasons(output_dict: dict[str, list[Any]]) -> None:
    """Writes the thresholds that were missed where ML Metadata keeps them."""
    uri = artifact_utils.get_single_uri(output_dict[standard_component_specs.EVALUATION_KEY])
    [blessing] = output_dict[standard_component_specs.BLESSING_KEY]
    blessing.set_string_custom_property(REASONS, "\n".join(evaluation.failures(uri)))


def _signature(exec_properties: dict[str, Any]) -> str:
    """Returns the signature that the models are asked through."""
    config = tfma.EvalConfig()
    text = exec_properties.get(standard_component_specs.EVAL_CONFIG_KEY) or "{}"
    proto_utils.json_to_proto(text, config)
    return next((model.signature_name for model in config.model_specs), "")


def _unfit(blessed: Any, candidate: Any, *, ranks: bool) -> str:
    """Returns why a blessed model cannot be compared; empty if it can.

    Args:
      blessed: That model.
      candidate: The model to judge.
      ranks: Whether they must know ranks among the whole catalogue.
    """
    needed = _columns(blessed, identifiers=ranks)
    if needed is None or not needed <= (_columns(candidate, identifiers=ranks) or frozenset()):
        return "is gone or reads other columns"
    if ranks and not _extra_file(blessed, recommend.CATALOGUE_FILE).exists():
        return "has no catalogue"
    return ""


def _columns(model: Any, *, identifiers: bool) -> frozenset[tuple[str, str, str, int]] | None:
    """Returns what a model reads of its examples; None where the model is gone."""
    path = _extra_file(model, serving.SPEC_FILE)
    if not path.exists():
        return None
    spec = plain.from_json(FeatureSpec, path.read_text(encoding="utf-8"))
    columns = spec.raw if identifiers else spec.features
    return frozenset((f.name, f.scope.value, f.dtype.value, f.width) for f in columns)


def _extra_file(model: Any, name: str) -> AnyPath:
    return storage.at(path_utils.serving_model_path(model.uri)) / serving.EXTRA / name


class Evaluator(tfx.components.Evaluator):
    """TFX's Evaluator, run by the executor above."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)


def extractors_module(spec: FeatureSpec) -> str | None:
    """Returns the module whose `custom_extractors` TFX is to call; None for its own."""
    return impressions.__name__ if spec.impressions else None


def eval_config(config: EvaluationConfig, spec: FeatureSpec) -> tfma.EvalConfig:
    """Returns what TensorFlow Model Analysis is to compute and to require.

    Without a blessed model the change thresholds hold for any model; the configuration sees to it
    that an absolute one is always set.
    """
    metrics = [parse_metric(name) for name in config.metrics]
    weighted = any(metric.weighted for metric in metrics)
    full = any(metric.full for metric in metrics)
    padding = tfma.PaddingOptions(label_float_padding=-1.0, prediction_float_padding=-1.0)
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                signature_name=recommend.EVALUATE if full else serving.COLUMNAR,
                label_key=spec.label,
                example_weight_key=spec.weight if weighted else "",
                padding_options=padding,
            )
        ],
        slicing_specs=[tfma.SlicingSpec()]
        + [tfma.SlicingSpec(feature_keys=[name]) for name in config.slices],
        metrics_specs=[_metrics_spec(config)],
        options=tfma.Options(
            include_default_metrics={"value": False},
            compute_confidence_intervals={"value": config.confidence_intervals},
        ),
    )


def _metrics_spec(config: EvaluationConfig) -> tfma.MetricsSpec:
    ranking = tfma.MetricConfig(
        class_name=metrics_lib.RankingMetrics.__name__,
        module=metrics_lib.__name__,
        config=metrics_lib.config_of(config.metrics, config.metric_contract),
    )
    return tfma.MetricsSpec(
        metrics=[ranking],
        # The weights are our metrics' own affair.
        example_weights=tfma.ExampleWeightOptions(unweighted=True),
        per_slice_thresholds={
            name: tfma.PerSliceMetricThresholds(
                thresholds=[
                    tfma.PerSliceMetricThreshold(
                        slicing_specs=[tfma.SlicingSpec()], threshold=_threshold(name, threshold)
                    )
                ]
            )
            for name, threshold in config.thresholds.items()
        },
    )


def _threshold(name: str, threshold: Threshold) -> tfma.MetricThreshold:
    up = parse_metric(name).higher_is_better
    result = tfma.MetricThreshold()
    if threshold.at_least is not None:
        result.value_threshold.lower_bound.value = threshold.at_least
    if threshold.at_most is not None:
        result.value_threshold.upper_bound.value = threshold.at_most
    if threshold.max_loss is not None:
        direction = tfma.MetricDirection
        result.change_threshold.direction = (
            direction.HIGHER_IS_BETTER if up else direction.LOWER_IS_BETTER
        )
        # TFMA demands more than the bound; a hair below lets an equal model pass.
        loss = threshold.max_loss + 1e-9
        result.change_threshold.absolute.value = -loss if up else loss
    return result
