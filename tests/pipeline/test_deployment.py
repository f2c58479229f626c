"""The configuration as it runs on a cluster, and what cannot run there."""

import dataclasses
from typing import Any

import pytest

from data import plain
from data.errors import InputError
from models.strategy import Strategy
from models.tuning import TunerConfig
from pipeline import decode
from pipeline import deployment
from pipeline.cluster import ClusterConfig
from pipeline.config import Config
from pipeline.config import Engine
from pipeline.config import PushConfig

PLACE = {"image": "ranking:1", "tpu_image": "ranking:1-tpu", "root": "gs://bucket/ranking"}
SPACE = {"train.learning_rate": {"choices": [0.1, 0.01]}}
TPU = {"nodes": {"Trainer": {"tpu": {"type": "v5e", "topology": "2x4"}}}}


def config(cluster: dict[str, Any], train: dict[str, Any] | None = None, trials: int = 0) -> Config:
    found = decode.load("synthetic")
    return dataclasses.replace(
        found,
        cluster=plain.decode(ClusterConfig, {**PLACE, **cluster}, "cluster"),
        train=dataclasses.replace(found.train, **(train or {})),
        tuner=plain.decode(TunerConfig, {"trials": trials, "space": SPACE}, "tuner"),
    )


def test_the_local_engine_changes_nothing() -> None:
    found = config({})
    assert deployment.deployed(found, Engine.LOCAL) == found


def test_folders_are_those_of_the_cluster() -> None:
    found = deployment.deployed(config({}), Engine.KUBEFLOW)
    assert found.pipeline.engine is Engine.KUBEFLOW
    assert found.pipeline.folder == "gs://bucket/ranking/pipelines/synthetic"
    assert found.examples.base == "gs://bucket/ranking/data/synthetic"
    assert found.push.folder == "gs://bucket/ranking/models/synthetic"
    named = {"data": "gs://logs/a", "models": "gs://served/a"}
    found = deployment.deployed(config(named), Engine.VERTEX)
    assert (found.examples.base, found.push.folder) == ("gs://logs/a", "gs://served/a")


def test_how_models_are_published_stays() -> None:
    found = config({})
    push = dataclasses.replace(found.push, keep=3, canary=0.1)
    found = deployment.deployed(dataclasses.replace(found, push=push), Engine.KUBEFLOW)
    assert found.push == PushConfig("gs://bucket/ranking/models/synthetic", keep=3, canary=0.1)


def test_names_become_those_of_kubernetes() -> None:
    found = config({})
    found = dataclasses.replace(found, pipeline=dataclasses.replace(found.pipeline, name="My_Web"))
    assert deployment.deployed(found, Engine.KUBEFLOW).pipeline.name == "my-web"


@pytest.mark.parametrize(
    ("machine", "strategy"),
    [
        ({"tpu": {"type": "v5e", "topology": "2x4"}}, Strategy.TPU),
        ({"gpu": {"type": "nvidia-l4", "count": 4}}, Strategy.MIRRORED),
        ({"gpu": {"type": "nvidia-l4"}}, Strategy.NONE),
        ({"cpu": 8}, Strategy.NONE),
    ],
    ids=["tpu", "gpus", "gpu", "cpu"],
)
def test_the_machine_asks_for_its_strategy(machine: dict[str, Any], strategy: Strategy) -> None:
    found = config({"nodes": {"Trainer": machine}}, {"list_size": 20})
    train = deployment.deployed(found, Engine.KUBEFLOW).train
    assert train.distribution.strategy is strategy
    assert train.static is (strategy is Strategy.TPU)


@pytest.mark.parametrize(
    ("cluster", "train", "trials", "message"),
    [
        ({"image": ""}, {}, 0, "cluster.image (or --image) must be set to run on 'kubeflow'"),
        ({"root": ""}, {}, 0, "cluster.root (or --root) must be set to run on 'kubeflow'"),
        (
            {"models": "models"},
            {},
            0,
            "cluster.models must begin with 'gs://...' or '/...', found 'models'",
        ),
        (TPU, {}, 0, "cluster.nodes.Trainer: train: TPUStrategy needs 'list_size': its shapes"),
        (
            TPU,
            {"list_size": 20, "batch_size": 12},
            0,
            "train.batch_size 12 must be a multiple of the 8 cores of a v5e TPU of topology 2x4",
        ),
        (TPU | {"tpu_image": ""}, {"list_size": 20}, 0, "cluster.tpu_image must name the image"),
        (TPU, {"list_size": 20}, 2, "cluster.nodes: Tuner trains as Trainer does and needs"),
        (
            {"nodes": {"Trainer": {"gpu": {"type": "nvidia-l4", "count": 2}}}},
            {"jit_compile": True, "list_size": 20},
            0,
            "cluster.nodes.Trainer: train: MirroredStrategy cannot compile a step that exchanges",
        ),
    ],
)
def test_contradictions_are_refused(
    cluster: dict[str, Any], train: dict[str, Any], trials: int, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        deployment.deployed(config(cluster, train, trials), Engine.KUBEFLOW)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ({"strategy": Strategy.MULTI_WORKER}, "MultiWorkerMirroredStrategy trains in several pods"),
        (
            {"strategy": Strategy.TPU, "tpu": "local"},
            "train.distribution: TPUStrategy needs cluster.nodes.Trainer.tpu",
        ),
    ],
)
def test_a_strategy_needs_its_machines(strategy: dict[str, Any], message: str) -> None:
    found = config({}, {"list_size": 20})
    distribution = dataclasses.replace(found.train.distribution, **strategy)
    train = dataclasses.replace(found.train, distribution=distribution)
    with pytest.raises(InputError) as caught:
        deployment.deployed(dataclasses.replace(found, train=train), Engine.KUBEFLOW)
    assert message in str(caught.value)


def test_a_machine_does_not_overrule_another_strategy() -> None:
    found = config(TPU, {"list_size": 20})
    distribution = dataclasses.replace(found.train.distribution, strategy=Strategy.MIRRORED)
    train = dataclasses.replace(found.train, distribution=distribution)
    with pytest.raises(InputError, match="asks for TPUStrategy, found MirroredStrategy"):
        deployment.deployed(dataclasses.replace(found, train=train), Engine.KUBEFLOW)
