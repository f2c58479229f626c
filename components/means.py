"""From lists to metrics: means, and differences from other models with their intervals."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types

from components.measured import Judged
from components.measured import Metrics
from models.metrics import Gathered
from models.metrics.paired import Intervals
from models.metrics.paired import Paired
from models.metrics.paired import draws
from models.metrics.paired import of_replicates

BASELINE = "baseline"
"""What the blessed model is called among those that the candidate is compared with."""
BETWEEN = "|"
"""Between a metric's name, what the candidate is compared with, and what the number is."""
COUNT, DIFFERENCE, LOW, HIGH = "count", "difference", "low", "high"
OWN_TAIL = 0.025
"""Of either side of a metric's own 95 % interval."""
FEW_REPLICATES = 20
"""How often documents are drawn anew for metrics over documents, each time with a tally."""


@dataclasses.dataclass
class State:
    """What is known of some lists.

    Attributes:
      sums: `[n_models, 3, n_metrics]`, of metrics over lists: of values times weights, of weights,
        and of lists that count.
      paired: The candidate's values, and its differences from the others.
      documents: For metrics over documents, by model.
      replicates: The same of documents drawn anew, by replicate and model.
      size: The number of documents.
    """

    sums: np.ndarray
    paired: Paired
    documents: list[Gathered]
    replicates: list[list[Gathered]]
    size: int = 0


class Mean(beam.CombineFn):
    """The weighted mean of metrics over lists, and what metrics over documents come to.

    Args:
      metrics: The metrics.
      models: What TFMA calls the models, the candidate first.
    """

    def __init__(self, metrics: Metrics, models: tuple[str, ...]) -> None:
        super().__init__()
        self._metrics, self._models = metrics, models
        self._others = [BASELINE] * (len(models) - 1) + list(metrics.yardsticks)
        self._lists = metrics.with_intervals(metrics.by_list)
        self._documents = metrics.with_intervals(metrics.by_document)

    @property
    def keys(self) -> list[metric_types.MetricKey]:
        """What the numbers are called: of all models, and those of the candidate alone."""
        found = [self._key(model, name) for model in self._models for name in self._metrics.output]
        mine: list[tuple[str, ...]] = [(name, COUNT) for name in self._metrics.names]
        for metric in self._metrics.resampled:
            mine += [(metric, end) for end in (LOW, HIGH)]
            for other in self._compared(metric):
                mine += [(metric, other, what) for what in (DIFFERENCE, LOW, HIGH)]
        return found + [self._key(self._models[0], BETWEEN.join(name)) for name in mine]

    def _key(self, model: str, name: str) -> metric_types.MetricKey:
        return metric_types.MetricKey(name=name, model_name=model, example_weighted=None)

    def _compared(self, name: str) -> list[str]:
        over_documents = name in {metric.name for metric in self._metrics.by_document}
        return self._others[: len(self._models) - 1] if over_documents else self._others

    def create_accumulator(self) -> State:
        """Returns what is known of no list."""
        few = FEW_REPLICATES if self._documents.any() else 0
        return State(
            np.zeros((len(self._models), 3, len(self._lists))),
            Paired(1 + len(self._others), int(self._lists.sum())),
            [self._metrics.gathered() for _ in self._models],
            [[self._metrics.gathered(resampled=True) for _ in self._models] for _ in range(few)],
        )

    def add_input(self, accumulator: State, element: Any) -> State:
        """Adds one list."""
        found: Judged = element[0] if isinstance(element, tuple | list) else element
        values, weights = (x[: len(self._models)] for x in (found.values, found.weights))
        accumulator.sums = accumulator.sums + np.stack(
            [values * weights, weights, weights > 0], axis=1
        )
        accumulator.size += found.size
        if self._lists.any():
            values = found.values[:, self._lists]
            rows = np.concatenate([values[:1], values[0] - values[1:]])
            accumulator.paired.add(found.seed, rows, found.weights[0, self._lists])
        for total, documents in zip(accumulator.documents, found.documents, strict=True):
            total.merge(documents)
        if accumulator.replicates:
            [times] = draws([found.seed], FEW_REPLICATES)
            for replicate, often in zip(accumulator.replicates, times, strict=True):
                for total, documents in zip(replicate, found.documents, strict=True):
                    for _ in range(often):
                        total.merge(documents)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[State]) -> State:
        """Adds up, into the first."""
        first, *others = accumulators
        for other in others:
            first.sums = first.sums + other.sums
            first.paired.merge(other.paired)
            first.size += other.size
            mine, theirs = ([state.documents, *state.replicates] for state in (first, other))
            for totals, parts in zip(mine, theirs, strict=True):
                for total, part in zip(totals, parts, strict=True):
                    total.merge(part)
        return first

    def extract_output(self, accumulator: State) -> dict[metric_types.MetricKey, float]:
        """Returns the metrics; NaN where no list counts."""
        found = {}
        for index, model in enumerate(self._models):
            for name, value in self._of_model(accumulator, index):
                found[self._key(model, name)] = value
        for parts, number in [*self._counts(accumulator), *self._intervals(accumulator)]:
            found[self._key(self._models[0], BETWEEN.join(parts))] = float(number)
        return found

    def _of_model(self, state: State, index: int) -> Iterator[tuple[str, float]]:
        total, weight, _ = state.sums[index]
        means = np.divide(total, weight, out=np.full(len(total), np.nan), where=weight > 0)
        values = dict(zip(self._metrics.by_list, means.tolist(), strict=True))
        over_documents = state.documents[index].values()
        values |= dict(zip(self._metrics.by_document, over_documents, strict=True))
        found = [values[metric] for metric in self._metrics.all]
        if calibrated := self._metrics.calibrated:
            table = state.documents[index].buckets(weighted=calibrated.weighted)
            found += table.T.ravel().tolist()
        yield from zip(self._metrics.output, found, strict=True)

    def _counts(self, state: State) -> Iterator[tuple[tuple[str, ...], float]]:
        lists = dict(zip(self._metrics.by_list, state.sums[0, 2], strict=True))
        for metric in self._metrics.all:
            yield (metric.name, COUNT), lists.get(metric, state.size)

    def _intervals(self, state: State) -> Iterator[tuple[tuple[str, ...], float]]:
        names = [m.name for m, keep in zip(self._metrics.by_list, self._lists, strict=True) if keep]
        if names:
            tails = [OWN_TAIL] + [1 - self._metrics.confidence] * len(self._others)
            found = state.paired.intervals(tails, own=1)
            for row, other in enumerate(["", *self._others]):
                yield from _named(names, other, found.row(row))
        by_document = zip(self._metrics.by_document, self._documents, strict=True)
        names = [metric.name for metric, keep in by_document if keep]
        if names:
            whole = np.array([documents.values() for documents in state.documents])
            whole = whole[:, self._documents]
            few = np.array([[part.values() for part in one] for one in state.replicates])
            yield from _named(names, "", of_replicates(whole[0], few[:, 0], OWN_TAIL))
            if len(self._models) > 1:
                change, changes = whole[0] - whole[1], few[:, 0] - few[:, 1]
                tail = 1 - self._metrics.confidence
                yield from _named(names, BASELINE, of_replicates(change, changes, tail))


def _named(
    names: list[str], other: str, found: Intervals
) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yields the ends of intervals, and of those of a difference what it is."""
    where = (other,) if other else ()
    columns = {LOW: found.low, HIGH: found.high} | ({DIFFERENCE: found.mean} if other else {})
    for what, values in columns.items():
        for name, value in zip(names, values.tolist(), strict=True):
            yield (name, *where, what), value
