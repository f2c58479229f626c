"""The hyper-parameters of TF-Ranking's pipelines, under its names, and the guide's."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from data import plain
from data.errors import InputError
from data.errors import did_you_mean
from models import losses
from models.metrics import parse_metric
from models.metrics import preset
from models.objective import by_task
from models.strategy import DistributionConfig
from models.strategy import Strategy
from models.training.config import TrainConfig
from models.validation import LOSS

REDUCE_LR_PATIENCE = 10
"""The epochs that Keras' ReduceLROnPlateau waits, which TF-Ranking leaves as they are."""

Reader = Callable[[list[str]], tf.data.Dataset]

_KINDS: Mapping[str, tuple[type, ...]] = {
    "num_epochs": (int,),
    "learning_rate": (int, float),
    "loss": (str, Mapping),
    "optimizer": (str,),
    "loss_weights": (Mapping, type(None)),
    "strategy": (str, type(None)),
}
"""What settings must be that TF-Ranking, or Keras, knows in more than one form."""
_WITHOUT_EFFECT = ("tasks", "label_weights", "export_latest")
"""Settings of our training that say how the pipeline's own data set, labels and exports are."""


@dataclasses.dataclass(frozen=True)
class DatasetHparams:
    """What lists are read, and in what batches.

    Attributes:
      train_input_pattern: The training files, ELWC records: a pattern such as `/logs/train-*`.
      valid_input_pattern: The validation files.
      train_batch_size: Lists per training step, of all devices together.
      valid_batch_size: Lists per validation step.
      list_size: Documents per training list, longer ones are cut; None: as long as they are.
      valid_list_size: Documents per validation list; None: lists are measured whole, whatever
        `list_size` is.
      dataset_reader: Makes records of file names; None: TFRecord files, compressed or not.
      convert_labels_to_binary: Whether all labels above 0 count as 1.
      shuffle_buffer_size: Training lists that are mixed.
      seed: Fixes their order.
    """

    train_input_pattern: str
    valid_input_pattern: str
    train_batch_size: int
    valid_batch_size: int
    list_size: int | None = None
    valid_list_size: int | None = None
    dataset_reader: Reader | None = None
    convert_labels_to_binary: bool = False
    shuffle_buffer_size: int = 1000
    seed: int = 42

    def __post_init__(self) -> None:
        for name in ("train_batch_size", "valid_batch_size", "list_size", "valid_list_size"):
            found = vars(self)[name]
            if found is not None and found < 1:
                raise InputError(f"{name} must be at least 1, found {found}")
        if self.dataset_reader is not None and not callable(self.dataset_reader):
            raise InputError(
                "dataset_reader must be a function of file names such as"
                f" tf.data.TFRecordDataset, found {self.dataset_reader!r}"
            )


