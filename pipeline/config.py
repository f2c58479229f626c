"""The configuration: one nested frozen dataclass, one TOML table for each."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Iterator
from typing import Any

from data.errors import InputError
from data.errors import did_you_mean
from data.features import ACROSS_LIST
from data.features import FeatureSpec
from data.features import Scope
from data.policies import ListPolicy
from data.readers import Format
from data.readers import ReadOptions
from data.synthetic import Synthetic
from models import registry
from models.metrics import MetricContract
from models.metrics import parse_metric
from models.metrics import preset
from models.settings import check_search
from models.training.config import TrainConfig
from models.validation import LOSS
from models.tuning import TunerConfig

TRAIN, VALIDATION, TEST = "train", "validation", "test"


class Engine(str, enum.Enum):
    """Where the pipeline runs."""

    LOCAL = "local"


@dataclasses.dataclass(frozen=True)
class PipelineConfig:
    """The run as a whole.

    Attributes:
      name: The pipeline's name.
      root: The folder of its artifacts and metadata.
      engine: Where it runs.
      cache: Whether a node whose inputs did not change is skipped.
      beam_pipeline_args: Options for Apache Beam, such as `--runner=FlinkRunner`.
    """

    name: str
    root: str
    engine: Engine = Engine.LOCAL
    cache: bool = True
    beam_pipeline_args: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name or not all(c.isalnum() or c in "-_" for c in self.name):
            raise InputError(f"name must be letters, digits, '-' or '_', found '{self.name}'")


@dataclasses.dataclass(frozen=True)
class ExamplesConfig:
    """The raw logs.

    Attributes:
      format: elwc, libsvm, csv or parquet.
      base: The folder of the files.
      splits: Split names and file patterns below `base`; `{SPAN}`, `{VERSION}` and
        `{YYYY}-{MM}-{DD}` stand for the newest span of the logs.
      hash_splits: Split names and shares: a list goes to a split by the hash of its id. Divided
        is the one pattern of `splits` or, beside others, the one of `train`.
      span: The span to train on, 0 for the newest.
      max_bad_share: The share of records that may be refused before the run stops.
      options: How the format is read.
      lists: What is done about long lists, duplicates and labels.
      synthetic: Lists to generate into `base` first.
    """

    format: Format
    base: str
    splits: dict[str, str]
    hash_splits: dict[str, int] = dataclasses.field(default_factory=dict)
    span: int = 0
    max_bad_share: float = 0.0
    options: ReadOptions = ReadOptions()
    lists: ListPolicy = ListPolicy()
    synthetic: Synthetic | None = None

    def __post_init__(self) -> None:
        for rule, broken in self._rules():
            if broken:
                raise InputError(rule)
        names = sorted(self.split_names)
        if not {TRAIN, VALIDATION} <= set(names):
            raise InputError(f"splits must include '{TRAIN}' and '{VALIDATION}', found {names}")
        if self.hash_splits and len(self.splits) > 1 and TRAIN not in self.splits:
            raise InputError(
                f"hash_splits divides the one pattern of splits, or '{TRAIN}' among several;"
                f" found {sorted(self.splits)}"
            )
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(f"'{twice[0]}' is named in splits and in hash_splits")

    def _rules(self) -> Iterator[tuple[str, bool]]:
        patterns = list(self.splits.values())
        yield "splits must name at least one pattern", not patterns
        yield "splits: a pattern is empty", "" in patterns
        yield "splits: two splits have the same pattern", len(set(patterns)) < len(patterns)
        for name in (*self.splits, *self.hash_splits):
            sound = name.replace("_", "").replace("-", "").isalnum()
            yield f"split name '{name}' must be letters, digits, '-' or '_'", not sound
        for name, share in self.hash_splits.items():
            yield f"hash_splits: {name} must be at least 1, found {share}", share < 1
        bad_share = not 0 <= self.max_bad_share < 1
        yield f"max_bad_share must be in [0, 1), found {self.max_bad_share}", bad_share
        yield f"span must be 0 or more, found {self.span}", self.span < 0
        spans = all("{SPAN" in pattern or "{YYYY}" in pattern for pattern in patterns)
        yield "span needs '{SPAN}' or a date in every pattern", self.span > 0 and not spans
        generated = self.synthetic is not None and self.format is not Format.ELWC
        yield "synthetic lists are written as 'elwc'", generated

    @property
    def divided(self) -> str:
        """The name of the split whose lists `hash_splits` divides; empty if none is."""
        if not self.hash_splits:
            return ""
        return TRAIN if TRAIN in self.splits else next(iter(self.splits))

    @property
    def split_names(self) -> tuple[str, ...]:
        """All splits."""
        return (*self.hash_splits, *(name for name in self.splits if name != self.divided))

    @property
    def evaluation_split(self) -> str:
        """The split that judges the model: test, or validation where there is none."""
        return TEST if TEST in self.split_names else VALIDATION


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """The model.

    Attributes:
      family: Its family's name.
      settings: An instance of that family's configuration.
    """

    family: str
    settings: Any


@dataclasses.dataclass(frozen=True)
class Threshold:
    """What a metric must reach for the model to be blessed.

    Attributes:
      at_least: The lowest value.
      at_most: The highest value, for metrics of which less is better.
      max_loss: How much worse than the latest blessed model it may be.
    """

    at_least: float | None = None
    at_most: float | None = None
    max_loss: float | None = None

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if value is not None and not math.isfinite(value):
                raise InputError(f"{name} must be finite, found {value}")
        if self.max_loss is not None and self.max_loss < 0:
            raise InputError(f"max_loss must be 0 or more, found {self.max_loss}")
        low, high = self.at_least, self.at_most
        if low is not None and high is not None and low > high:
            raise InputError(f"at_least {self.at_least} is above at_most {self.at_most}")


@dataclasses.dataclass(frozen=True)
class EvaluationConfig:
    """The gate.

    Attributes:
      thresholds: For each gated metric what it must reach.
      metrics: The metrics to report.
      contract: The preset of the metric contract.
      slices: Context features to report by, each value apart.
      confidence_intervals: Whether to add 95 % intervals by Poisson bootstrap.
    """

    thresholds: dict[str, Threshold]
    metrics: tuple[str, ...] = (
        "ndcg@1", "ndcg@5", "ndcg@10", "mrr@10", "map", "precision@5", "recall@10", "arp",
    )  # fmt: skip
    contract: str = "default"
    slices: tuple[str, ...] = ()
    confidence_intervals: bool = True

    def __post_init__(self) -> None:
        preset(self.contract)
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
        bounds = [
            threshold.at_least if parse_metric(name).higher_is_better else threshold.at_most
            for name, threshold in self.thresholds.items()
        ]
        if all(bound is None for bound in bounds):
            raise InputError(
                "thresholds: at least one 'at_least' ('at_most' for arp) is needed; without it the"
                " first model would be blessed whatever it does"
            )

    @property
    def metric_contract(self) -> MetricContract:
        """The conventions behind the numbers."""
        return preset(self.contract)


@dataclasses.dataclass(frozen=True)
class PushConfig:
    """Where blessed models go.

    Attributes:
      base: The folder that the model server watches.
    """

    base: str


@dataclasses.dataclass(frozen=True)
class ServingConfig:
    """What the published model offers beside ranking lists.

    Attributes:
      per_document: Whether it has TF-Ranking's `regress` signature, which scores single documents.
    """

    per_document: bool = False


@dataclasses.dataclass(frozen=True)
class Config:
    """Everything about one pipeline."""

    pipeline: PipelineConfig
    examples: ExamplesConfig
    features: FeatureSpec
    model: ModelConfig
    train: TrainConfig
    evaluation: EvaluationConfig
    push: PushConfig
    serving: ServingConfig = ServingConfig()
    tuner: TunerConfig = TunerConfig()

    def __post_init__(self) -> None:
        self._check_model()
        check_search(self.tuner, self.model.family, self.model.settings, self.train)
        self.examples.lists.require(self.features)
        context = [f.name for f in self.features.features if f.scope is Scope.CONTEXT]
        for name in self.evaluation.slices:
            if name not in context:
                near = did_you_mean(name, context)
                raise InputError(f"evaluation.slices: '{name}' is no context feature.{near}")
        if self.train.metric not in (LOSS, *self.evaluation.metrics):
            near = did_you_mean(self.train.metric, self.evaluation.metrics)
            raise InputError(
                f"train.metric: '{self.train.metric}' is not among evaluation.metrics.{near}"
            )
        if self.examples.hash_splits and not self.features.list_id:
            raise InputError("examples.hash_splits needs features.list_id: lists are split by it")
        if self.features.tasks and self.examples.format is Format.LIBSVM:
            raise InputError(
                "features.tasks: the format 'libsvm' has one label per document, found"
                f" {', '.join(self.features.tasks)} beside it"
            )
        rows = self.examples.format in (Format.CSV, Format.PARQUET)
        if rows and not self.features.list_id:
            kind = self.examples.format.value
            raise InputError(
                f"examples.format '{kind}' needs features.list_id: rows make lists by it"
            )

    def _check_model(self) -> None:
        family = registry.family(self.model.family)
        self.train.require(self.features)
        across = f"family '{self.model.family}'" if family.across_list else ""
        for feature in self.features.features:
            if not ACROSS_LIST.isdisjoint(feature.transform):
                across = f"the transform of '{feature.name}'"
        if self.serving.per_document and across:
            raise InputError(
                f"serving.per_document: {across} looks across the list; no signature can score a"
                " document alone"
            )
