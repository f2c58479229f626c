"""One training as plain values: what the Trainer, the Tuner and the workers of a cluster run."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from data import plain
from data import storage
from data.errors import InputError
from data.transformed import TransformedSpec
from models import losses
from models import registry
from models import stages
from models import strategy as strategy_lib
from models.metrics import MetricContract
from models.metrics import parse_metric
from models.ranker import Inputs
from models.sources import Source
from models.sparse.of_model import copy_weights
from models.strategy import Strategy
from models.training import loop
from models.training import progress
from models.training.config import TrainConfig
from models.training.loop import TrainResult
from models.training.progress import Report
from models.training.progress import Validate
from models.training.steps import per_replica
from models.training.warm import WarmStart
from models.validation import validator


@dataclasses.dataclass(frozen=True)
class TrainingJob:
    """A training and all it needs.

    Attributes:
      train_files: Transformed training lists, gzipped TFRecord files.
      validation_files: Transformed validation lists.
      transformed: Their shapes, a `TransformedSpec` as JSON.
      family: The model's family.
      settings: Its settings as JSON.
      train: The settings of training, a `TrainConfig` as JSON.
      metrics: The metrics computed after each epoch.
      contract: Their `MetricContract` as JSON.
      state_dir: Where unfinished training is kept.
      log_dir: Where TensorBoard reads.
      catalogue_files: Transformed lists of all items, where negatives are drawn.
    """

    train_files: tuple[str, ...]
    validation_files: tuple[str, ...]
    transformed: str
    family: str
    settings: str
    train: str
    metrics: tuple[str, ...]
    contract: str
    state_dir: str
    log_dir: str
    catalogue_files: tuple[str, ...] = ()

    @functools.cached_property
    def config(self) -> TrainConfig:
        """The settings of training."""
        return plain.from_json(TrainConfig, self.train)

    @property
    def recommends(self) -> bool:
        """Whether the model can rank all items: it has them, and scores each by itself."""
        return bool(self.catalogue_files) and not registry.family(self.family).across_list

    @functools.cached_property
    def shapes(self) -> TransformedSpec:
        """The shapes of the lists."""
        return plain.from_json(TransformedSpec, self.transformed)

    @property
    def source(self) -> Source:
        """What is read."""
        return Source(
            self.train_files,
            self.validation_files,
            self.catalogue_files,
            self.shapes,
            self.config,
            across_list=registry.family(self.family).across_list,
        )


def build(job: TrainingJob, static: bool = False) -> tf.keras.Model:
    """Builds the job's model with weights as they come."""
    outputs = job.config.outputs(job.shapes.spec.label)
    family = registry.family(job.family)
    # Every place of a batch of impressions is a row; there is nothing to leave out.
    static = static or job.shapes.spec.impressions
    return family.build(job.shapes, _settings(job), outputs=outputs, static=static)


def _settings(job: TrainingJob) -> Any:
    return plain.from_json(registry.family(job.family).config, job.settings)


def untrained(job: TrainingJob) -> tf.keras.Model:
    """Returns the job's model with its weights created."""
    model = build(job)
    model(sample(job))
    return model


def copy(job: TrainingJob, model: tf.keras.Model) -> tf.keras.Model:
    """Returns the model without what training added to it, such as the optimizer's state.

    It is for export: the rows of keys are those of the moment.
    """
    fresh = untrained(job)
    copy_weights(model, fresh)
    return fresh


def run(
    job: TrainingJob, *, report: Report = progress.say, warm: WarmStart | None = None
) -> tuple[tf.keras.Model, TrainResult]:
    """Trains the job's model and returns it as `models.training.loop.train` does.

    Raises:
      InputError: The data has nothing to learn from, or the strategy's devices are not there.
    """
    config, shapes = job.config, job.shapes
    config.require(shapes.spec, dense_gradients=registry.family(job.family).dense_gradients)
    place = strategy_lib.place(config.distribution)
    strategy = strategy_lib.connect(config.distribution)
    report = report if place.chief else progress.say_nothing
    return _train(job, strategy, report, place.chief, warm)


def _train(
    job: TrainingJob,
    strategy: tf.distribute.Strategy,
    report: Report,
    chief: bool,
    warm: WarmStart | None = None,
) -> tuple[tf.keras.Model, TrainResult]:
    parts = {}
    for name, stage in stages.jobs(job).items():
        parts[name], result = _train(stage, strategy, stages.naming(report, name), chief)
        if not chief:
            stages.load_best(parts[name], stage, result.best_epoch)
    tf.keras.utils.set_random_seed(job.config.seed)
    return loop.train(
        functools.partial(_joined, job, parts),
        training_data(job, strategy),
        functools.partial(_validate, job, job.source.validation()),
        job.config,
        state_dir=storage.at(job.state_dir),
        strategy=strategy,
        chief=chief,
        log_dir=storage.at(job.log_dir) if chief else None,
        report=report,
        warm=warm,
    )


def _joined(job: TrainingJob, parts: Mapping[str, tf.keras.Model], static: bool) -> tf.keras.Model:
    model = build(job, static)
    if parts:
        model(sample(job))
        registry.family(job.family).join(model, _settings(job), parts)
    return model


def training_data(job: TrainingJob, strategy: tf.distribute.Strategy) -> loop.TrainingData:
    """Returns what the job's model is trained on under the strategy.

    Raises:
      InputError: The data has nothing to learn from, or the devices cannot share a batch.
    """
    replicas = strategy.num_replicas_in_sync
    if job.config.distribution.strategy is not Strategy.PARAMETER_SERVER:
        per_replica(job.config, replicas)
    source = job.source
    counts = source.count()
    if counts.lists < replicas:
        name = job.config.distribution.strategy.value
        raise InputError(
            f"train: {counts.lists} lists are too few for the {replicas} devices of {name}"
        )
    return loop.TrainingData(
        functools.partial(source.batches, replicas=replicas, counts=counts),
        counts,
        sample=sample(job),
        label=job.shapes.spec.label,
        impressions=job.shapes.spec.impressions,
    )


def sample(job: TrainingJob) -> Inputs:
    """Returns the model inputs of some lists; they make a model create its weights."""
    return next(iter(job.source.validation()))[0]


def measure(job: TrainingJob, model: tf.keras.Model) -> float:
    """Returns the job's metric of a model on the validation lists."""
    return _validate(job, job.source.validation(), model)()[job.config.metric]


def _validate(job: TrainingJob, validation: tf.data.Dataset, model: tf.keras.Model) -> Validate:
    config, label = job.config, job.shapes.spec.label
    return validator(
        model,
        validation,
        [parse_metric(name) for name in job.metrics],
        plain.from_json(MetricContract, job.contract),
        objective=loop.objective_of(config, label),
        main=label,
        to_scores=functools.partial(_task_scores, job),
    )


def to_scores(job: TrainingJob, logits: tf.Tensor | Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Returns what documents are ranked by, `[batch_size, list_size]`."""
    label = job.shapes.spec.label
    return _task_scores(job, logits[label] if isinstance(logits, Mapping) else logits, label)


def _task_scores(job: TrainingJob, logits: tf.Tensor, task: str) -> tf.Tensor:
    config = job.config
    learned = config.tasks.get(task, config)
    return losses.to_scores(logits, learned.loss, learned.loss_options)