@dataclasses.dataclass(frozen=True)
class PipelineHparams:
    """How a model is trained.

    Attributes:
      model_dir: Where everything is written: `export/`, TensorBoard's logs, unfinished training.
      num_epochs: The most epochs.
      steps_per_epoch: Steps that make an epoch; None: as many as see every list once.
      validation_steps: Batches that are validated, from the first on; None: all. None is validated
        twice.
      learning_rate: The step size.
      loss: A loss or a weighted sum of losses; or by the name of its label that of each task.
      loss_reduction: AUTO or SUM_OVER_BATCH_SIZE: the loss is the mean over lists.
      optimizer: A Keras optimizer by its name.
      loss_weights: The weight of each task's loss by the name of its label; None: 1.
      steps_per_execution: Steps that run in one call.
      automatic_reduce_lr: Whether the learning rate is divided by 10 after 10 epochs without a
        better metric.
      early_stopping_patience: Epochs without a better metric before training stops; 0: never.
      early_stopping_min_delta: By how much a metric must be better to count as better.
      use_weighted_metrics: Whether metrics weighted by the documents' weights come as well.
      export_best_model: Whether the best epoch's weights are exported beside the last one's.
      best_exporter_metric: `loss`, or a metric such as `ndcg_10`, which decides what is best; of
        several tasks the first one's, or `task/ndcg_10`.
      best_exporter_metric_higher_better: The direction of that metric.
      strategy: The name of a `tf.distribute` strategy; None for none.
      tpu: The address of TPUStrategy's TPU.
      num_train_steps: The guide's name: the steps of all epochs together.
      num_valid_steps: The guide's name for `validation_steps`.
      metric_contract: The conventions of the metrics, a name of `models.metrics.PRESETS`.
      min_shard_bytes: See `models.strategy.DistributionConfig`.
      further: More settings of `models.training.config.TrainConfig`, by their names there;
        `loss_options` may be a dict.
      cluster_resolver: Must be None: `TF_CONFIG` names the cluster.
      variable_partitioner: Must be None: `min_shard_bytes` says what it would.
    """

    model_dir: str
    num_epochs: int
    steps_per_epoch: int | None = None
    validation_steps: int | None = None
    learning_rate: float = 1e-3
    loss: str | Mapping[str, str] = "softmax_loss"
    loss_reduction: str = tf.keras.losses.Reduction.AUTO
    optimizer: str = "adam"
    loss_weights: Mapping[str, float] | None = None
    steps_per_execution: int = 10
    automatic_reduce_lr: bool = False
    early_stopping_patience: int = 0
    early_stopping_min_delta: float = 0.0
    use_weighted_metrics: bool = False
    export_best_model: bool = False
    best_exporter_metric_higher_better: bool = False
    best_exporter_metric: str = LOSS
    strategy: str | None = None
    cluster_resolver: None = None
    variable_partitioner: None = None
    tpu: str | None = ""
    num_train_steps: int | None = None
    num_valid_steps: int | None = None
    metric_contract: str = "default"
    min_shard_bytes: int = 0
    further: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, kinds in _KINDS.items():
            found = vars(self)[name]
            if not isinstance(found, kinds):
                known = " or ".join("None" if k is type(None) else k.__name__ for k in kinds)
                raise InputError(f"{name}: expected {known}, found {found!r}")
        for name in ("num_epochs", "num_train_steps", "validation_steps", "num_valid_steps"):
            if vars(self)[name] is not None and vars(self)[name] < 1:
                raise InputError(f"{name} must be at least 1, found {vars(self)[name]}")
        self._check_names()
        for name in self.further:
            self._check_further(name)
        self._check_direction()
        self.train_config(batch_size=1, list_size=1)

    def _check_names(self) -> None:
        for guides, name in (
            ("num_train_steps", "steps_per_epoch"),
            ("num_valid_steps", "validation_steps"),
        ):
            if None not in (vars(self)[guides], vars(self)[name]):
                raise InputError(f"{guides} and {name} say the same; give one of them")
        for name, instead in (
            ("cluster_resolver", "name the cluster in TF_CONFIG"),
            ("variable_partitioner", "set min_shard_bytes"),
        ):
            if vars(self)[name] is not None:
                raise InputError(f"{name} must be None; {instead}")
        means = (tf.keras.losses.Reduction.AUTO, tf.keras.losses.Reduction.SUM_OVER_BATCH_SIZE)
        if self.loss_reduction not in means:
            raise InputError(
                "loss_reduction: the loss is the mean over lists; expected"
                f" {' or '.join(means)}, found {self.loss_reduction}"
            )
        if not self.loss:
            raise InputError(f"loss: expected one or more, found {self.loss!r}")
        for text in by_task(self.loss).values():
            losses.parse(text)
        tasks = by_task(self.loss)
        for name in self.loss_weights or {}:
            if name not in tasks:
                near = did_you_mean(name, tasks)
                raise InputError(f"loss_weights: there is no loss of '{name}'.{near}")
        preset(self.metric_contract)

    def _check_further(self, name: str) -> None:
        known = [field.name for field in dataclasses.fields(TrainConfig)]
        if name not in known:
            raise InputError(f"further: unknown setting '{name}'.{did_you_mean(name, known)}")
        if name in _WITHOUT_EFFECT:
            raise InputError(f"further: '{name}' does nothing here")

    def _check_direction(self) -> None:
        name = self.metric_name
        better = name != LOSS and parse_metric(name).higher_is_better
        if better != self.best_exporter_metric_higher_better:
            direction = "higher" if better else "lower"
            raise InputError(
                f"best_exporter_metric_higher_better must be {better}: a {direction} '{name}' is"
                f" better, found {self.best_exporter_metric_higher_better}"
            )

    @property
    def task(self) -> str:
        """The task whose metric decides; empty: the first, or the only one."""
        return self.best_exporter_metric.rpartition("/")[0]

    @property
    def metric_name(self) -> str:
        """The metric that decides, by our name for it."""
        name = self.best_exporter_metric.rpartition("/")[2]
        return name if name == LOSS else parse_metric(name).name

    @property
    def valid_steps(self) -> int:
        """The batches to validate; -1: all."""
        steps = self.num_valid_steps if self.validation_steps is None else self.validation_steps
        return -1 if steps is None else steps

    def train_config(self, *, batch_size: int, list_size: int | None = None) -> TrainConfig:
        """Returns the same as settings of our training.

        Raises:
          InputError: A value breaks a rule.
        """
        steps = self.steps_per_epoch or 0
        if self.num_train_steps is not None:
            steps = math.ceil(self.num_train_steps / self.num_epochs)
        further = dict(self.further)
        if isinstance(further.get("loss_options"), Mapping):
            options = plain.decode(losses.LossOptions, further["loss_options"], "loss_options")
            further["loss_options"] = options
        settings: dict[str, Any] = {
            "loss": next(iter(by_task(self.loss).values())),
            "optimizer": self.optimizer.lower(),
            "learning_rate": self.learning_rate,
            "batch_size": batch_size,
            "list_size": list_size or 0,
            "epochs": self.num_epochs,
            "steps_per_epoch": steps,
            "patience": self.early_stopping_patience,
            "min_delta": self.early_stopping_min_delta,
            "metric": self.metric_name,
            "reduce_lr_patience": REDUCE_LR_PATIENCE if self.automatic_reduce_lr else 0,
            "steps_per_execution": self.steps_per_execution,
            "distribution": self._distribution(),
        }
        return TrainConfig(**{**settings, **further})

    def _distribution(self) -> DistributionConfig:
        names = [strategy.value for strategy in Strategy]
        name = self.strategy or Strategy.NONE.value
        if name not in names:
            raise InputError(f"unknown strategy '{name}'.{did_you_mean(name, names)}")
        return DistributionConfig(
            Strategy(name), tpu=self.tpu or "", min_shard_bytes=self.min_shard_bytes
        )
