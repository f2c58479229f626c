"""What happens after each epoch: validation, the best weights, stopping, and the state on disk."""

from __future__ import annotations

import dataclasses
import json
import math
import tempfile
import time
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from data import storage
from data.errors import InputError
from data.storage import AnyPath
from models.sparse.of_model import tables_of
from models.sparse.of_model import weights_beside
from models.strategy import join_shards
from models.training import weights
from models.training.config import TrainConfig
from models.training.warm import WarmStart
from models.validation import LOSS

STATE = "state.json"
"""The file that says how far training came."""
LATEST = "latest.weights.h5"
"""The weights after the last epoch, written when training is over."""
_BEST = "best-"

Report = Callable[[str], None]
Validate = Callable[[], Mapping[str, float]]


def say(line: str) -> None:
    """Prints at once."""
    print(line, flush=True)


def say_nothing(line: str) -> None:
    """Does nothing: the chief speaks for its cluster."""


@dataclasses.dataclass
class State:
    """How far training came; what a resumed run goes on from.

    Attributes:
      epochs: The epochs run.
      best_epoch: The epoch with the best metric, counted from 1; 0: what a warm training started
        from; -1: none yet.
      best: That metric, counted so that more is better.
      reduced_at: The last epoch after which the learning rate was reduced.
      checkpoint: The checkpoint of the last epoch.
      start: What training started from, in a line; empty: nothing else was possible.
    """

    epochs: int = 0
    best_epoch: int = -1
    best: float = -math.inf
    reduced_at: int = 0
    checkpoint: str = ""
    start: str = ""

    def metric(self, config: TrainConfig) -> float:
        """Returns the metric of the best epoch as it was measured."""
        return self.best if config.higher_is_better else -self.best


def best_weights(state_dir: AnyPath, epoch: int) -> AnyPath:
    """Returns the file of the weights of the best epoch."""
    return state_dir / f"{_BEST}{epoch}.weights.h5"


def left(state_dir: AnyPath, epoch: int) -> AnyPath:
    """Returns the folder of what a later training needs of the best epoch."""
    return state_dir / f"{_BEST}{epoch}.left"


def read_state(state_dir: AnyPath) -> State:
    """Returns how far a training came that has begun."""
    return State(**json.loads((state_dir / STATE).read_text()))


def forget(state_dir: AnyPath) -> None:
    """Removes the state of a training and of its stages.

    What says that there is one goes first: a kill leaves nothing that could be resumed in part.
    """
    for path in list(storage.walk(state_dir)):
        if path.name == STATE:
            path.unlink()
    storage.remove_tree(state_dir)


