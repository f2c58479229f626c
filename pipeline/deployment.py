"""The configuration as it runs on a cluster: its folders there, and the strategy its machines ask
for."""

from __future__ import annotations

import dataclasses
import posixpath
import re

from data.errors import InputError
from models.strategy import CLUSTER
from models.strategy import DistributionConfig
from models.strategy import Strategy
from models.training.config import TrainConfig
from pipeline.cluster import TRAINER
from pipeline.cluster import TUNER
from pipeline.config import Config
from pipeline.config import Engine
from pipeline.machines import NodeConfig
from pipeline.machines import Tpu

_REMOTE = {Engine.KUBEFLOW: ("gs://", "/"), Engine.VERTEX: ("gs://",)}
"""How a folder begins that all nodes reach; on Kubeflow it may be on a volume of all nodes."""


def deployed(config: Config, engine: Engine) -> Config:
    """Returns the configuration as it runs on an engine; the local one changes nothing.

    On a cluster the folders are those of `cluster`, the name has small letters and hyphens alone,
    and training runs under the strategy that the Trainer's machine asks for: TPUStrategy on TPUs,
    MirroredStrategy on several GPUs.

    Raises:
      InputError: It cannot run there.
    """
    pipeline = dataclasses.replace(config.pipeline, engine=engine)
    if engine is Engine.LOCAL:
        return dataclasses.replace(config, pipeline=pipeline)
    cluster, name = config.cluster, kubernetes_name(config.pipeline.name)
    for key in ("image", "root"):
        if not getattr(cluster, key):
            raise InputError(f"cluster.{key} (or --{key}) must be set to run on '{engine.value}'")
    data = cluster.data or posixpath.join(cluster.root, "data", name)
    models = cluster.models or posixpath.join(cluster.root, "models", name)
    for key, folder in (("root", cluster.root), ("data", data), ("models", models)):
        if not folder.startswith(_REMOTE[engine]):
            expected = " or ".join(f"'{start}...'" for start in _REMOTE[engine])
            raise InputError(f"cluster.{key} must begin with {expected}, found '{folder}'")
    _check_machines(config, engine)
    root = posixpath.join(cluster.root, "pipelines", name)
    return dataclasses.replace(
        config,
        pipeline=dataclasses.replace(pipeline, name=name, root=root),
        examples=dataclasses.replace(config.examples, base=data),
        train=_on_machine(config.train, cluster.node(TRAINER)),
        push=dataclasses.replace(config.push, base=models),
    )


def told(config: Config, *, image: str | None, root: str | None) -> Config:
    """Returns the configuration with what the command line says of the cluster."""
    cluster = config.cluster
    cluster = dataclasses.replace(cluster, image=image or cluster.image, root=root or cluster.root)
    return dataclasses.replace(config, cluster=cluster)


def spanned(config: Config, spans: str | None) -> Config:
    """Returns the configuration with the spans of the command line; None leaves it as it is."""
    if spans is None:
        return config
    try:
        examples = dataclasses.replace(config.examples, span=spans)
    except InputError as error:
        raise InputError(f"--span {spans}: {error}") from None
    return dataclasses.replace(config, examples=examples)


def kubernetes_name(name: str) -> str:
    """Returns a name as Kubernetes accepts it.

    >>> kubernetes_name("MSLR_web30k")
    'mslr-web30k'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].rstrip("-")


def _check_machines(config: Config, engine: Engine) -> None:
    strategy = config.train.distribution.strategy
    if strategy in CLUSTER:
        raise InputError(
            f"train.distribution: {strategy.value} trains in several pods, and a node of"
            f" '{engine.value}' is one; the command 'manifests' renders a TFJob for it"
        )
    trainer, tuner = config.cluster.node(TRAINER), config.cluster.node(TUNER)
    if config.tuner.trials and (trainer.gpu, trainer.tpu) != (tuner.gpu, tuner.tpu):
        raise InputError(
            f"cluster.nodes: {TUNER} trains as {TRAINER} does and needs the same gpu and tpu"
        )
    if trainer.tpu and not (trainer.image or config.cluster.tpu_image):
        raise InputError("cluster.tpu_image must name the image for TPUs")
    if strategy is Strategy.TPU and not trainer.tpu:
        raise InputError(f"train.distribution: TPUStrategy needs cluster.nodes.{TRAINER}.tpu")


def _on_machine(train: TrainConfig, machine: NodeConfig) -> TrainConfig:
    found = train.distribution.strategy
    if machine.tpu:
        _check_batch(train, machine.tpu)
        wanted = DistributionConfig(Strategy.TPU, tpu="local")
    elif machine.gpu and machine.gpu.count > 1:
        wanted = DistributionConfig(Strategy.MIRRORED)
    else:
        return train
    if found not in (Strategy.NONE, wanted.strategy):
        raise InputError(
            f"train.distribution: the machine of {TRAINER} asks for {wanted.strategy.value}, found"
            f" {found.value}"
        )
    try:
        return dataclasses.replace(train, distribution=wanted)
    except InputError as error:
        raise InputError(f"cluster.nodes.{TRAINER}: train: {error}") from None


def _check_batch(train: TrainConfig, tpu: Tpu) -> None:
    if train.batch_size % tpu.replicas:
        raise InputError(
            f"train.batch_size {train.batch_size} must be a multiple of the {tpu.replicas} cores of"
            f" a {tpu.type} TPU of topology {tpu.topology}"
        )
