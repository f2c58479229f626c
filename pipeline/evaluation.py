"""The gate: which metrics are reported, and what a model must reach to be published."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from data.errors import InputError
from data.errors import did_you_mean
from data.features import FeatureSpec
from data.features import Scope
from models.metrics import MetricContract
from models.metrics import parse_metric
from models.metrics import preset

DOCUMENT_ORDER, LIGHTGBM, FEATURE = "document_order", "lightgbm", "feature:"
"""Yardsticks: the order of the logs, LambdaMART trained on the same lists, and, with its name
behind, a number of each document."""


RELATIVE = ("max_loss", "min_gain", "slice_max_loss")
"""What a threshold says of the difference from the blessed model."""


@dataclasses.dataclass(frozen=True)
class Threshold:
    """What a metric must reach for the model to be blessed.

    All but the first two are about the mean difference from another model on the same lists, the
    latest blessed one but for yardsticks, and hold where its confidence interval keeps to them.

    Attributes:
      at_least: The lowest value.
      at_most: The highest value, for metrics of which less is better.
      max_loss: How much worse it may be at most.
      min_gain: How much better it must be; more than 0 where this is 0.
      slice_max_loss: How much worse it may be in any slice that has `min_lists` lists.
      yardsticks: The same for other rankings of the lists, by name: how much worse than it the
        model may be at most; below 0 how much better it must be. `document_order` is the order of
        the logs, `feature:price` that of a number of the documents, the highest first, `lightgbm`
        that of LambdaMART (`models/trees.py`) trained on the same lists.
    """

    at_least: float | None = None
    at_most: float | None = None
    max_loss: float | None = None
    min_gain: float | None = None
    slice_max_loss: float | None = None
    yardsticks: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        values = {key: value for key, value in vars(self).items() if key != "yardsticks"}
        for name, value in {**values, **self.yardsticks}.items():
            if value is not None and not math.isfinite(value):
                raise InputError(f"{name} must be finite, found {value}")
            if value is not None and name in RELATIVE and value < 0:
                raise InputError(f"{name} must be 0 or more, found {value}")
        low, high = self.at_least, self.at_most
        if low is not None and high is not None and low > high:
            raise InputError(f"at_least {self.at_least} is above at_most {self.at_most}")
        if self.max_loss is not None and self.min_gain is not None:
            raise InputError("a model that must gain may not lose: set 'max_loss' or 'min_gain'")

    @property
    def relative(self) -> bool:
        """Whether it compares with the blessed model."""
        return any(getattr(self, name) is not None for name in RELATIVE)

    def gates(self, name: str) -> bool:
        """Whether a model that is poor by the metric of that name cannot pass."""
        metric, low, high = parse_metric(name), self.at_least, self.at_most
        if not metric.directed:
            return low is not None and high is not None
        return (low if metric.higher_is_better else high) is not None


@dataclasses.dataclass(frozen=True)
class EvaluationConfig:
    """The gate.

    Attributes:
      thresholds: For each gated metric what it must reach.
      metrics: The metrics to report; the Evaluator alone computes those of a whole catalogue and
        those grouped by a column, such as `gauc:user_id`.
      contract: The preset of the metric contract.
      slices: Context features to report by, each value apart; of impressions any features.
      confidence_intervals: Whether to add 95 % intervals, by bootstrap, to all metrics; differences
        that decide have intervals in any case.
      confidence: How sure it must be that a difference keeps to its limit.
      min_lists: How many lists a gated metric must count to be judged by; of metrics over documents
        how many documents.
    """

    thresholds: dict[str, Threshold]
    metrics: tuple[str, ...] = (
        "ndcg@1", "ndcg@5", "ndcg@10", "mrr@10", "map", "precision@5", "recall@10", "arp",
    )  # fmt: skip
    contract: str = "default"
    slices: tuple[str, ...] = ()
    confidence_intervals: bool = True
    confidence: float = 0.95
    min_lists: int = 50

    def __post_init__(self) -> None:
        preset(self.contract)
        if not 0.5 < self.confidence <= 0.99:
            raise InputError(
                f"confidence must be above 0.5 and at most 0.99, found {self.confidence}"
            )
        if self.min_lists < 2:
            raise InputError(f"min_lists must be 2 or more, found {self.min_lists}")
        self._check_names()
        self._check_thresholds()
        self._check_yardsticks()

    def _check_names(self) -> None:
        for name in self.metrics:
            usual = parse_metric(name).name
            if usual != name:
                raise InputError(f"metrics: found '{name}', expected its usual spelling '{usual}'")
        for what, names in (("metrics", self.metrics), ("slices", self.slices)):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise InputError(f"{what}: '{twice[0]}' is named twice")
        for name in self.thresholds:
            if name not in self.metrics:
                near = did_you_mean(name, self.metrics)
                raise InputError(f"thresholds: '{name}' is not among the metrics.{near}")

    def _check_thresholds(self) -> None:
        for name, threshold in self.thresholds.items():
            found = [key for key in RELATIVE if getattr(threshold, key) is not None]
            if found and not parse_metric(name).directed:
                raise InputError(
                    f"thresholds: {name} may be too high as well as too low, so that it has no"
                    f" '{found[0]}'; set 'at_least' and 'at_most'"
                )
            if threshold.slice_max_loss is not None and not self.slices:
                raise InputError(f"thresholds: {name}: 'slice_max_loss' needs 'slices'")
        if not any(threshold.gates(name) for name, threshold in self.thresholds.items()):
            raise InputError(
                "thresholds: at least one 'at_least' ('at_most' for losses, errors and arp) is"
                " needed; without it the first model would be blessed whatever it does"
            )

    def _check_yardsticks(self) -> None:
        for gated, threshold in self.thresholds.items():
            for name in threshold.yardsticks:
                known = (DOCUMENT_ORDER, LIGHTGBM)
                if name not in known and not name.startswith(FEATURE):
                    raise InputError(
                        f"thresholds: {gated}: yardsticks: expected {', '.join(known)}, or"
                        f" {FEATURE} and a feature's name, found '{name}'."
                        f"{did_you_mean(name, known)}"
                    )
            metric = parse_metric(gated)
            if threshold.yardsticks and (metric.over_documents or metric.full):
                raise InputError(
                    f"thresholds: {gated}: yardsticks rank the documents of one list; they go with"
                    " metrics over lists"
                )

    def require(self, spec: FeatureSpec, *, ordered: bool) -> None:
        """Raises InputError unless the yardsticks can rank such lists.

        Args:
          spec: The features.
          ordered: Whether the logs are ranked lists.
        """
        numbers = spec.select(Scope.DOCUMENT, categorical=False)
        known = [feature.name for feature in numbers if feature.width == 1]
        for name in self.yardsticks:
            if name in (DOCUMENT_ORDER, LIGHTGBM) and not ordered:
                raise InputError(
                    f"evaluation.thresholds: yardstick '{name}' is for logs of ranked lists, not of"
                    " interactions or impressions"
                )
            feature = name.removeprefix(FEATURE)
            if name.startswith(FEATURE) and feature not in known:
                raise InputError(
                    "evaluation.thresholds: yardsticks: expected a document feature that is one"
                    f" number, found '{feature}'.{did_you_mean(feature, known)}"
                )

    @property
    def yardsticks(self) -> tuple[str, ...]:
        """The names of all yardsticks."""
        return tuple(sorted({name for t in self.thresholds.values() for name in t.yardsticks}))

    @property
    def resampled(self) -> tuple[str, ...]:
        """The metrics that get intervals."""
        gated = {name for name, t in self.thresholds.items() if t.relative or t.yardsticks}
        return tuple(m for m in self.metrics if self.confidence_intervals or m in gated)

    @property
    def full_metrics(self) -> tuple[str, ...]:
        """The metrics over a whole catalogue; the Evaluator alone computes them."""
        return tuple(name for name in self.metrics if parse_metric(name).full)

    @property
    def training_metrics(self) -> tuple[str, ...]:
        """The metrics that are computed in training as well: neither full ones nor of groups."""
        metrics = [parse_metric(name) for name in self.metrics]
        return tuple(metric.name for metric in metrics if not (metric.full or metric.by))

    @property
    def metric_contract(self) -> MetricContract:
        """The conventions behind the numbers."""
        return preset(self.contract)
