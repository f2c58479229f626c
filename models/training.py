"""Training a ranker: epochs, validation on whole lists, early stopping, resuming after a kill."""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

from data.errors import InputError
from data.errors import did_you_mean
from models import losses
from models.metrics import parse_metric

OPTIMIZERS: Mapping[str, type[tf.keras.optimizers.Optimizer]] = {
    "adagrad": tf.keras.optimizers.Adagrad,
    "adam": tf.keras.optimizers.Adam,
    "adamw": tf.keras.optimizers.AdamW,
    "sgd": tf.keras.optimizers.SGD,
}


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """Settings of training.

    Attributes:
      loss: A TF-Ranking loss by its name.
      optimizer: adam, adamw, adagrad or sgd.
      learning_rate: The step size.
      weight_decay: Decoupled weight decay, 0 for none.
      clip_norm: The largest norm of each gradient, 0 for no clipping.
      ema: The momentum of an average of the weights that is used at the end of each epoch; 0: none.
      batch_size: Lists per step.
      list_size: Documents per training list, longer ones are cut; 0: as long as they are.
      epochs: The most passes over the training lists.
      patience: Epochs without a better metric before training stops, 0 for no early stopping.
      metric: The validation metric; the weights of its best epoch are exported.
      seed: Fixes initial weights and the order of lists.
    """

    loss: str = "softmax_loss"
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    ema: float = 0.0
    batch_size: int = 32
    list_size: int = 0
    epochs: int = 20
    patience: int = 3
    metric: str = "ndcg@10"
    seed: int = 42

    def __post_init__(self) -> None:
        losses.check(self.loss)
        if self.optimizer not in OPTIMIZERS:
            near = did_you_mean(self.optimizer, OPTIMIZERS)
            raise InputError(f"unknown optimizer '{self.optimizer}'.{near}")
        settings = dataclasses.asdict(self)
        for name in ("learning_rate", "batch_size", "epochs"):
            if not 0 < settings[name] < math.inf:
                raise InputError(f"{name} must be positive, found {settings[name]}")
        for name in ("weight_decay", "clip_norm", "list_size", "patience"):
            if not settings[name] >= 0:
                raise InputError(f"{name} must be 0 or more, found {settings[name]}")
        if not 0 <= self.seed < 2**31:
            raise InputError(f"seed must be in [0, 2^31), found {self.seed}")
        if not 0 <= self.ema < 1:
            raise InputError(f"ema must be in [0, 1), found {self.ema}")
        if not parse_metric(self.metric).higher_is_better:
            raise InputError(f"metric: '{self.metric}' is better when lower; choose another one")


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """What training came to.

    Attributes:
      epochs: Epochs run, those before a kill included.
      best_epoch: The epoch whose weights the model now has, counted from 1.
      best: The validation metric of that epoch.
    """

    epochs: int
    best_epoch: int
    best: float


SIGN_OF_LIFE = 10.0
"""Seconds of silence within an epoch."""

Validate = Callable[[], Mapping[str, float]]
Report = Callable[[str], None]


def build_optimizer(config: TrainConfig) -> tf.keras.optimizers.Optimizer:
    """Returns the optimizer of the configuration."""
    settings: dict[str, float | bool] = {"learning_rate": config.learning_rate}
    if config.weight_decay or config.optimizer == "adamw":  # whose own default is not 0
        settings["weight_decay"] = config.weight_decay
    if config.clip_norm:
        settings["clipnorm"] = config.clip_norm
    if config.ema:
        settings.update(use_ema=True, ema_momentum=config.ema)
    return OPTIMIZERS[config.optimizer](**settings)


def train(
    model: tf.keras.Model,
    batches: tf.data.Dataset,
    validate: Validate,
    config: TrainConfig,
    *,
    state_dir: Path,
    log_dir: Path | None = None,
    report: Report = print,
) -> TrainResult:
    """Trains `model` in place and leaves it with the weights of its best epoch.

    Args:
      model: Maps model inputs to scores `[batch_size, list_size]`.
      batches: One epoch of `(inputs, labels)` or `(inputs, labels, weights)`.
      validate: Returns the metrics of the model as it stands, `config.metric` among them.
      config: The settings.
      state_dir: Where weights, optimizer and progress are kept; training begun there is resumed.
      log_dir: Where TensorBoard reads; nowhere if None.
      report: Receives one line per epoch.
    """
    model.compile(build_optimizer(config), losses.build(config.loss))
    first = next(iter(batches))
    model(first[0])  # creates the weights before a checkpoint is read
    model.optimizer.build(model.trainable_variables)
    progress = Progress(model, validate, config, state_dir, report)
    callbacks: list[tf.keras.callbacks.Callback] = [progress]
    if log_dir is not None:
        board = tf.keras.callbacks.TensorBoard(str(log_dir), write_graph=False)
        callbacks.append(board)
    if not progress.done:
        model.fit(
            batches,
            initial_epoch=progress.epochs,
            epochs=config.epochs,
            verbose=0,
            callbacks=callbacks,
        )
    progress.restore_best()
    return TrainResult(progress.epochs, progress.best_epoch, progress.best)