class Progress(tf.keras.callbacks.Callback):
    """Validates after each epoch, keeps the best weights, and writes all of it to disk.

    Weights and checkpoints are written under new names and only then pointed to, so a kill at any
    moment leaves the state of the last whole epoch. Keras has the parts (EarlyStopping,
    ReduceLROnPlateau, BackupAndRestore), but a resumed run of theirs forgets the best epoch.

    Args:
      trained: The model in training.
      local: The model that is validated and whose weights are kept: `trained` itself, or one of
        the same weights that runs on this process alone.
      validate: Returns the metrics of `local` as it stands, `config.metric` among them.
      config: The settings.
      state_dir: Where the state is kept; what was begun there is resumed.
      epoch_size: How many there are in an epoch, by what they are called: lists, documents.
      agree: Makes one set of numbers of those that the workers found.
      chief: Whether this process writes the state; each worker of a cluster reads it.
      report: Receives one line per epoch.
      warm: What a training that is not resumed starts from, and what keeps it for a later one.
    """

    def __init__(
        self,
        trained: tf.keras.Model,
        local: tf.keras.Model,
        validate: Validate,
        config: TrainConfig,
        *,
        state_dir: AnyPath,
        epoch_size: Mapping[str, int],
        agree: Callable[[Mapping[str, float]], Mapping[str, float]],
        chief: bool,
        report: Report,
        warm: WarmStart | None = None,
    ) -> None:
        super().__init__()
        self._trained, self._local, self._validate = trained, local, validate
        self._config, self._report, self._agree = config, report, agree
        self._epoch_size, self._chief, self._warm = epoch_size, chief, warm
        self._file, self._started = state_dir / STATE, 0.0
        state_dir.mkdir(parents=True, exist_ok=True)
        # All workers must save, since some weights are read from all of them at once.
        self._dir = state_dir if chief else storage.at(tempfile.mkdtemp())
        self.state = State()
        checkpoint = tf.train.Checkpoint(model=trained, optimizer=trained.optimizer)
        self._manager = tf.train.CheckpointManager(checkpoint, str(self._dir), max_to_keep=2)
        self._resume()

    @property
    def done(self) -> bool:
        """Whether training is over: all epochs run, none of the last better, or good enough."""
        config, state = self._config, self.state
        stalled = config.patience > 0 and state.epochs - state.best_epoch >= config.patience
        reached = config.stop_at is not None and state.best >= (
            config.stop_at if config.higher_is_better else -config.stop_at
        )
        return state.epochs >= config.epochs or (state.epochs > 0 and (stalled or reached))

    def _resume(self) -> None:
        if self._file.exists():
            self.state = read_state(self._file.parent)
            self._manager.checkpoint.restore(self.state.checkpoint).expect_partial()
            self._report(f"resuming after epoch {self.state.epochs}")
        elif self._warm is not None:
            self._start(self._warm)

    def _start(self, warm: WarmStart) -> None:
        """Begins with what an earlier training left; without a better epoch that stays the best."""
        start = warm.start(self._trained)
        self.state.start = start.how
        self._report(f"start: {start.how}")
        if start.warm:
            self._localise()
            metric = self._agree(self._validate())[self._config.metric]
            self._compare(metric)
            self._write()
            self._report(f"epoch 0/{self._config.epochs}  {self._title} {metric:.4f}")

    @property
    def _title(self) -> str:
        return "validation loss" if self._config.metric == LOSS else self._config.metric

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Starts the clock."""
        self._started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Validates, compares with the best epoch, writes the state and reports."""
        logs = {} if logs is None else logs
        seconds = time.monotonic() - self._started
        loss = float(logs.get("loss", math.nan))
        if "loss" in logs and not math.isfinite(loss):
            raise InputError(
                f"training: the loss became {loss} in epoch {epoch + 1}; expected a finite"
                " number. Lower train.learning_rate, set train.clip_norm or scale the features"
            )
        self._localise()
        metrics = self._agree(self._validate())
        speeds = {unit: n / max(seconds, 1e-9) for unit, n in self._epoch_size.items()}
        logs.update({f"val_{name}": value for name, value in metrics.items()})
        logs.update({f"{unit}_per_second": speed for unit, speed in speeds.items()})
        self._advance(metrics[self._config.metric])
        self._report(
            f"epoch {self.state.epochs}/{self._config.epochs}  loss {loss:.4f}"
            f"  {self._title} {metrics[self._config.metric]:.4f}"
            f"  best {self.state.metric(self._config):.4f} (epoch {self.state.best_epoch})"
            f"  {seconds:.1f} s"
            + "".join(f"  {speed:,.0f} {unit}/s" for unit, speed in speeds.items())
            + "".join(f"  {t.config.name}: {t.usage()}" for t in tables_of(self._trained))
        )
        self._trained.stop_training = self.done

    def _localise(self) -> None:
        if self._config.ema:
            optimizer = self._trained.optimizer
            inner = getattr(optimizer, "inner_optimizer", optimizer)
            inner.finalize_variable_values(self._trained.trainable_variables)
        if self._local is not self._trained:
            own = weights_beside(self._local)  # the tables are the same
            found = [weight.numpy() for weight in weights_beside(self._trained)]
            values = join_shards(found, [tuple(weight.shape) for weight in own])
            tf.keras.backend.batch_set_value(list(zip(own, values, strict=True)))

    def _compare(self, metric: float) -> None:
        """Keeps the weights if the epoch is the best so far."""
        state, config = self.state, self._config
        value = metric if config.higher_is_better else -metric
        value = -math.inf if math.isnan(value) else value
        better = value > state.best + config.min_delta or state.best_epoch < 0
        if better or config.keep_last:
            state.best, state.best_epoch = value, state.epochs
            weights.save(self._local, best_weights(self._dir, state.best_epoch))
            if self._warm is not None:
                self._warm.keep(self._trained, left(self._dir, state.best_epoch))

    def _advance(self, metric: float) -> None:
        state, config = self.state, self._config
        state.epochs += 1
        self._compare(metric)
        since = state.epochs - max(state.best_epoch, state.reduced_at)
        if config.reduce_lr_patience and since >= config.reduce_lr_patience:
            state.reduced_at = state.epochs
            rate = float(self._trained.optimizer.learning_rate) * config.reduce_lr_factor
            self._trained.optimizer.learning_rate = rate
            self._report(f"learning rate reduced to {rate:.3g}")
        self._write()

    def _write(self) -> None:
        self.state.checkpoint = self._manager.save(self.state.epochs)
        if not self._chief:
            return
        storage.replace_text(self._file, json.dumps(dataclasses.asdict(self.state)))
        best = f"{_BEST}{self.state.best_epoch}."
        written: list[AnyPath] = list(self._dir.iterdir())
        for path in written:
            if path.name.startswith(_BEST) and not path.name.startswith(best):
                storage.remove_tree(path) if path.is_dir() else path.unlink()

    def close(self) -> None:
        """Gives the chief's local model the weights of its best epoch."""
        self._localise()
        if not self._chief:
            storage.remove_tree(self._dir)
            return
        weights.save(self._local, self._dir / LATEST)
        weights.load(self._local, best_weights(self._dir, self.state.best_epoch))
