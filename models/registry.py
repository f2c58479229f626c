"""The model families by name: a new one is a file of its own and a line here."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any
from typing import Protocol

import tensorflow as tf

from data.errors import InputError
from data.errors import did_you_mean
from data.transformed import TransformedSpec
from models import attention
from models import dnn
from models import gam
from models import multi_task
from models.ranker import Outputs


class Build(Protocol):
    """What builds a model; `models.ranker.Ranker` explains the arguments."""

    def __call__(
        self, transformed: TransformedSpec, config: Any, *, outputs: Outputs, static: bool
    ) -> tf.keras.Model:
        """Returns the model."""


@dataclasses.dataclass(frozen=True)
class Family:
    """A kind of model.

    Attributes:
      config: The dataclass of its settings.
      build: Builds the model from the shapes of its inputs and its settings.
      across_list: Whether a document's score depends on the others of its list.
    """

    config: type
    build: Build
    across_list: bool = False


FAMILIES: Mapping[str, Family] = {
    "attention": Family(attention.AttentionConfig, attention.AttentionRanker, across_list=True),
    "dnn": Family(dnn.DnnConfig, dnn.DnnRanker),
    "gam": Family(gam.GamConfig, gam.GamRanker),
    "multi_task": Family(multi_task.MultiTaskConfig, multi_task.MultiTaskRanker),
}


def family(name: str) -> Family:
    """Returns the family of that name.

    Raises:
      InputError: There is none.
    """
    if name not in FAMILIES:
        raise InputError(f"unknown family '{name}'.{did_you_mean(name, FAMILIES)}")
    return FAMILIES[name]
