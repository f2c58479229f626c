"""Our ranking metrics inside TensorFlow Model Analysis: one list is one example."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
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
from models.metrics.full import as_lists
from models.recommend import RANKS
from models.serving import SCORES

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
    """Computes the metrics of one list from its label, scores and ranks, before slicing."""

    def __init__(self, names: tuple[str, ...], contract: str, model_name: str) -> None:
        super().__init__(name=f"ranking metrics of {model_name or 'the model'}")
        self._names, self._contract, self._model_name = names, contract, model_name

    def process(self, extracts: dict[str, Any]) -> Iterator[Sums]:
        """Yields the `[2, n_metrics]` values times weights and weights of the list."""
        inputs = metric_types.StandardMetricInputs(extracts)
        labels = _floats(inputs.get_labels(self._model_name))
        # Labels and scores are padded to the longest list of a batch; the last label tells.
        size = np.flatnonzero(labels >= 0).max(initial=-1) + 1
        outputs = inputs.get_predictions(self._model_name)
        if not isinstance(outputs, Mapping):  # that of a signature with one output
            outputs = {SCORES: outputs}
        weights = np.ones_like(labels)
        if any(parse_metric(name).weighted for name in self._names):
            weights = _floats(inputs.get_example_weights(self._model_name))
        columns = {name: _floats(output)[:size] for name, output in outputs.items()}
        yield self._sums(columns, labels[:size], weights[:size])

    def _sums(
        self, outputs: dict[str, np.ndarray], labels: np.ndarray, weights: np.ndarray
    ) -> Sums:
        metrics = [parse_metric(name) for name in self._names]
        full = np.array([metric.full for metric in metrics])
        found = np.zeros((2, len(metrics)))
        scores = outputs[SCORES]
        if not full.all():
            run = _evaluator(tuple(m for m in metrics if not m.full), self._contract)
            found[:, ~full] = run(scores, labels, weights)
        if full.any():
            over_all = tuple(metric for metric in metrics if metric.full)
            [ranked], [at_ranks] = as_lists([outputs[RANKS]], [labels], metrics=over_all)
            if np.isnan(scores).any():  # no rank comes of that
                ranked = np.full_like(ranked, np.nan)
            run = _evaluator(
                tuple(dataclasses.replace(metric, full=False) for metric in over_all),
                self._contract,
            )
            found[:, full] = run(ranked, at_ranks, np.ones_like(at_ranks))
        values, counts = found
        return np.stack([values * counts, counts])


def _floats(values: Any) -> np.ndarray:
    return np.ravel(values).astype(np.float32)


@functools.lru_cache
def _evaluator(
    metrics: tuple[Metric, ...], contract: str
) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
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
