"""The configuration: one nested frozen dataclass, one TOML table for each."""

from __future__ import annotations

import dataclasses
import enum
import math
import os
from typing import Any

from data.errors import InputError
from data.errors import did_you_mean
from data.features import ACROSS_LIST
from data.features import FeatureSpec
from data.features import Scope
from data.interactions.options import Labels
from data.readers import Format
from data.sampling import NegativeKind
from models import recommend
from models import registry
from models.baseline import FeatureConfig
from models.metrics import MetricContract
from models.metrics import check_pipeline_metrics
from models.metrics import parse_metric
from models.metrics import preset
from models.ranker import Ranker
from models.settings import check_search
from models.training.config import TrainConfig
from models.tuning import TunerConfig
from models.validation import LOSS
from pipeline.examples import ExamplesConfig


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

    @property
    def training_folder(self) -> str:
        """Where unfinished training is kept, and where the workers of a cluster look for it."""
        return os.path.join(os.path.abspath(self.root), "training")


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
    def full_metrics(self) -> tuple[str, ...]:
        """The metrics over a whole catalogue; the Evaluator alone computes them."""
        return tuple(name for name in self.metrics if parse_metric(name).full)

    @property
    def training_metrics(self) -> tuple[str, ...]:
        """The metrics that are computed in training as well."""
        return tuple(name for name in self.metrics if name not in self.full_metrics)

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
      history: Whether a recommender knows what its users have in the training data, so that it can
        leave it out.
    """

    per_document: bool = False
    history: bool = True


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
        self.examples.require(self.features)
        self._check_negatives()
        self._check_catalogue()
        check_pipeline_metrics(self.evaluation.metrics, weight=self.features.weight)
        context = [f.name for f in self.features.features if f.scope is Scope.CONTEXT]
        for name in self.evaluation.slices:
            if name not in context:
                near = did_you_mean(name, context)
                raise InputError(f"evaluation.slices: '{name}' is no context feature.{near}")
        if self.train.metric in self.evaluation.full_metrics:
            raise InputError(
                f"train.metric: '{self.train.metric}' is computed by the Evaluator alone; expected"
                " one without 'full_'"
            )
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

    def _check_negatives(self) -> None:
        interactions, negatives = self.examples.interactions, self.train.negatives
        if negatives and not interactions:
            raise InputError("train.negatives: negatives are drawn for logs of interactions only")
        if interactions and interactions.labels is Labels.IMPLICIT and not negatives:
            raise InputError(
                "examples.interactions has positives only (labels = 'implicit'); the table"
                " 'train.negatives' must say what they are learned against"
            )
        if negatives and negatives.kind is NegativeKind.ALL:
            self._check_whole()

    def _check_whole(self) -> None:
        family, context = registry.family(self.model.family), Scope.CONTEXT
        known = isinstance(family.build, type) and issubclass(family.build, Ranker)
        if family.across_list or not known:
            raise InputError(
                f"train.negatives: kind 'all' scores every item by itself; family"
                f" '{self.model.family}' cannot"
            )
        if not any(feature.scope is context for feature in self.features.features):
            raise InputError("train.negatives: kind 'all' needs a context feature: the user")

    def _check_catalogue(self) -> None:
        if self.examples.interactions:
            recommend.check(self.features)
        across = registry.family(self.model.family).across_list
        for name in self.evaluation.full_metrics:
            where = f"evaluation.metrics: '{name}'"
            if not self.examples.interactions:
                raise InputError(f"{where} needs a catalogue, which examples.interactions gives")
            if across:
                raise InputError(
                    f"{where} scores every item by itself; family '{self.model.family}' looks"
                    " across the list"
                )
            if not self.serving.history:
                raise InputError(
                    f"{where} leaves out what a user has already; it needs serving.history = true"
                )

    def _check_model(self) -> None:
        family = registry.family(self.model.family)
        self.train.require(self.features, dense_gradients=family.dense_gradients)
        if isinstance(self.model.settings, FeatureConfig):
            self.model.settings.require(self.features)
        parts = family.stages(self.model.settings)
        for name in self.train.stages:
            if name not in parts:
                near = did_you_mean(name, parts)
                raise InputError(f"train.stages: this model has no part '{name}'.{near}")
        across = f"family '{self.model.family}'" if family.across_list else ""
        for feature in self.features.features:
            if not ACROSS_LIST.isdisjoint(feature.transform):
                across = f"the transform of '{feature.name}'"
        if self.serving.per_document and across:
            raise InputError(
                f"serving.per_document: {across} looks across the list; no signature can score a"
                " document alone"
            )
