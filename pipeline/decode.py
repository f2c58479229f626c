"""From a TOML file to the configuration, strictly."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import tomli

from data import plain
from data.errors import InputError
from data.errors import did_you_mean
from models import registry
from pipeline.config import Config
from pipeline.config import ModelConfig

VARIABLE = "RANKING_CONFIG"
"""The environment variable that names the file: the TFX command line passes no arguments."""

DEFAULT = "synthetic"
_NAMED = r"\$\{(\w+)\}"


def shipped() -> dict[str, Path]:
    """Returns the configurations that come with the package, by name."""
    folder = Path(str(resources.files("pipeline") / "configs"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def load(name: str | None = None) -> Config:
    """Reads a configuration.

    Args:
      name: A TOML file, or the name of a shipped configuration; by default what the environment
        variable `RANKING_CONFIG` says, else the embedded demonstration.

    Raises:
      InputError: The file cannot be read or breaks a rule.
    """
    path, text = read(name)
    try:
        table = tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise InputError(f"{path.name}: not TOML: {error}") from None
    return decode(table, path.name)


def read(name: str | None = None) -> tuple[Path, str]:
    """Returns a configuration's file and its text as it is; named as `load` takes it.

    Raises:
      InputError: The file cannot be read.
    """
    name = name or os.environ.get(VARIABLE) or DEFAULT
    path = shipped().get(name, Path(name))
    try:
        return path, path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = did_you_mean(name, shipped())
        raise InputError(f"{name}: no such file, and no shipped configuration.{near}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{name}: cannot be read: {error}") from None


def decode(table: Mapping[str, Any], name: str) -> Config:
    """Builds the configuration from the tables of the file `name`.

    Raises:
      InputError: A key is unknown or missing, or a value breaks a rule.
    """
    values = {key: _substitute(value, f"{name}: {key}") for key, value in table.items()}
    if isinstance(values.get("model"), Mapping):
        values["model"] = _model(values["model"], f"{name}: model")
    return plain.decode(Config, values, name)


def _model(table: Mapping[str, Any], where: str) -> ModelConfig:
    settings = dict(table)
    family = settings.pop("family", None)
    try:
        config = registry.family(str(family)).config
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return ModelConfig(str(family), plain.decode(config, settings, where))


def variables(text: str) -> dict[str, str]:
    """Returns the environment variables that are named in a text and set, and their values."""
    named = sorted(set(re.findall(_NAMED, text)) & os.environ.keys())
    return {name: os.environ[name] for name in named}


def _substitute(value: Any, where: str) -> Any:
    """Puts environment variables in the place of `${NAME}`."""
    if isinstance(value, Mapping):
        return {key: _substitute(item, f"{where}: {key}") for key, item in value.items()}
    if isinstance(value, list):
        return [_substitute(item, where) for item in value]
    if not isinstance(value, str):
        return value
    for variable in re.findall(_NAMED, value):
        if variable not in os.environ:
            raise InputError(f"{where}: the environment variable {variable} is not set")
    return re.sub(_NAMED, lambda match: os.environ[match[1]], value)
