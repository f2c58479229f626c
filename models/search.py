"""The search for settings: trials that KerasTuner chooses, each a training of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import math
import random
import time
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import keras_tuner
import tensorflow as tf
from keras_tuner import errors
from keras_tuner import oracles
from keras_tuner.engine import base_tuner
from keras_tuner.engine import oracle as oracle_lib
from keras_tuner.engine import trial as trial_lib

from data import storage
from data.errors import InputError
from data.storage import AnyPath
from models import job as job_lib
from models.job import TrainingJob
from models.settings import Settings
from models.settings import apply
from models.settings import from_texts
from models.settings import resolve
from models.settings import to_texts
from models.training.progress import Report
from models.training.progress import say
from models.training.sign_of_life import SIGN_OF_LIFE
from models.tuning import Algorithm
from models.tuning import Axis
from models.tuning import TunerConfig

Status = trial_lib.TrialStatus
STATE, LOGS = "state", "logs"
"""What lies in a trial's folder: its unfinished training, and what TensorBoard reads."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a trial.

    Attributes:
      trial: Its number, counted from 1.
      value: The validation metric of its best epoch; None where it failed.
      settings: The values tried, by path.
      failure: Why it failed.
    """

    trial: int
    value: float | None
    settings: dict[str, Any]
    failure: str = ""


class GridOracle(oracle_lib.Oracle):
    """Every combination once, in an order that the seed fixes.

    KerasTuner's own forgets where it was when a search is resumed, and begins in a corner.
    """

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Returns the values of the next trial, whichever id it has."""
        sizes = [len(axis.values) for axis in self.hyperparameters.space]
        order = list(range(math.prod(sizes)))
        random.Random(self.seed).shuffle(order)
        if len(self.start_order) >= len(order):
            return {"status": Status.STOPPED}
        place, values = order[len(self.start_order)], {}
        for axis, size in zip(self.hyperparameters.space, sizes, strict=True):
            place, i = divmod(place, size)
            values[axis.name] = axis.values[i]
        return {"status": Status.RUNNING, "values": values}


ORACLES: Mapping[Algorithm, Callable[..., oracle_lib.Oracle]] = {
    Algorithm.RANDOM: oracles.RandomSearchOracle,
    Algorithm.BAYESIAN: oracles.BayesianOptimizationOracle,
    Algorithm.GRID: GridOracle,
}


