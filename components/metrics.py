"""Our ranking metrics inside TensorFlow Model Analysis: one list is one example."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow as tf
from tensorflow_model_analysis.metrics import metric_types

from data import plain
from models.metrics import Metric
from models.metrics import MetricContract
from models.metrics import evaluate
from models.metrics import parse_metric

Sums = np.ndarray
"""`[2, n_metrics]` float64: sums of values times weights, and of weights."""


class RankingMetrics(metric_types.Metric):
    """All ranking metrics of an evaluation, from one sort of each list.

    Args:
      names: Metrics such as `ndcg@10`.
      contract: Their `MetricContract` as JSON.
    """

    def __init__(self, names: list[str], contract: str, name: str = "ranking") -> None:
        super().__init__(_computations, names=names, contract=contract, name=name)


metric_types.register_metric(RankingMetrics)


def config_of(names: Iterable[str], contract: MetricContract) -> str:
    """Returns the settings of `RankingMetrics` in a `tfma.MetricConfig`."""
    return json.dumps({"names": list(names), "contract": plain.to_json(contract)})


def _computations(
    names: list[str], contract: str, name: str, model_names: list[str] | None = None
) -> metric_types.MetricComputations:
    computations = []
    for model in model_names or [""]:
        keys = [
            metric_types.MetricKey(name=metric, model_name=model, example_weighted=None)
            for metric in names
        ]
        per_list = PerList(tuple(names), contract, model)
        computations.append(
            metric_types.MetricComputation(keys=keys, preprocessors=[per_list], combiner=Mean(keys))
        )
    return computations


class PerList(metric_types.Preprocessor):
    """Computes the metrics of one list from its label and scores, before slicing."""

    def __init__(self, names: tuple[str, ...], contract: str, model_name: str) -> None:
        super().__init__(name=f"ranking metrics of {model_name or 'the model'}")
        self._names, self._contract, self._model_name = names, contract, model_name

    def process(self, extracts: dict[str, Any]) -> Iterator[Sums]:
        """Yields the `[2, n_metrics]` values times weights and weights of the list."""
        inputs = metric_types.StandardMetricInputs(extracts)
        labels = _floats(inputs.get_labels(self._model_name))
        # Labels and scores are padded to the longest list of a batch; the last label tells.
        size = np.flatnonzero(labels >= 0).max(initial=-1) + 1
        scores = _floats(inputs.get_predictions(self._model_name))
        weights = np.ones_like(labels)
        if any(parse_metric(name).weighted for name in self._names):
            weights = _floats(inputs.get_example_weights(self._model_name))
        values, counts = _evaluator(self._names, self._contract)(
            scores[:size], labels[:size], weights[:size]
        )
        values, counts = values.numpy().astype(np.float64), counts.numpy().astype(np.float64)
        yield np.stack([values * counts, counts])


def _floats(values: Any) -> np.ndarray:
    return np.ravel(values).astype(np.float32)


@functools.lru_cache
def _evaluator(names: tuple[str, ...], contract: str) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    metrics: list[Metric] = [parse_metric(name) for name in names]
    conventions = plain.from_json(MetricContract, contract)

    @tf.function(input_signature=[tf.TensorSpec([None])] * 3)
    def run(
        scores: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        values, counts = evaluate(
            scores[tf.newaxis],
            labels[tf.newaxis],
            metrics=metrics,
            contract=conventions,
            weights=weights[tf.newaxis],
        )
        return values[0], counts[0]

    return run


class Mean(beam.CombineFn):
    """The weighted mean of each metric over lists."""

    def __init__(self, keys: list[metric_types.MetricKey]) -> None:
        super().__init__()
        self._keys = keys

    def create_accumulator(self) -> Sums:
        """Returns zeros."""
        return np.zeros((2, len(self._keys)))

    def add_input(self, accumulator: Sums, element: Any) -> Sums:
        """Adds one list."""
        return accumulator + (element[0] if isinstance(element, tuple | list) else element)

    def merge_accumulators(self, accumulators: Iterable[Sums]) -> Sums:
        """Adds up."""
        return np.sum(list(accumulators), axis=0)

    def extract_output(self, accumulator: Sums) -> dict[metric_types.MetricKey, float]:
        """Returns the means; NaN where no list counts."""
        total, weight = accumulator
        means = np.divide(total, weight, out=np.full(len(total), np.nan), where=weight > 0)
        return dict(zip(self._keys, means.tolist(), strict=True))
