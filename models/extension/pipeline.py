"""Training, validation and export of a user's own model, under the names of TF-Ranking."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import Protocol

import tensorflow as tf

from data import plain
from data.dataset import Counts
from data.errors import InputError
from models import cluster
from models import losses
from models import strategy as strategy_lib
from models.extension import checks
from models.extension import export
from models.extension.datasets import AbstractDatasetBuilder
from models.extension.datasets import BaseDatasetBuilder
from models.extension.documents import fix_shapes
from models.extension.hparams import PipelineHparams
from models.metrics import Kind
from models.metrics import Metric
from models.metrics import parse_metric
from models.metrics import preset
from models.objective import Objective
from models.objective import by_task
from models.strategy import Strategy
from models.training import loop
from models.training.config import TrainConfig
from models.training.loop import TrainResult
from models.training.progress import LATEST
from models.training.progress import Validate
from models.training.progress import say
from models.training.progress import say_nothing
from models.training.steps import per_replica
from models.training.steps import steps_per_epoch
from models.validation import LOSS
from models.validation import validator

LATEST_MODEL, BEST_MODEL = "latest_model", "best_model_by_metric"
"""What is exported below `model_dir/export`."""
CUT_OFFS = (1, 5, 10, None)
"""The documents at the top that NDCG looks at."""


class Builds(Protocol):
    """What a pipeline needs of a model builder; `AbstractModelBuilder` is one."""

    def build(self) -> tf.keras.Model:
        """Returns a new model."""


@dataclasses.dataclass(frozen=True)
class Trained:
    """What `train_and_validate` leaves.

    Attributes:
      model: The model, with the weights of the best epoch or, where the best model is not
        exported, of the last.
      result: How training went.
      exported: The folders of the exported models by their names; none but on the chief.
    """

    model: tf.keras.Model
    result: TrainResult
    exported: dict[str, Path]


class ModelFitPipeline:
    """Trains, validates and exports; a subclass may make losses, metrics and callbacks of its own.

    Args:
      model_builder: Builds the model.
      dataset_builder: Makes what it is trained on.
      hparams: How.
    """

    loss_type: type = object
    """What `hparams.loss` must be."""

    def __init__(
        self,
        model_builder: Builds,
        dataset_builder: AbstractDatasetBuilder,
        hparams: PipelineHparams,
    ) -> None:
        if isinstance(model_builder, tf.keras.Model):
            raise InputError("model_builder: found a model; KerasModelBuilder makes copies of it")
        _require("model_builder", model_builder, "build")
        _require("dataset_builder", dataset_builder, "build_train_dataset")
        if not isinstance(hparams.loss, self.loss_type):
            raise InputError(
                "loss: SimplePipeline takes one, MultiTaskPipeline a dict of those of each task;"
                f" found {hparams.loss!r}"
            )
        self._model_builder, self._dataset_builder = model_builder, dataset_builder
        self._hparams, self._folder = hparams, Path(hparams.model_dir)
        self._loss_options = hparams.train_config(batch_size=1, list_size=1).loss_options

    def build_loss(self) -> Any:
        """Returns the loss, or those of each task by its name."""
        loss, options = self._hparams.loss, self._loss_options
        if isinstance(loss, str):
            return losses.build(loss, options)
        return {task: losses.build(text, options) for task, text in loss.items()}

    def build_metrics(self) -> list[Metric]:
        """Returns the metrics of each task: NDCG, and the one that decides."""
        found = [Metric(Kind.NDCG, n) for n in CUT_OFFS]
        name = self._hparams.metric_name
        decides = [] if name == LOSS else [parse_metric(name)]
        return found + [metric for metric in decides if metric not in found]

    def build_weighted_metrics(self) -> list[Metric]:
        """Returns the metrics that documents count in by their weights."""
        return [Metric(Kind.NDCG, n, weighted=True) for n in CUT_OFFS]

    def build_callbacks(self) -> list[tf.keras.callbacks.Callback]:
        """Returns further callbacks; stopping, weights and TensorBoard are taken care of."""
        return []

    def train_and_validate(self, verbose: int = 0) -> Trained:
        """Trains the model, resuming what was begun in `model_dir`, and exports it.

        Args:
          verbose: Whether a line is printed for each epoch.

        Raises:
          InputError: A part does not fit the others, or the strategy's devices are not there.
        """
        distribution = self._hparams.train_config(batch_size=1, list_size=1).distribution
        place = strategy_lib.place(distribution)
        if distribution.strategy is Strategy.PARAMETER_SERVER and not place.chief:
            cluster.serve(place).join()  # for as long as the process lives
        strategy = strategy_lib.connect(distribution)
        valid = self._dataset_builder.build_valid_dataset().take(self._hparams.valid_steps)
        inputs, labels = checks.first_batch(
            "validation", valid, weighted=self._hparams.use_weighted_metrics
        )
        task = self._hparams.task or next(iter(labels))
        config, state_dir = self._settings(task, inputs, labels)
        tf.keras.utils.set_random_seed(config.seed)
        counts = self._counts(config, labels)
        model, result = loop.train(
            self._build,
            loop.TrainingData(self._batches(config, counts), counts, inputs, task),
            functools.partial(self._validate, valid, task),
            config,
            state_dir=state_dir,
            strategy=strategy,
            chief=place.chief,
            log_dir=self._folder if place.chief else None,
            report=say if verbose and place.chief else say_nothing,
            objective=self._objective,
            callbacks=self.build_callbacks(),
        )
        exported = self._export(model, state_dir) if place.chief else {}
        return Trained(model, result, exported)

    def export_saved_model(
        self, model: tf.keras.Model, export_to: str | Path, checkpoint: str | None = None
    ) -> None:
        """Writes a SavedModel with the dataset builder's signatures, whole or not at all.

        Args:
          model: The model.
          export_to: The folder; one that is there is replaced.
          checkpoint: A file of weights to read first.
        """
        if checkpoint:
            model.load_weights(checkpoint)
        ranking = export.ranking_model(model, self._scores)
        signatures = self._dataset_builder.build_signatures(ranking)
        export.write(ranking, Path(export_to), signatures)

    def _export(self, model: tf.keras.Model, state_dir: Path) -> dict[str, Path]:
        best, folder = model.get_weights(), self._folder / "export"
        exported = {LATEST_MODEL: folder / LATEST_MODEL}
        self.export_saved_model(model, exported[LATEST_MODEL], str(state_dir / LATEST))
        if self._hparams.export_best_model:
            model.set_weights(best)
            exported[BEST_MODEL] = folder / BEST_MODEL
            self.export_saved_model(model, exported[BEST_MODEL])
        shutil.rmtree(state_dir.parent)
        return exported

    def _build(self, static: bool) -> tf.keras.Model:
        model = self._model_builder.build()
        fix_shapes(model, static)
        return model

    def _objective(self) -> Objective:
        weights = self._hparams.loss_weights
        return self.build_loss(), None if weights is None else dict(weights)

    def _scores(self, logits: tf.Tensor, task: str) -> tf.Tensor:
        loss = self._hparams.loss
        text = loss if isinstance(loss, str) else loss[task]
        return losses.to_scores(logits, text, self._loss_options)

    def _validate(self, valid: tf.data.Dataset, task: str, model: tf.keras.Model) -> Validate:
        weighted = self.build_weighted_metrics() if self._hparams.use_weighted_metrics else []
        return validator(
            model,
            valid,
            checks.check_metrics([*self.build_metrics(), *weighted]),
            preset(self._hparams.metric_contract),
            objective=self._objective(),
            main=task,
            to_scores=self._scores,
        )

    def _settings(self, task: str, inputs: Any, labels: Any) -> tuple[TrainConfig, Path]:
        """Returns the settings and, named after all that they depend on, the folder of the state.

        Raises:
          InputError: Model, labels and losses have different tasks.
        """
        builder, given, list_size = self._dataset_builder, None, None
        if isinstance(builder, BaseDatasetBuilder):
            # Of a function the text is an address, which another process does not know.
            given = dataclasses.replace(builder._hparams, dataset_reader=None)
            size, list_size = given.train_batch_size, given.list_size
        else:
            _, first = checks.first_batch("training", builder.build_train_dataset())
            size = len(next(iter(first.values())))
        config = self._hparams.train_config(batch_size=size, list_size=list_size)
        model = self._build(config.static)
        checks.check_inputs(model, inputs)
        if any(isinstance(part, tf.keras.layers.Embedding) for part in model.submodules):
            config.require_embeddings()
        ours = type(self).build_loss is ModelFitPipeline.build_loss
        options = config.loss_options if ours else None
        checks.check_tasks(model(inputs), labels, self._hparams.loss, task, options)
        shapes = [w.shape.as_list() for w in model.weights]  # names count up
        loss = self._hparams.loss, self._hparams.loss_weights
        text = f"{plain.to_json(config)} {loss} {given} {shapes}"
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        return config, self._folder / "training" / name

    def _counts(self, config: TrainConfig, labels: Any) -> Counts:
        """Counts the lists of an epoch, and guesses their documents from one batch."""
        builder, lists = self._dataset_builder, config.steps_per_epoch * config.batch_size
        if not lists and isinstance(builder, BaseDatasetBuilder):
            lists = builder.count_train_lists()
        elif not lists:
            batches = int(builder.build_train_dataset().cardinality())
            if batches < 0:
                raise InputError("steps_per_epoch is needed: the training dataset has no known end")
            lists = batches * config.batch_size
        real = next(iter(by_task(labels).values())) >= 0
        documents = float(tf.reduce_mean(tf.reduce_sum(tf.cast(real, tf.float32), axis=1)))
        return Counts(lists, max(round(documents * lists), 1), math.ceil(documents))

    def _batches(self, config: TrainConfig, counts: Counts) -> loop.Batches:
        build = self._dataset_builder.build_train_dataset
        servers = config.distribution.strategy is Strategy.PARAMETER_SERVER

        def batches(context: tf.distribute.InputContext, epochs: int) -> tf.data.Dataset:
            del epochs  # to pass over batches would make them all
            found = of_worker(context)
            steps = steps_per_epoch(config, counts)
            return found.skip(strategy_lib.first_list(steps)) if servers else found

        def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
            size = per_replica(config, context.num_replicas_in_sync)
            if "input_context" in inspect.signature(build).parameters:
                return build(input_context=context)  # type: ignore[call-arg]
            own = build().repeat().shard(context.num_input_pipelines, context.input_pipeline_id)
            # Lists of two batches may differ in length, and so cannot always be put together.
            whole = size == config.batch_size
            return own if whole else own.rebatch(size, drop_remainder=True)

        return batches


class SimplePipeline(ModelFitPipeline):
    """Trains a model of one label."""

    loss_type = str


class MultiTaskPipeline(ModelFitPipeline):
    """Trains a model of several labels, with a loss for each."""

    loss_type = Mapping


def _require(name: str, found: Any, method: str) -> None:
    if not callable(getattr(found, method, None)):
        raise InputError(f"{name}: expected an object with {method}(), found {found!r}")
