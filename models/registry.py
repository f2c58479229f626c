"""The model families by name: a new one is a file of its own and a line here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from data.errors import InputError
from data.errors import did_you_mean
from data.transformed import TransformedSpec
from models import dnn

Build = Callable[[TransformedSpec, Any], tf.keras.Model]


@dataclasses.dataclass(frozen=True)
class Family:
    """A kind of model.

    Attributes:
      config: The dataclass of its settings.
      build: Builds the model from the shapes of its inputs and its settings.
    """

    config: type
    build: Build


FAMILIES: Mapping[str, Family] = {"dnn": Family(dnn.DnnConfig, dnn.DnnRanker)}


def family(name: str) -> Family:
    """Returns the family of that name.

    Raises:
      InputError: There is none.
    """
    if name not in FAMILIES:
        raise InputError(f"unknown family '{name}'.{did_you_mean(name, FAMILIES)}")
    return FAMILIES[name]
