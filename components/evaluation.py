"""Reading what the Evaluator found: metrics by slice, and why a model was not blessed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import tensorflow_model_analysis as tfma

from components.metrics import TABLE
from models import metrics as metrics_lib

DIFFERENCE = "{}_diff"
"""How a metric's difference from the blessed model is called."""

ERROR = "__ERROR__"
"""What TFMA puts among the metrics of a slice that has too few lists for an interval."""


@dataclasses.dataclass(frozen=True)
class Slice:
    """The metrics of one slice.

    Attributes:
      key: The slice's feature and value; empty for all lists together.
      values: Metric values by name, differences from the blessed model among them.
      bounds: The ends of each metric's 95 % confidence interval, where it was computed.
    """

    key: dict[str, str]
    values: dict[str, float]
    bounds: dict[str, tuple[float, float]]


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
        Slice({k: _text(v) for k, v in key}, *_split(metrics[""][""]))
        for key, metrics in tfma.load_eval_result(uri, model_name=model).slicing_metrics
    ]


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _split(metrics: dict[str, Any]) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    values: dict[str, float] = {}
    bounds: dict[str, tuple[float, float]] = {}
    for name, value in metrics.items():
        if "boundedValue" in value:
            bounded = value["boundedValue"]
            values[name] = float(bounded["value"])
            bounds[name] = (float(bounded["lowerBound"]), float(bounded["upperBound"]))
        elif name != ERROR:
            values[name] = float(value.get("doubleValue", math.nan))
    return values, bounds


def failures(uri: str) -> Iterator[str]:
    """Yields in plain words each threshold that the candidate missed."""
    result = tfma.load_validation_result(uri)
    if result.missing_slices:
        yield f"the split has no lists to judge by: {len(result.missing_slices)} slices are missing"
    for found in result.metric_validations_per_slice:
        keys = found.slice_key.single_slice_keys
        where = "".join(f" in {key.column}={_text(key.bytes_value)}" for key in keys)
        for failure in found.failures:
            yield f"{failure.metric_key.name}{where}: {_missed(failure)}"


def _missed(failure: Any) -> str:
    value = failure.metric_value
    number = value.bounded_value.value if value.HasField("bounded_value") else value.double_value
    if failure.metric_threshold.HasField("change_threshold"):
        allowed = abs(failure.metric_threshold.change_threshold.absolute.value)
        return (
            f"changed by {number.value:+.4f} from the blessed model,"
            f" expected a loss of at most {allowed:.4g}"
        )
    threshold = failure.metric_threshold.value_threshold
    if threshold.HasField("lower_bound") and not number.value >= threshold.lower_bound.value:
        return f"found {number.value:.4f}, expected at least {threshold.lower_bound.value:g}"
    return f"found {number.value:.4f}, expected at most {threshold.upper_bound.value:g}"