class Search(base_tuner.BaseTuner):
    """Runs the trials one after the other; `search()` goes on where an earlier one was cut off.

    A trial whose values do not go together, or whose loss diverges, fails alone. What failed for
    another reason is tried again by the next search in the same folder.

    Args:
      job: The training that the trials are variants of.
      config: The search.
      folder: Where its state is kept.
      report: Receives a line per trial.

    Raises:
      InputError: The space does not fit the settings, or the state cannot be read.
    """

    def __init__(
        self, job: TrainingJob, config: TunerConfig, *, folder: AnyPath, report: Report = say
    ) -> None:
        self._job = apply(job, {"train.epochs": config.epochs}) if config.epochs else job
        self._trials, self._report, self._started = config.trials, report, 0.0
        axes = resolve(config, Settings(job.family, job.settings, job.train))
        train = self._job.config
        oracle = ORACLES[config.algorithm](
            objective=keras_tuner.Objective(
                train.metric, "max" if train.higher_is_better else "min"
            ),
            max_trials=config.trials,
            hyperparameters=_space(axes),
            seed=config.seed + 1,  # KerasTuner takes 0 for none
            max_consecutive_failed_trials=config.trials + 1,  # on_search_end says it better
        )
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                super().__init__(oracle, directory=str(folder.parent), project_name=folder.name)
        except json.JSONDecodeError as error:
            raise InputError(
                f"tuner: the trials in '{folder}' cannot be read ({error}); remove that folder"
            ) from error
        oracle.verbose = 0

    def run_trial(self, trial: trial_lib.Trial) -> dict[str, float]:
        """Trains with the values of a trial; returns the metric of the best epoch."""
        metric, values = self._job.config.metric, trial.hyperparameters.values
        for other in self.oracle.trials.values():
            if other.status == Status.COMPLETED and other.hyperparameters.values == values:
                return {metric: other.score}  # a Gaussian process may well name the best again
        folder = storage.at(self.get_trial_dir(trial.trial_id))
        if (folder / STATE).exists():
            self._report(f"trial {self._number(trial)}/{self._trials}  going on where it was cut")
        try:
            job = dataclasses.replace(
                apply(self._job, from_texts(values)),
                state_dir=str(folder / STATE),
                log_dir=str(folder / LOGS),
            )
            tf.keras.backend.clear_session()
            _, result = job_lib.run(job, report=_now_and_then(self._report))
        except (InputError, tf.errors.ResourceExhaustedError) as error:
            raise errors.FailedTrialError(str(error).partition("\n")[0]) from error
        except Exception as error:  # KerasTuner would take it for a bad combination
            raise errors.FatalError(f"trial {self._number(trial)}: {error}") from error
        if not math.isfinite(result.best):
            raise errors.FailedTrialError(f"{metric} is {result.best}")
        return {metric: result.best}

    def on_search_begin(self) -> None:
        """Says what is to come."""
        done = len(self.outcomes())
        paths = ", ".join(axis.name for axis in self.oracle.hyperparameters.space)
        before = f", {done} of them done before" if done else ""
        self._report(f"searching {paths}: {self._trials} trials{before}")

    def on_trial_begin(self, trial: trial_lib.Trial) -> None:
        """Starts the clock."""
        self._started = time.monotonic()

    def on_trial_end(self, trial: trial_lib.Trial) -> None:
        """Writes the state and reports."""
        super().on_trial_end(trial)
        state = storage.at(self.get_trial_dir(trial.trial_id)) / STATE
        if state.exists():
            storage.remove_tree(state)
        outcomes = {outcome.trial: outcome for outcome in self.outcomes()}
        found, best = outcomes[self._number(trial)], next(iter(outcomes.values()))
        metric, head = self._job.config.metric, f"trial {found.trial}/{self._trials}"
        if found.value is None:
            self._report(f"{head}  failed: {found.failure}  {spell(found.settings)}")
            return
        self._report(
            f"{head}  {metric} {found.value:.4f}  best {best.value:.4f} (trial {best.trial})"
            f"  {time.monotonic() - self._started:.1f} s  {spell(found.settings)}"
        )

    def on_search_end(self) -> None:
        """Sees to it that there is a best trial.

        Raises:
          InputError: All trials failed; the next search starts afresh.
        """
        outcomes = self.outcomes()
        if outcomes[0].value is None:
            storage.remove_tree(storage.at(self.project_dir))
            first = f"trial {outcomes[0].trial}: {outcomes[0].failure}"
            raise InputError(f"tuner: all {len(outcomes)} trials failed; {first}")
        if len(outcomes) < self._trials:
            self._report(f"no combination is left after {len(outcomes)} trials")

    def outcomes(self) -> list[Outcome]:
        """Returns the trials that ended: the best first, of equals the earlier, failures last."""
        sign = -1.0 if self._job.config.higher_is_better else 1.0
        found = [_outcome(n, trial) for n, trial in enumerate(self._ended(), 1) if trial]
        return sorted(found, key=lambda o: math.inf if o.value is None else sign * o.value)

    def get_best_hyperparameters(self, num_trials: int = 1) -> list[keras_tuner.HyperParameters]:
        """Returns the values of the best trials, in the order of `outcomes`."""
        trials = self._ended()
        best = [trials[outcome.trial - 1] for outcome in self.outcomes()[:num_trials]]
        return [trial.hyperparameters for trial in best if trial]

    def _ended(self) -> list[trial_lib.Trial | None]:
        trials = [self.oracle.trials[trial_id] for trial_id in self.oracle.start_order]
        return [t if t.status in (Status.COMPLETED, Status.FAILED) else None for t in trials]

    def _number(self, trial: trial_lib.Trial) -> int:
        return int(self.oracle.start_order.index(trial.trial_id)) + 1


def spell(settings: Mapping[str, Any]) -> str:
    """Returns values as one line.

    >>> spell({"train.learning_rate": 0.00123456, "model.hidden_layer_dims": [64, 32]})
    'train.learning_rate=0.001235 model.hidden_layer_dims=[64, 32]'
    """
    return " ".join(f"{path}={spell_value(value)}" for path, value in settings.items())


def spell_value(value: object) -> str:
    """Returns one value, a number shortened."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _space(axes: Mapping[str, Axis]) -> keras_tuner.HyperParameters:
    space = keras_tuner.HyperParameters()
    for path, axis in axes.items():
        sampling = "log" if axis.log else "linear"
        if axis.choices:
            space.Choice(path, to_texts(axis.choices))
        elif isinstance(axis.low, int):
            space.Int(path, axis.low, axis.high, sampling=sampling)
        else:
            space.Float(path, axis.low, axis.high, sampling=sampling)
    return space


def _outcome(number: int, trial: trial_lib.Trial) -> Outcome:
    settings = from_texts(trial.hyperparameters.values)
    if trial.status == Status.COMPLETED:
        return Outcome(number, float(trial.score), settings)
    reason = (trial.message or "").strip().rpartition("\n")[2].partition(": ")[2]
    return Outcome(number, None, settings, reason)


def _now_and_then(report: Report) -> Report:
    """Returns what passes on, indented, a line that comes after some silence."""
    said = time.monotonic()

    def tell(line: str) -> None:
        nonlocal said
        if time.monotonic() - said > SIGN_OF_LIFE:
            said = time.monotonic()
            report(f"  {line.strip()}")

    return tell
