"""Training in several pods: a TFJob of Kubeflow's training operator, which sets `TF_CONFIG`."""

from __future__ import annotations

import dataclasses
import posixpath

from data.errors import InputError
from models.strategy import Strategy
from pipeline.cluster import TRAINER
from pipeline.config import Config
from pipeline.config import Engine
from pipeline.machines import NodeConfig
from pipeline.pods import Plain
from pipeline.pods import object_name
from pipeline.pods import pod
from pipeline.pods import said
from pipeline.pods import volume_of

CONTAINER, PORT_NAME, PORT = "tensorflow", "tfjob-port", 2222
"""How the operator knows the container that it gives `TF_CONFIG`, and the port in there."""
FILES, FILE = "/etc/ranking", "pipeline.toml"
GROUP = 1000
"""The group of the image's user, which may write to the volumes."""


def render(config: Config, text: str) -> list[Plain]:
    """Returns the job and the file of the configuration that its pods read.

    The chief runs the pipeline with the local engine, the others wait for its training. Those are
    started anew whenever they end; the chief only where it was killed, as its own failures are
    final.

    Args:
      config: The configuration.
      text: Its file as it is: the pods put environment variables into it.

    Raises:
      InputError: The pods have no image, or do not share the folders.
    """
    _check(config)
    name = object_name(config)
    files = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": said(name=f"{name}-config", namespace=config.cluster.namespace),
        "data": {FILE: text},
    }
    job = {
        "apiVersion": "kubeflow.org/v1",
        "kind": "TFJob",
        "metadata": said(name=name, namespace=config.cluster.namespace),
        "spec": {
            "runPolicy": said(
                cleanPodPolicy="Running", activeDeadlineSeconds=_machine(config).timeout_seconds
            ),
            "tfReplicaSpecs": _replicas(config, f"{name}-config"),
        },
    }
    return [files, job]


def folder(config: Config, what: str, name: str) -> str:
    """Returns a folder of the configuration as the pods see it.

    They work on their first volume, where relative folders are.

    Raises:
      InputError: It is on none of their volumes.
    """
    volumes = config.cluster.node(TRAINER).volumes
    if not volumes:
        raise InputError(
            f"cluster.nodes.{TRAINER}: volumes must name one that all pods write to: under"
            f" {config.train.distribution.strategy.value} they share pipeline.root"
        )
    found = posixpath.normpath(posixpath.join(volumes[0].mount, name))
    if "://" in name or volume_of(found, volumes) is None:
        raise InputError(
            f"{what}: expected a folder on a volume of {TRAINER}"
            f" ({', '.join(volume.mount for volume in volumes)}), found '{name}'"
        )
    return found


def _check(config: Config) -> None:
    machine = _machine(config)
    if not machine.image:
        raise InputError("cluster.image must name the image of the pods")
    if machine.tpu:
        strategy = config.train.distribution.strategy.value
        raise InputError(f"cluster.nodes.{TRAINER}: tpu does not go with {strategy}")
    if config.pipeline.engine is not Engine.LOCAL:
        raise InputError(
            "pipeline.engine must be 'local': the chief of a TFJob runs the pipeline, found"
            f" '{config.pipeline.engine.value}'"
        )
    folder(config, "pipeline.root", config.pipeline.root)
    for what, place in (("push.base", config.push.base), ("examples.base", config.examples.base)):
        if "://" not in place:
            folder(config, what, place)


def _machine(config: Config) -> NodeConfig:
    machine = config.cluster.node(TRAINER)
    return dataclasses.replace(machine, image=machine.image or config.cluster.image)


def _replicas(config: Config, files: str) -> Plain:
    workers, machine = config.cluster.workers, _machine(config)
    found = {
        "Chief": _replica(config, machine, files, count=1, command="run", restart="ExitCode"),
        "Worker": _replica(config, machine, files, count=workers.count, command="worker"),
    }
    if config.train.distribution.strategy is Strategy.PARAMETER_SERVER:
        plain = dataclasses.replace(machine, gpu=None)
        found["PS"] = _replica(config, plain, files, count=workers.servers, command="worker")
    return found


def _replica(
    config: Config,
    machine: NodeConfig,
    files: str,
    *,
    count: int,
    command: str,
    restart: str = "Always",
) -> Plain:
    container = {
        "name": CONTAINER,
        "command": ["ranking-pipelines", command, "--config", f"{FILES}/{FILE}"],
        "workingDir": machine.volumes[0].mount,
        "ports": [{"name": PORT_NAME, "containerPort": PORT}],
    }
    spec = pod(
        machine,
        container,
        service_account=config.cluster.service_account,
        files={files: FILES},
        security={"fsGroup": GROUP},
    )
    return {"replicas": count, "restartPolicy": restart, "template": {"spec": spec}}
