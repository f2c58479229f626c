"""Whether and how a training goes on from the model that is served."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING
from typing import Protocol

import tensorflow as tf

from data.embedding import Lookup
from data.errors import InputError
from data.features import FeatureSpec
from data.features import Transform
from data.storage import AnyPath
from models.strategy import CLUSTER

if TYPE_CHECKING:
    from models.training.config import TrainConfig


class NewRows(str, enum.Enum):
    """What the rows of ids begin with that the vocabulary did not have before."""

    UNKNOWN = "unknown"
    """The row that the value had as one outside the vocabulary; zeros without `oov_buckets`."""
    MEAN = "mean"
    """The mean of the rows of the vocabulary as it was."""
    INITIAL = "initial"
    """What a fresh model has."""


@dataclasses.dataclass(frozen=True)
class WarmStartConfig:
    """How a training goes on from the latest blessed model.

    Attributes:
      new_rows: What the rows of ids begin with that the vocabulary did not have before.
    """

    new_rows: NewRows = NewRows.UNKNOWN


@dataclasses.dataclass(frozen=True)
class Start:
    """What a training started from.

    Attributes:
      warm: Whether that was an earlier model.
      how: Which one, or why none, in a line.
    """

    warm: bool
    how: str


class WarmStart(Protocol):
    """What a training starts from, and what it leaves."""

    def start(self, model: tf.keras.Model) -> Start:
        """Gives a compiled model what an earlier one learned, where that fits."""

    def keep(self, model: tf.keras.Model, folder: AnyPath) -> None:
        """Writes what a later training needs of a compiled model, in the place of what is there."""


def require(config: TrainConfig, features: FeatureSpec) -> None:
    """Raises InputError where a training of these settings cannot go on from another."""
    if config.warm_start is None:
        return
    strategy = config.distribution.strategy
    if strategy in CLUSTER:
        raise InputError(
            f"train.warm_start: {strategy.value} starts fresh; expected a training in one process"
        )
    for feature in features.features:
        ranked = feature.transform[-1] is Transform.VOCABULARY
        if ranked and feature.lookup is not Lookup.FULL:
            raise InputError(
                f"train.warm_start: feature '{feature.name}': the ids of a vocabulary change, and"
                f" with lookup '{feature.lookup.value}' they have no rows of their own that could"
                " move; use 'hash' or lookup 'full'"
            )
