"""How a value that is tried becomes a setting of the model or of training."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from data import plain
from data.errors import InputError
from data.errors import did_you_mean
from models import registry
from models.job import TrainingJob
from models.strategy import CLUSTER
from models.training.config import TrainConfig
from models.tuning import Axis
from models.tuning import TunerConfig
from models.tuning import Value

MODEL, TRAIN = "model", "train"
"""The tables whose settings can be tried: those of the model's family and of training."""
FIXED: Mapping[str, str] = {
    "train.metric": "the trials are compared by it",
    "train.distribution": "the trials run on this machine as it is",
}
"""What is not for trying, and why."""
_JSON = "json:"
"""Marks the text of a value that KerasTuner cannot take as it is."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What trials may change, each as JSON.

    Attributes:
      family: The model's family.
      model: Its settings.
      train: Those of training.
    """

    family: str
    model: str
    train: str

    def get(self, path: str) -> Any:
        """Returns one setting as a plain value.

        Raises:
          InputError: There is no such setting.
        """
        table, key = _place(self._tables(), path)
        return table[key]

    def replace(self, values: Mapping[str, Any]) -> Settings:
        """Returns the settings with some of them replaced.

        Args:
          values: By path, such as `train.learning_rate`.

        Raises:
          InputError: There is no such setting, or it refuses the value.
        """
        tables = self._tables()
        for path, value in values.items():
            table, key = _place(tables, path)
            table[key] = value
        model: Any = plain.decode(registry.family(self.family).config, tables[MODEL], MODEL)
        train = plain.decode(TrainConfig, tables[TRAIN], TRAIN)
        return dataclasses.replace(self, model=plain.to_json(model), train=plain.to_json(train))

    def _tables(self) -> dict[str, Any]:
        return {MODEL: json.loads(self.model), TRAIN: json.loads(self.train)}


def _place(tables: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    *parents, last = path.split(".")
    table = tables
    for key in parents:
        table = _entry(table, key, path)
        if not isinstance(table, dict):
            raise InputError(f"tuner.space: '{path}': '{key}' is one setting, not a table")
    if isinstance(_entry(table, last, path), dict):
        raise InputError(f"tuner.space: '{path}' is a table, expected one setting")
    return table, last


def _entry(table: dict[str, Any], key: str, path: str) -> Any:
    if key not in table:
        raise InputError(f"tuner.space: '{path}': unknown key '{key}'.{did_you_mean(key, table)}")
    return table[key]


def resolve(config: TunerConfig, settings: Settings) -> dict[str, Axis]:
    """Returns the space with its values as the settings spell them; steps become choices.

    Args:
      config: The search.
      settings: What is configured; each value must go with the rest of it.

    Raises:
      InputError: The space names something that is no setting, or a value that one refuses.
    """
    return {path: _resolved(path, axis, settings) for path, axis in config.space.items()}


def check_search(config: TunerConfig, family: str, settings: object, train: TrainConfig) -> None:
    """Raises InputError unless the search can be run with this configuration."""
    resolve(config, Settings(family, plain.to_json(settings), plain.to_json(train)))
    if config.trials and train.warm_start:
        raise InputError(
            "tuner: trials start fresh, and what they find is for a fresh start; set trials = 0, or"
            " leave train.warm_start away"
        )
    strategy = train.distribution.strategy
    if config.trials and strategy in CLUSTER:
        raise InputError(
            f"tuner: trials run in one process, {strategy.value} in several; search with another"
            " strategy, or set trials = 0"
        )


def _resolved(path: str, axis: Axis, settings: Settings) -> Axis:
    for fixed, why in FIXED.items():
        if path == fixed or path.startswith(f"{fixed}."):
            raise InputError(f"tuner.space: '{path}' cannot be tried: {why}")
    settings.get(path)
    found = [_spelled(path, value, settings) for value in axis.values]
    if found:
        twice = [value for i, value in enumerate(found) if value in found[:i]]
        if twice:
            raise InputError(f"tuner.space: '{path}': {twice[0]!r} is named twice")
        return Axis(choices=tuple(tuple(v) if isinstance(v, list) else v for v in found))
    low, high = (_spelled(path, value, settings) for value in (axis.low, axis.high))
    if isinstance(low, bool) or not isinstance(low, int | float):
        raise InputError(f"tuner.space: '{path}' is no number: expected 'choices'")
    return dataclasses.replace(axis, low=low, high=high)


def _spelled(path: str, value: Any, settings: Settings) -> Any:
    """Returns a value as its setting has it: 1 is 1.0 where any number is meant."""
    try:
        return settings.replace({path: value}).get(path)
    except InputError as error:
        shown = list(value) if isinstance(value, tuple) else value
        raise InputError(f"tuner.space: '{path}' = {shown!r}: {error}") from None


def apply(job: TrainingJob, values: Mapping[str, Any]) -> TrainingJob:
    """Returns the training with some of its settings replaced; trials and training call it.

    Raises:
      InputError: The values do not go together.
    """
    settings = Settings(job.family, job.settings, job.train).replace(values)
    return dataclasses.replace(job, settings=settings.model, train=settings.train)


def to_texts(values: Sequence[Value]) -> list[int | float | str]:
    """Returns choices as KerasTuner takes them: whole and other numbers, or text; all of one kind.

    >>> to_texts([1e-3, 1e-2]), to_texts([(512,), (256, 128)])
    ([0.001, 0.01], ['json:[512]', 'json:[256, 128]'])
    """
    kinds = {type(value) for value in values}
    marked = any(isinstance(value, str) and value.startswith(_JSON) for value in values)
    if kinds in ({int}, {float}, {str}) and not marked:
        return [value for value in values if isinstance(value, int | float | str)]
    return [_JSON + json.dumps(value) for value in values]


def from_texts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values that KerasTuner chose as plain values.

    >>> from_texts({"model.dropout": 0.1, "model.hidden_layer_dims": "json:[256, 128]"})
    {'model.dropout': 0.1, 'model.hidden_layer_dims': [256, 128]}
    """
    return {
        path: json.loads(value.removeprefix(_JSON))
        if isinstance(value, str) and value.startswith(_JSON)
        else value
        for path, value in values.items()
    }
