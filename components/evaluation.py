"""Reading what the Evaluator found: metrics and differences by slice."""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

import tensorflow_model_analysis as tfma

from components import means
from components.measured import TABLE
from models import metrics as metrics_lib

DIFFERENCE = "{}_diff"
"""How a metric's difference from the blessed model is called."""


@dataclasses.dataclass(frozen=True)
class Difference:
    """How much higher a metric is than that of another ranking of the same lists.

    Attributes:
      mean: The difference.
      low: Where its confidence interval begins.
      high: Where it ends.
    """

    mean: float
    low: float
    high: float


@dataclasses.dataclass(frozen=True)
class Slice:
    """The metrics of one slice.

    Attributes:
      key: The slice's feature and value; empty for all lists together.
      values: Metric values by name, differences from the blessed model among them.
      bounds: The ends of each metric's 95 % confidence interval, where it was computed.
      counts: By metric how many lists count; of metrics over documents how many documents.
      differences: From the blessed model (`components.means.BASELINE`) and from yardsticks, by
        metric, where intervals were computed.
    """

    key: dict[str, str]
    values: dict[str, float]
    bounds: dict[str, tuple[float, float]]
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    differences: dict[str, dict[str, Difference]] = dataclasses.field(default_factory=dict)


def slices(uri: str) -> list[Slice]:
    """Returns the metrics of the candidate, slice by slice."""
    return _slices(uri, tfma.CANDIDATE_KEY if _compared(uri) else None)


def overall(slices_of_model: list[Slice]) -> Slice:
    """Returns the slice of all lists together."""
    return next(found for found in slices_of_model if not found.key)


def calibration(found: Slice) -> list[tuple[float, float, float]]:
    """Returns the calibration table of a slice; empty where there is none.

    Each bucket has its share of the documents, their mean score and their mean label.
    """
    if TABLE[0][0] not in found.values:
        return []
    rows = [(found.values[share], found.values[s], found.values[y]) for share, s, y in TABLE]
    return [row for row in rows if row[0] > 0]


def overall_baseline(uri: str) -> Slice | None:
    """Returns the blessed model's metrics over all lists, or None where there was no such model."""
    found = baseline_slices(uri)
    return overall(found) if found else None


def baseline_slices(uri: str) -> list[Slice]:
    """Returns the metrics of the blessed model, slice by slice; none where there was none."""
    return _slices(uri, tfma.BASELINE_KEY) if _compared(uri) else []


def disagreement(slices_of_model: list[Slice], names: Iterable[str]) -> str:
    """Returns a warning where metrics over candidates and over all items prefer another model.

    Args:
      slices_of_model: The metrics of the candidate, compared with a blessed model or not.
      names: The metrics to look at.

    Returns:
      A line; empty where no blessed model was compared, or all agree.
    """
    values = overall(slices_of_model).values
    differences = {name: values.get(DIFFERENCE.format(name), 0.0) for name in names}
    return metrics_lib.disagreement(differences)


def _compared(uri: str) -> bool:
    return any(model.is_baseline for model in tfma.load_eval_result(uri).config.model_specs)


def _slices(uri: str, model: str | None) -> list[Slice]:
    return [
        to_slice({k: _text(v) for k, v in key}, _numbers(metrics[""][""]))
        for key, metrics in tfma.load_eval_result(uri, model_name=model).slicing_metrics
    ]


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _numbers(metrics: dict[str, Any]) -> dict[str, float]:
    return {name: float(value.get("doubleValue", math.nan)) for name, value in metrics.items()}


def to_slice(key: dict[str, str], numbers: Mapping[str, float]) -> Slice:
    """Returns the slice whose numbers are named as by `components.means.Mean`."""
    ends: dict[str, dict[str, float]] = collections.defaultdict(dict)
    others: dict[str, dict[str, dict[str, float]]] = {}
    found = Slice(key, {}, {})
    for name, number in numbers.items():
        match name.split(means.BETWEEN):
            case [metric, means.COUNT]:
                found.counts[metric] = int(number)
            case [metric, end]:
                ends[metric][end] = number
            case [metric, other, what]:
                others.setdefault(other, {}).setdefault(metric, {})[what] = number
            case _:
                found.values[name] = number
    for name, both in ends.items():
        if math.isfinite(both[means.HIGH] - both[means.LOW]):
            found.bounds[name] = (both[means.LOW], both[means.HIGH])
    for other, by_metric in others.items():
        found.differences[other] = {
            name: Difference(part[means.DIFFERENCE], part[means.LOW], part[means.HIGH])
            for name, part in by_metric.items()
        }
    return found
