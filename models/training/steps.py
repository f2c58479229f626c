"""How many steps a training takes, and how many lists each device has in one."""

from __future__ import annotations

import math

from data.dataset import Counts
from data.errors import InputError
from models.training import packed
from models.training.config import TrainConfig


def steps_per_epoch(config: TrainConfig, counts: Counts) -> int:
    """Returns the steps that see every list once, or as many as are set.

    Packed steps make whole calls, so that there may be some more or fewer.
    """
    steps = _steps_wanted(config, counts)
    return math.prod(packed.divide(steps, config.steps_per_execution)) if config.packed else steps


def steps_per_call(config: TrainConfig, counts: Counts) -> int:
    """Returns the steps that run in one call."""
    most = config.steps_per_execution
    return packed.divide(_steps_wanted(config, counts), most)[1] if config.packed else most


def _steps_wanted(config: TrainConfig, counts: Counts) -> int:
    if config.steps_per_epoch:
        return config.steps_per_epoch
    if config.whole_batches:
        return max(counts.lists // config.batch_size, 1)
    return math.ceil(counts.lists / config.batch_size)


def per_replica(config: TrainConfig, replicas: int) -> int:
    """Returns the lists per step of one device.

    Raises:
      InputError: The devices cannot share the batch evenly.
    """
    if config.batch_size % replicas:
        raise InputError(
            f"train: batch_size must be a multiple of the {replicas} devices of"
            f" {config.distribution.strategy.value}, found {config.batch_size}"
        )
    return config.batch_size // replicas
