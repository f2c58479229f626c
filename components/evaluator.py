"""TFX's Evaluator with our metrics, slices, and what a model must reach."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import tensorflow_model_analysis as tfma
from tfx import types
from tfx.components.evaluator import constants
from tfx.components.evaluator import executor
from tfx.dsl.components.base import base_beam_component
from tfx.dsl.components.base import executor_spec
from tfx.types import artifact_utils
from tfx.types import component_spec
from tfx.types import standard_artifacts
from tfx.types import standard_component_specs
from tfx.utils import io_utils
from tfx.utils import json_utils
from tfx.utils import path_utils
from tfx.utils import proto_utils

from components import baseline
from components import evaluation
from components import gate
from components import impressions
from components import metrics as metrics_lib
from components.measured import Metrics
from data import plain
from data import storage
from data.features import FeatureSpec
from data.storage import AnyPath
from models import recommend
from models import serving
from models.metrics import parse_metric
from pipeline.evaluation import EvaluationConfig

GATE = "gate"
"""The parameter that says what the gate demands."""
TREES = "trees"
"""The input with the trees of a yardstick."""


class Executor(executor.Executor):
    """TFX's executor computes the metrics; the verdict is ours alone."""

    def Do(  # noqa: N802  TFX's name
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Evaluates, without a blessed model that cannot judge these examples, and decides."""
        key = standard_component_specs.BASELINE_MODEL_KEY
        found = [model for model in input_dict.get(key, ()) if not baseline.is_none(model)]
        candidate = artifact_utils.get_single_instance(
            input_dict[standard_component_specs.MODEL_KEY]
        )
        ranks = _signature(exec_properties) == recommend.EVALUATE
        without = "" if found else gate.NO_MODEL
        if found and (reason := _unfit(found[0], candidate, ranks=ranks)):
            without = f"the model blessed before {reason}"
            print(f"{without}: judged without it")
            found = []
        inputs = {name: value for name, value in input_dict.items() if name != TREES}
        properties = _with_trees(exec_properties, input_dict.get(TREES, []))
        super().Do({**inputs, key: found}, output_dict, properties)
        uri = artifact_utils.get_single_uri(output_dict[standard_component_specs.EVALUATION_KEY])
        settings = plain.from_json(EvaluationConfig, exec_properties[GATE])
        verdict = gate.judge(settings, evaluation.slices(uri), without=without)
        blessing = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.BLESSING_KEY]
        )
        _write(verdict, blessing, candidate, next(iter(found), None))


def _write(verdict: gate.Verdict, blessing: Any, candidate: Any, before: Any | None) -> None:
    """Writes the verdict as TFX does, which did not judge, with its reasons beside it."""
    name = constants.BLESSED_FILE_NAME if verdict.blessed else constants.NOT_BLESSED_FILE_NAME
    io_utils.write_string_file(os.path.join(blessing.uri, name), "")
    io_utils.write_string_file(
        os.path.join(blessing.uri, gate.VERDICT_FILE), plain.to_json(verdict)
    )
    numbers = {
        constants.ARTIFACT_PROPERTY_BLESSED_KEY: int(verdict.blessed),
        constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY: candidate.id,
    }
    texts = {constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY: candidate.uri}
    version = baseline.NONE
    if before is not None:
        numbers[constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY] = before.id
        texts[constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY] = before.uri
        version = before.get_string_custom_property(baseline.VERSION)
    for key, number in numbers.items():
        blessing.set_int_custom_property(key, number)
    for key, text in {**texts, **gate.properties(verdict, version)}.items():
        blessing.set_string_custom_property(key, text)


def _signature(exec_properties: dict[str, Any]) -> str:
    """Returns the signature that the models are asked through."""
    return next((model.signature_name for model in _config(exec_properties).model_specs), "")


def _config(exec_properties: dict[str, Any]) -> tfma.EvalConfig:
    config = tfma.EvalConfig()
    text = exec_properties.get(standard_component_specs.EVAL_CONFIG_KEY) or "{}"
    proto_utils.json_to_proto(text, config)
    return config


def _with_trees(exec_properties: dict[str, Any], trees: list[Any]) -> dict[str, Any]:
    """Returns the properties with the metrics knowing where the trees are, which TFX does not."""
    if not trees:
        return exec_properties
    config = _config(exec_properties)
    metric = config.metrics_specs[0].metrics[0]
    measured = dataclasses.replace(metrics_lib.metrics_of(metric.config), trees=trees[0].uri)
    metric.config = metrics_lib.config_of(measured)
    text = proto_utils.proto_to_json(config)
    return {**exec_properties, standard_component_specs.EVAL_CONFIG_KEY: text}


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


class EvaluatorSpec(component_spec.ComponentSpec):
    """The standard Evaluator's inputs and outputs, and what the gate demands."""

    PARAMETERS = standard_component_specs.EvaluatorSpec.PARAMETERS | {
        GATE: component_spec.ExecutionParameter(type=str)
    }
    INPUTS = standard_component_specs.EvaluatorSpec.INPUTS | {
        TREES: component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True)
    }
    OUTPUTS = standard_component_specs.EvaluatorSpec.OUTPUTS


class Evaluator(base_beam_component.BaseBeamComponent):
    """TFX's Evaluator, run by the executor above.

    Args:
      examples: What is judged by.
      split: The split of it.
      model: The model.
      baseline_model: The latest blessed one.
      schema: The schema of the examples.
      trees: Those of a yardstick, where it is one.
      config: The metrics, and what they must be.
      features: The features.
    """

    SPEC_CLASS = EvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        *,
        examples: types.BaseChannel,
        split: str,
        model: types.BaseChannel,
        baseline_model: types.BaseChannel,
        schema: types.BaseChannel,
        trees: types.BaseChannel | None,
        config: EvaluationConfig,
        features: FeatureSpec,
    ) -> None:
        super().__init__(
            spec=EvaluatorSpec(
                examples=examples,
                model=model,
                baseline_model=baseline_model,
                schema=schema,
                trees=trees,
                eval_config=eval_config(config, features),
                example_splits=json_utils.dumps([split]),
                module_path=extractors_module(features),
                gate=plain.to_json(config),
                evaluation=types.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            )
        )


def extractors_module(spec: FeatureSpec) -> str | None:
    """Returns the module whose `custom_extractors` TFX is to call; None for its own."""
    return impressions.__name__ if spec.impressions else None


def eval_config(config: EvaluationConfig, spec: FeatureSpec) -> tfma.EvalConfig:
    """Returns what TensorFlow Model Analysis is to compute; `components.gate` says what it must be.

    Intervals are those of our metrics: TFMA's come out otherwise each time.
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
        options=tfma.Options(include_default_metrics={"value": False}),
    )


def _metrics_spec(config: EvaluationConfig) -> tfma.MetricsSpec:
    measured = Metrics(
        config.metrics,
        plain.to_json(config.metric_contract),
        config.resampled,
        config.confidence,
        config.yardsticks,
    )
    ranking = tfma.MetricConfig(
        class_name=metrics_lib.RankingMetrics.__name__,
        module=metrics_lib.__name__,
        config=metrics_lib.config_of(measured),
    )
    # The weights are our metrics' own affair.
    unweighted = tfma.ExampleWeightOptions(unweighted=True)
    return tfma.MetricsSpec(metrics=[ranking], example_weights=unweighted)
