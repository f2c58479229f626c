"""Our metrics inside TensorFlow Model Analysis: one list, or part of a block, is one example."""

from __future__ import annotations

import json
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import numpy as np
from tensorflow_model_analysis.metrics import metric_types

from components import yardsticks
from components.means import Mean
from components.measured import Judged
from components.measured import Metrics
from data import hashing
from data import plain
from models.serving import SCORES


class RankingMetrics(metric_types.Metric):
    """All metrics of an evaluation: those over lists from one sort of each.

    Args:
      metrics: A `components.measured.Metrics` as JSON.
    """

    def __init__(self, metrics: str, name: str = "ranking") -> None:
        super().__init__(_computations, metrics=metrics, name=name)


metric_types.register_metric(RankingMetrics)


def config_of(metrics: Metrics) -> str:
    """Returns the settings of `RankingMetrics` in a `tfma.MetricConfig`."""
    return json.dumps({"metrics": plain.to_json(metrics)})


def metrics_of(config: str) -> Metrics:
    """Reads what `config_of` wrote."""
    return plain.from_json(Metrics, json.loads(config)["metrics"])


def _computations(
    metrics: str, name: str, model_names: list[str] | None = None
) -> metric_types.MetricComputations:
    measured, models = plain.from_json(Metrics, metrics), tuple(model_names or [""])
    mean = Mean(measured, models)
    per_list = PerList(measured, models)
    return [metric_types.MetricComputation(keys=mean.keys, preprocessors=[per_list], combiner=mean)]


class PerList(metric_types.Preprocessor):
    """Measures one list from its label and each model's scores and ranks, before slicing.

    Args:
      metrics: The metrics.
      models: What TFMA calls the models, the candidate first.
    """

    def __init__(self, metrics: Metrics, models: tuple[str, ...]) -> None:
        super().__init__(name="ranking metrics")
        self._metrics, self._models = metrics, models

    def process(self, extracts: dict[str, Any]) -> Iterator[Judged]:
        """Yields what is known of the list."""
        inputs = metric_types.StandardMetricInputs(extracts)
        labels = _floats(inputs.get_labels(self._models[0]))
        # Labels and scores are padded to the longest list of a batch; the last label tells.
        size = int(np.flatnonzero(labels >= 0).max(initial=-1)) + 1
        labels, weights = labels[:size], np.ones(size, np.float32)
        if any(metric.weighted for metric in self._metrics.all):
            weights = _floats(inputs.get_example_weights(self._models[0]))[:size]
        groups = {m.by: np.ravel(inputs.features[m.by]) for m in self._metrics.all if m.by}
        outputs, documents = [], []
        for model in self._models:
            found = inputs.get_predictions(model)
            if not isinstance(found, Mapping):  # that of a signature with one output
                found = {SCORES: found}
            outputs.append({name: _floats(output)[:size] for name, output in found.items()})
            gathered = self._metrics.gathered()
            gathered.add(outputs[-1][SCORES], labels, weights, groups)
            documents.append(gathered)
        seed = seed_of(inputs.features)
        for name in self._metrics.yardsticks:
            trees = self._metrics.trees
            scores = yardsticks.scores(name, inputs.features, size, trees=trees)
            outputs.append({SCORES: scores})
        values, counts = self._metrics.measure(outputs, labels, weights)
        yield Judged(seed, values, counts, tuple(documents), size)


def _floats(values: Any) -> np.ndarray:
    return np.ravel(values).astype(np.float32)


def seed_of(features: Mapping[str, Any]) -> int:
    """Returns a hash of a list by its features: the same in any order, on any worker, by any model.

    Scores would not do: their last digits depend on what else is in a batch.
    """
    parts = []
    for name, values in sorted(features.items()):
        flat = np.ravel(values)
        text = flat.dtype == object
        parts += [name.encode(), b"\0", b"\0".join(flat.tolist()) if text else flat.tobytes()]
    [seed] = hashing.seeds([b"".join(parts)], b"")
    return int(seed)
