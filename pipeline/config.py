"""The configuration: one nested frozen dataclass, one TOML table for each."""

from __future__ import annotations

import dataclasses
import enum
import os
from typing import Any

from data.errors import InputError
from data.errors import did_you_mean
from data.features import ACROSS_LIST
from data.features import FeatureSpec
from data.features import Scope
from data.interactions.kinds import Labels
from data.sampling import NegativeKind
from models import losses
from models import recommend
from models import registry
from models.baseline import FeatureConfig
from models.checks import ChecksConfig
from models.metrics import check_pipeline_metrics
from models.metrics import parse_metric
from models.ranker import Ranker
from models.settings import check_search
from models.training.config import TrainConfig
from models.tuning import TunerConfig
from models.validation import LOSS
from pipeline.beam import BeamConfig
from pipeline.cluster import ClusterConfig
from pipeline.drift import DriftConfig
from pipeline.evaluation import EvaluationConfig
from pipeline.examples import ExamplesConfig
from pipeline.reporting import ReportConfig


class Engine(str, enum.Enum):
    """Where the pipeline runs."""

    LOCAL = "local"
    KUBEFLOW = "kubeflow"
    """Kubeflow Pipelines 2."""
    VERTEX = "vertex"
    """Vertex AI Pipelines."""

    @property
    def remote(self) -> bool:
        """Whether the nodes run elsewhere, from a compiled file."""
        return self is not Engine.LOCAL


def absolute(folder: str) -> str:
    """Returns a folder whole; one with a scheme, such as gs://, is already.

    >>> absolute("gs://bucket/models")
    'gs://bucket/models'
    """
    return folder if "://" in folder else os.path.abspath(folder)


@dataclasses.dataclass(frozen=True)
class PipelineConfig:
    """The run as a whole.

    Attributes:
      name: The pipeline's name.
      root: The folder of its artifacts and metadata.
      engine: Where it runs.
      cache: Whether a node whose inputs did not change is skipped.
    """

    name: str
    root: str
    engine: Engine = Engine.LOCAL
    cache: bool = True

    def __post_init__(self) -> None:
        if not self.name or not all(c.isalnum() or c in "-_" for c in self.name):
            raise InputError(f"name must be letters, digits, '-' or '_', found '{self.name}'")

    @property
    def folder(self) -> str:
        """The root, whole."""
        return absolute(self.root)

    @property
    def training_folder(self) -> str:
        """Where unfinished training is kept, and where the workers of a cluster look for it."""
        return os.path.join(self.folder, "training")


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
class PushConfig:
    """Where blessed models go.

    Attributes:
      base: The folder that the model server watches.
      keep: How many versions stay there, the newest, those retired among them; 0: all. What is
        served, the version before it and a canary stay in any case.
      canary: The share of requests that a new version is to answer until `promote`; 0: all.
    """

    base: str
    keep: int = 0
    canary: float = 0.0

    def __post_init__(self) -> None:
        if self.keep < 0 or self.keep == 1:
            raise InputError(f"keep must be 0 (all) or at least 2, found {self.keep}")
        if not 0 <= self.canary < 1:
            raise InputError(f"canary must be a share from 0 to below 1, found {self.canary:g}")

    @property
    def folder(self) -> str:
        """The base, whole."""
        return absolute(self.base)


@dataclasses.dataclass(frozen=True)
class ServingConfig:
    """What the published model offers beside ranking lists.

    Attributes:
      per_document: Whether it has TF-Ranking's `regress` signature, which scores single documents.
      history: Whether a recommender knows what its users have in the training data, so that it can
        leave it out.
      checks: What the exported model must do before it is published.
    """

    per_document: bool = False
    history: bool = True
    checks: ChecksConfig = ChecksConfig()


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
    cluster: ClusterConfig = ClusterConfig()
    beam: BeamConfig = BeamConfig()
    report: ReportConfig = ReportConfig()
    drift: DriftConfig | None = None

    def __post_init__(self) -> None:
        self.beam.require(engine.value for engine in Engine)
        self._check_model()
        check_search(self.tuner, self.model.family, self.model.settings, self.train)
        self.examples.require(self.features)
        if self.drift:
            self.drift.require(self.features)
        self._check_negatives()
        self._check_catalogue()
        self._check_metrics()
        if self.features.impressions:
            self._check_impressions()

    def _check_metrics(self) -> None:
        evaluation, metric = self.evaluation, self.train.metric
        options = [task.loss_options for task in self.train.tasks.values()]
        check_pipeline_metrics(
            evaluation.metrics,
            features=self.features,
            probabilities=all(o.probabilities for o in (self.train.loss_options, *options)),
        )
        rows = self.features.impressions
        known = [f.name for f in self.features.features if rows or f.scope is Scope.CONTEXT]
        for name in evaluation.slices:
            if name not in known:
                kind, near = "" if rows else "context ", did_you_mean(name, known)
                raise InputError(f"evaluation.slices: '{name}' is no {kind}feature.{near}")
        evaluation.require(self.features, ordered=not (rows or self.examples.interactions))
        if metric in set(evaluation.metrics) - set(evaluation.training_metrics):
            raise InputError(
                f"train.metric: '{metric}' is computed by the Evaluator alone; expected one without"
                " 'full_' and without a column"
            )
        if metric not in (LOSS, *evaluation.metrics):
            near = did_you_mean(metric, evaluation.metrics)
            raise InputError(f"train.metric: '{metric}' is not among evaluation.metrics.{near}")
        if metric != LOSS and not parse_metric(metric).directed:
            raise InputError(
                f"train.metric: no epoch is best by '{metric}', which may be too high as well as"
                " too low"
            )

    def _check_impressions(self) -> None:
        family, train = self.model.family, self.train
        if registry.family(family).across_list:
            raise InputError(
                f"model.family: '{family}' looks across the list, and impressions have none"
            )
        tasks = {f"tasks.{name}.": task.loss for name, task in train.tasks.items()}
        for task, loss in {"": train.loss, **tasks}.items():
            for name, _ in losses.parse(loss):
                if name not in losses.POINTWISE:
                    raise InputError(
                        f"train.{task}loss: '{name}' compares the documents of a list, and"
                        f" impressions have none; expected one of {', '.join(losses.POINTWISE)}"
                    )
        if train.list_size > 1:
            raise InputError(
                f"train.list_size: an impression is a list of one document; expected 1, found"
                f" {train.list_size}"
            )
        if train.negatives:
            raise InputError("train.negatives: impressions have negatives of their own")

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
        if self.examples.interactions and not self.features.impressions:
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
        if parts and self.train.warm_start:
            raise InputError(
                f"train.warm_start: '{next(iter(parts))}' and other parts of this model are trained"
                " before it; set pretrain = false"
            )
        across = f"family '{self.model.family}'" if family.across_list else ""
        for feature in self.features.features:
            if feature.keyed and not family.keys:
                raise InputError(
                    f"model.family: '{self.model.family}' needs ids that can be counted, and the"
                    f" transform of '{feature.name}' is 'key'; use 'vocabulary' or another family"
                )
            if not ACROSS_LIST.isdisjoint(feature.transform):
                across = f"the transform of '{feature.name}'"
        if self.serving.per_document and across:
            raise InputError(
                f"serving.per_document: {across} looks across the list; no signature can score a"
                " document alone"
            )
