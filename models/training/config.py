"""The settings of training."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Iterator
from collections.abc import Mapping

from data.errors import InputError
from data.features import FeatureSpec
from data.sampling.options import NegativeKind
from data.sampling.options import Negatives
from models import losses
from models.metrics import parse_metric
from models.strategy import CLUSTER
from models.strategy import DistributionConfig
from models.strategy import Strategy
from models.training import keyed
from models.training import warm
from models.training.optimizers import OptimizerConfig
from models.training.optimizers import Schedule
from models.validation import LOSS


class Precision(str, enum.Enum):
    """The numbers that layers compute with; weights are float32 in any case."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    """With loss scaling."""

    @property
    def policy(self) -> str:
        """The Keras policy."""
        return self.value if self is Precision.FLOAT32 else f"mixed_{self.value}"


@dataclasses.dataclass(frozen=True)
class TaskConfig:
    """What is learned from a further label.

    Attributes:
      loss: Its loss, as `TrainConfig.loss`.
      weight: The weight of that loss beside the main label's, which has 1.
      loss_options: What the loss may be told beside its name.
    """

    loss: str = "softmax_loss"
    weight: float = 1.0
    loss_options: losses.LossOptions = losses.LossOptions()

    def __post_init__(self) -> None:
        losses.check(self.loss, self.loss_options)
        if not 0 < self.weight < math.inf:
            raise InputError(f"weight must be positive, found {self.weight}")


@dataclasses.dataclass(frozen=True)
class StageConfig:
    """What is different where a part of the model is trained first; None: nothing.

    Attributes:
      optimizer: As in `TrainConfig`, like all others; one of its own has options of its own.
      optimizer_options: Its further arguments.
      learning_rate: The step size.
      schedule: How the learning rate goes.
      batch_size: Lists per step.
      epochs: The most epochs.
      negatives: How negatives are drawn.
    """

    optimizer: str | None = None
    optimizer_options: dict[str, float | bool] | None = None
    learning_rate: float | None = None
    schedule: Schedule | None = None
    batch_size: int | None = None
    epochs: int | None = None
    negatives: Negatives | None = None


@dataclasses.dataclass(frozen=True)
class TrainConfig(OptimizerConfig):
    """Settings of training.

    Attributes:
      loss: A TF-Ranking loss by its name, or a weighted sum such as
        `softmax_loss:0.9,sigmoid_cross_entropy_loss:0.1`.
      loss_options: What the loss may be told beside its name.
      embedding_optimizer: The optimizer of the embeddings, with its own learning rate, schedule
        and clipping; that of all other weights if absent.
      tasks: For each further label what is learned from it.
      label_weights: The weight of a document by its (main) grade, from grade 0 on, in training
        alone; the last one is that of higher grades as well. Empty: all weigh 1.
      negatives: How each positive of a log of interactions becomes a list; none if absent.
      batch_size: Lists per step, of all devices together; of each worker under
        ParameterServerStrategy.
      list_size: Documents per training list, longer ones are cut; 0: as long as they are.
      epochs: The most passes over the training lists.
      steps_per_epoch: Steps that make an epoch; 0: as many as see every list once.
      patience: Epochs without a better metric before training stops, 0 for no early stopping.
      min_delta: By how much a metric must be better to count as better.
      stop_at: The metric at which training is over, such as the hit rate that is wanted; none if
        absent.
      keep_last: Whether the weights of the last epoch are exported rather than the best: for a
        number of epochs that was chosen before.
      metric: The validation metric; the weights of its best epoch are exported. `loss` is the
        validation loss.
      reduce_lr_patience: Epochs without a better metric before the learning rate is reduced; 0:
        never.
      reduce_lr_factor: By what it is then multiplied.
      precision: float32, bfloat16 or float16.
      jit_compile: Whether the training step is compiled by XLA.
      steps_per_execution: Steps that run in one call, which saves time where steps are short; with
        jit_compile the most steps of one XLA computation, and an epoch is a number of them.
      export_latest: Whether the weights of the last epoch are exported beside the best.
      warm_start: How training goes on from the latest blessed model; it starts fresh if absent.
      seed: Fixes initial weights and the order of lists.
      stages: For parts of a model that are trained first, what is different there.
      distribution: The strategy.
    """

    loss: str = "softmax_loss"
    loss_options: losses.LossOptions = losses.LossOptions()
    embedding_optimizer: OptimizerConfig | None = None
    tasks: dict[str, TaskConfig] = dataclasses.field(default_factory=dict)
    label_weights: tuple[float, ...] = ()
    negatives: Negatives | None = None
    batch_size: int = 32
    list_size: int = 0
    epochs: int = 20
    steps_per_epoch: int = 0
    patience: int = 3
    min_delta: float = 0.0
    stop_at: float | None = None
    keep_last: bool = False
    metric: str = "ndcg@10"
    reduce_lr_patience: int = 0
    reduce_lr_factor: float = 0.1
    precision: Precision = Precision.FLOAT32
    jit_compile: bool = False
    steps_per_execution: int = 1
    export_latest: bool = False
    warm_start: warm.WarmStartConfig | None = None
    seed: int = 42
    stages: dict[str, StageConfig] = dataclasses.field(default_factory=dict)
    distribution: DistributionConfig = DistributionConfig()

    def __post_init__(self) -> None:
        super().__post_init__()
        losses.check(self.loss, self.loss_options)
        if self.metric != LOSS:
            parse_metric(self.metric)
        for rule, broken in (*self._value_rules(), *self._strategy_rules()):
            if broken:
                raise InputError(rule)
        for name in self.stages:
            try:
                self.of_stage(name)
            except InputError as error:
                raise InputError(f"stages: {name}: {error}") from None

    def of_stage(self, name: str) -> TrainConfig:
        """Returns the settings for the part of that name."""
        stage = self.stages.get(name, StageConfig())
        other = {key: value for key, value in vars(stage).items() if value is not None}
        if stage.optimizer is not None:
            other.setdefault("optimizer_options", {})
        return dataclasses.replace(self, stages={}, **other)

    def _value_rules(self) -> Iterator[tuple[str, bool]]:
        for name, least in (
            ("batch_size", 1),
            ("epochs", 1),
            ("steps_per_execution", 1),
            ("list_size", 0),
            ("steps_per_epoch", 0),
            ("patience", 0),
            ("reduce_lr_patience", 0),
        ):
            found = vars(self)[name]
            yield f"{name} must be at least {least}, found {found}", found < least
        sound = 0 <= self.min_delta < math.inf
        yield f"min_delta must be 0 or more, found {self.min_delta}", not sound
        sound = self.stop_at is None or math.isfinite(self.stop_at)
        yield f"stop_at must be finite, found {self.stop_at}", not sound
        ends = self.keep_last and (self.patience > 0 or self.reduce_lr_patience > 0)
        yield "keep_last goes by no metric; set patience and reduce_lr_patience to 0", ends
        sound = 0 < self.reduce_lr_factor < 1
        yield f"reduce_lr_factor must be between 0 and 1, found {self.reduce_lr_factor}", not sound
        sound = all(0 <= weight < math.inf for weight in self.label_weights)
        yield f"label_weights must be 0 or more, found {self.label_weights}", not sound
        nothing = bool(self.label_weights) and not any(self.label_weights)
        yield f"label_weights must not all be 0, found {self.label_weights}", nothing
        drawn = self.negatives is not None and bool(self.label_weights)
        yield "label_weights and negatives do not go together; weigh by features.weight", drawn
        yield f"seed must be in [0, 2^31), found {self.seed}", not 0 <= self.seed < 2**31
        other = self.embedding_optimizer
        averaged = other is not None and other.ema > 0
        yield "embedding_optimizer: the average is one of all weights; set ema of train", averaged
        scheduled = self.scheduled or (other is not None and other.scheduled)
        planned = self.reduce_lr_patience > 0 and scheduled
        yield "reduce_lr_patience and a schedule both set the learning rate; choose one", planned

    def _strategy_rules(self) -> Iterator[tuple[str, bool]]:
        strategy, name = self.distribution.strategy, self.distribution.strategy.value
        tpu = strategy is Strategy.TPU
        distributed = strategy in CLUSTER or strategy is Strategy.MIRRORED
        compiled = "cannot compile a step that exchanges gradients; set jit_compile = false"
        yield f"{name} {compiled}", self.jit_compile and distributed
        varies = not (self.list_size or self.negatives)
        yield f"{name} needs 'list_size': its shapes are fixed", tpu and varies
        yield "jit_compile needs 'list_size': its shapes are fixed", self.jit_compile and varies
        cut = self.negatives is not None and self.list_size > 0
        yield "list_size and negatives both set the length of a list; choose one", cut
        half = self.precision is Precision.FLOAT16
        yield f"{name} computes in bfloat16, not float16", tpu and half
        alone = strategy in (Strategy.NONE, Strategy.MIRRORED)
        yield (
            f"{name} cannot keep an average of the weights; set ema = 0",
            self.ema > 0 and not alone,
        )
        servers = strategy is Strategy.PARAMETER_SERVER
        yield f"{name} cannot scale the loss of float16; use bfloat16", servers and half

    @property
    def static(self) -> bool:
        """Whether shapes are fixed: every place of a batch is computed, padding as well."""
        return self.jit_compile or self.distribution.strategy is Strategy.TPU

    @property
    def packed(self) -> bool:
        """Whether the steps of one call are one XLA computation."""
        whole = self.negatives is not None and self.negatives.kind is NegativeKind.ALL
        several = self.steps_per_execution > 1 and not whole  # whose batches share their items
        return self.jit_compile and several and not self.distributed

    @property
    def distributed(self) -> bool:
        """Whether the weights in training are not plain variables of this process."""
        return self.distribution.strategy is not Strategy.NONE

    @property
    def whole_batches(self) -> bool:
        """Whether every batch has `batch_size` lists, for fixed shapes or for even shares."""
        return self.static or self.distributed

    @property
    def higher_is_better(self) -> bool:
        """The direction of the metric."""
        return self.metric != LOSS and parse_metric(self.metric).higher_is_better

    def outputs(self, label: str) -> Mapping[str, int]:
        """Returns for each label the logits per document that its loss wants."""
        main = {label: losses.n_outputs(self.loss, self.loss_options)}
        tasks = self.tasks.items()
        return main | {name: losses.n_outputs(t.loss, t.loss_options) for name, t in tasks}

    def require(self, features: FeatureSpec, *, dense_gradients: bool = False) -> None:
        """Raises InputError where these settings and the features do not go together.

        Args:
          features: The features.
          dense_gradients: Whether the gradients of embeddings are tensors of one size, but for
            keys.
        """
        apart = sorted(set(features.tasks) ^ set(self.tasks))
        if apart:
            raise InputError(
                f"'{apart[0]}' must be named in features.tasks and in train.tasks; found it in one"
                " of them"
            )
        if self.negatives and features.tasks:
            raise InputError(
                f"train.negatives: '{features.tasks[0]}' has no value for negatives; only the label"
                " may be learned"
            )
        keyed.require(self, features)
        warm.require(self, features)
        if any(f.keyed or (f.categorical and not dense_gradients) for f in features.features):
            self.require_embeddings()

    def require_embeddings(self) -> None:
        """Raises InputError where a model with embeddings cannot be trained like this."""
        copies = self.distribution.strategy in (Strategy.MIRRORED, Strategy.MULTI_WORKER)
        for broken, advice in (
            (self.precision is Precision.FLOAT16, "in float16; use bfloat16"),
            # Their lengths differ, and TensorFlow mixes those of one step with those of the next.
            (
                self.steps_per_execution > 1,
                "in a call of several steps; set steps_per_execution = 1",
            ),
        ):
            if copies and broken:
                raise InputError(
                    f"train: {self.distribution.strategy.value} cannot exchange the gradients of"
                    f" embeddings {advice}"
                )