class Progress(tf.keras.callbacks.Callback):
    """Validates after each epoch, keeps the best weights, and writes all of it to disk.

    Weights and checkpoints are written under new names and only then pointed to, so a kill at any
    moment leaves the state of the last whole epoch. Keras has the parts (EarlyStopping,
    BackupAndRestore), but a resumed run of theirs forgets the best epoch.
    """

    def __init__(
        self,
        model: tf.keras.Model,
        validate: Validate,
        config: TrainConfig,
        state_dir: Path,
        report: Report,
    ) -> None:
        super().__init__()
        self._validate, self._config, self._report = validate, config, report
        state_dir.mkdir(parents=True, exist_ok=True)
        self._dir, self._state = state_dir, state_dir / "state.json"
        self.epochs, self.best_epoch, self.best = 0, 0, -math.inf
        self._started = self._said = 0.0
        checkpoint = tf.train.Checkpoint(model=model, optimizer=model.optimizer)
        self._manager = tf.train.CheckpointManager(checkpoint, str(state_dir), max_to_keep=2)
        self._ranker = model
        self._resume()

    @property
    def done(self) -> bool:
        """Whether training is over: all epochs run, or none of the last ones was better."""
        patience = self._config.patience
        stalled = patience > 0 and self.epochs - self.best_epoch >= patience
        return self.epochs >= self._config.epochs or (self.epochs > 0 and stalled)

    def _resume(self) -> None:
        if not self._state.exists():
            return
        state = json.loads(self._state.read_text())
        self._manager.checkpoint.restore(state["checkpoint"]).expect_partial()
        self.epochs, self.best_epoch, self.best = (
            state["epochs"],
            state["best_epoch"],
            state["best"],
        )
        self._report(f"resuming after epoch {self.epochs}")

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Starts the clock."""
        self._started = self._said = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Gives a sign of life in long epochs."""
        now = time.monotonic()
        if now - self._said > SIGN_OF_LIFE:
            self._said = now
            loss = (logs or {}).get("loss", math.nan)
            speed = (batch + 1) * self._config.batch_size / (now - self._started)
            self._report(f"  batch {batch + 1}  loss {loss:.4f}  {speed:,.0f} lists/s")

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Validates, compares with the best epoch, writes the state and reports."""
        logs = {} if logs is None else logs
        if not math.isfinite(logs.get("loss", 0.0)):
            raise InputError(
                f"training: the loss became {logs['loss']} in epoch {epoch + 1}; expected a finite"
                " number. Lower train.learning_rate, set train.clip_norm or scale the features"
            )
        if self._config.ema:
            self._ranker.optimizer.finalize_variable_values(self._ranker.trainable_variables)
        metrics = self._validate()
        logs.update({f"val_{name}": value for name, value in metrics.items()})
        value = metrics[self._config.metric]
        self.epochs = epoch + 1
        if value > self.best:
            self.best, self.best_epoch = value, self.epochs
            self._ranker.save_weights(self._best_weights())
        self._write()
        self._report(
            f"epoch {self.epochs}/{self._config.epochs}  loss {logs.get('loss', math.nan):.4f}"
            f"  {self._config.metric} {value:.4f}"
            f"  best {self.best:.4f} (epoch {self.best_epoch})"
            f"  {time.monotonic() - self._started:.1f} s"
        )
        self._ranker.stop_training = self.done

    def _write(self) -> None:
        checkpoint = self._manager.save(self.epochs)
        state = {
            "checkpoint": checkpoint,
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
            "best": self.best,
        }
        partial = self._state.with_suffix(".partial")
        partial.write_text(json.dumps(state))
        partial.replace(self._state)
        for path in self._dir.glob("best-*"):
            if str(path) != self._best_weights():
                path.unlink()

    def _best_weights(self) -> str:
        return str(self._dir / f"best-{self.best_epoch}.weights.h5")

    def restore_best(self) -> None:
        """Gives the model the weights of its best epoch."""
        if self.best_epoch:
            self._ranker.load_weights(self._best_weights())
