"""What a training reads: a training that goes on reads what is left."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from data.sampling import NegativeKind
from data.sampling import Negatives
from models.sources import Source
from models.strategy import DistributionConfig
from models.strategy import Strategy
from models.training.config import TrainConfig
from models.training.steps import steps_per_call
from models.training.steps import steps_per_epoch
from tests.data.sampling import samples
from tests.models import jobs
from tests.models import keyed

STATIC: dict[str, Any] = {"jit_compile": True, "list_size": 6}
SEVERAL: dict[str, Any] = {"distribution": DistributionConfig(Strategy.MIRRORED, devices=2)}


def of_lists(folder: Path, *, family: str = "dnn", **train: Any) -> Source:
    return jobs.job(folder, lists=50, family=family, settings={}, **train).source


def of_clicks(folder: Path, **train: Any) -> Source:
    return keyed.clicks(folder, **train).source


def of_interactions(folder: Path, *, kind: NegativeKind, **train: Any) -> Source:
    settings: dict[str, Any] = {"loss": "sigmoid_cross_entropy_loss", "batch_size": 16, **train}
    return Source(
        (samples.write_likes(folder / "train.gz", samples.LIKES),),
        (),
        (samples.write_catalogue(folder / "items.gz", samples.N_ITEMS),),
        samples.TRANSFORMED,
        TrainConfig(negatives=Negatives(kind, 3), **settings),
        across_list=False,
    )


ALL: dict[str, Any] = {"kind": NegativeKind.ALL, "batch_size": 4}
DRAWN: dict[str, Any] = {"kind": NegativeKind.UNIFORM}


@pytest.mark.parametrize(
    "make",
    [
        of_lists,
        functools.partial(of_lists, family="attention"),
        functools.partial(of_lists, **STATIC),
        functools.partial(of_lists, **STATIC, steps_per_execution=2),
        functools.partial(of_lists, **SEVERAL),
        functools.partial(of_lists, steps_per_epoch=2),
        of_clicks,
        functools.partial(of_clicks, **SEVERAL),
        functools.partial(of_interactions, **DRAWN),
        functools.partial(of_interactions, **DRAWN, **SEVERAL),
        functools.partial(of_interactions, kind=NegativeKind.IN_BATCH),
        functools.partial(of_interactions, **ALL),
        functools.partial(of_interactions, **ALL, **SEVERAL),
    ],
    ids=[
        "lists", "lists by length", "static", "packed", "mirrored", "short epochs", "clicks",
        "clicks mirrored", "drawn", "drawn mirrored", "in batch", "all", "all mirrored",
    ],
)  # fmt: skip
def test_later_epochs_have_the_batches_that_they_would_have_had(
    make: Callable[[Path], Source], tmp_path: Path
) -> None:
    source = make(tmp_path)
    config, counts = source.config, source.count()
    replicas = 2 if config.distributed else 1
    per_call = steps_per_call(config, counts) if config.packed else 1
    n = steps_per_epoch(config, counts) * replicas // per_call
    context = tf.distribute.InputContext()
    whole, rest = (
        list(source.batches(context, epochs, replicas=replicas, counts=counts).take(3 * n))
        for epochs in (0, 2)
    )
    assert n > 1
    for expected, found in zip(whole[2 * n :], rest[:n], strict=True):
        tf.nest.map_structure(tf.debugging.assert_equal, expected, found)
    assert str(whole[:n]) != str(rest[:n])
