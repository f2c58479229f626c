"""The settings of TFX's Evaluator: our metrics, slices, and what a model must reach."""

from __future__ import annotations

import tensorflow_model_analysis as tfma

from components import metrics as metrics_lib
from data.features import FeatureSpec
from models import serving
from models.metrics import parse_metric
from pipeline.config import EvaluationConfig
from pipeline.config import Threshold


def eval_config(config: EvaluationConfig, spec: FeatureSpec) -> tfma.EvalConfig:
    """Returns what TensorFlow Model Analysis is to compute and to require.

    Without a blessed model the change thresholds hold for any model; the configuration sees to it
    that an absolute one is always set.
    """
    padding = tfma.PaddingOptions(label_float_padding=-1.0, prediction_float_padding=-1.0)
    ranking = tfma.MetricConfig(
        class_name=metrics_lib.RankingMetrics.__name__,
        module=metrics_lib.__name__,
        config=metrics_lib.config_of(config.metrics, config.metric_contract),
    )
    specs = tfma.MetricsSpec(
        metrics=[ranking],
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
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                signature_name=serving.COLUMNAR, label_key=spec.label, padding_options=padding
            )
        ],
        slicing_specs=[tfma.SlicingSpec()]
        + [tfma.SlicingSpec(feature_keys=[name]) for name in config.slices],
        metrics_specs=[specs],
        options=tfma.Options(
            include_default_metrics={"value": False},
            compute_confidence_intervals={"value": config.confidence_intervals},
        ),
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
