"""The model server as Kubernetes objects: TensorFlow Serving, or a KServe InferenceService."""

from __future__ import annotations

import dataclasses
import posixpath

from data.errors import InputError
from models.strategy import CLUSTER
from models.versions import CANARY
from pipeline import training_job
from pipeline.config import Config
from pipeline.config import Engine
from pipeline.deployment import deployed
from pipeline.machines import Volume
from pipeline.pods import Plain
from pipeline.pods import object_name
from pipeline.pods import pod
from pipeline.pods import said
from pipeline.pods import volume_of
from pipeline.workloads import Server

GRPC, REST = 8500, 8501
POLL_SECONDS = 30
"""How often TensorFlow Serving looks for new versions."""
START_SECONDS, CHECK_SECONDS, PATIENCE = 600, 10, 6
"""How long the first version may take, how often a pod is asked, and how many failures end it."""


def render(config: Config) -> list[Plain]:
    """Returns the objects that answer requests by the newest version in `push.base`.

    Where `push.canary` has canaries published, a second TensorFlow Serving watches their folder.

    Raises:
      InputError: The models are not where pods can read them.
    """
    if config.cluster.serving.kind is Server.KSERVE:
        if config.push.canary:
            raise InputError(
                "cluster.serving.kind: 'kserve' serves no canary; push.canary needs"
                f" '{Server.TENSORFLOW_SERVING.value}'"
            )
        return [_inference_service(config)]
    watched = ("", CANARY) if config.push.canary else ("",)
    return [make(config, which) for which in watched for make in (_deployment, _service)]


def models(config: Config) -> tuple[str, Volume | None]:
    """Returns the folder of versions as pods see it, and the volume it is on, None for a bucket.

    Raises:
      InputError: It is on neither.
    """
    if config.train.distribution.strategy not in CLUSTER:
        folder, node = deployed(config, Engine.KUBEFLOW).push.base, "Pusher"
    elif "://" in config.push.base:
        folder, node = config.push.base, "Trainer"
    else:
        folder, node = training_job.folder(config, "push.base", config.push.base), "Trainer"
    volume = volume_of(folder, config.cluster.node(node).volumes)
    if volume is None and "://" not in folder:
        raise InputError(
            f"cluster.nodes.{node}: no volume holds the models, which are at '{folder}'"
        )
    return folder, volume


def _metadata(config: Config, which: str) -> Plain:
    serving, cluster = config.cluster.serving, config.cluster
    name = "-".join(filter(None, (object_name(config), which, "serving")))
    return said(
        name=name,
        namespace=serving.namespace or cluster.namespace,
        labels={"app.kubernetes.io/name": name},
    )


def _deployment(config: Config, which: str) -> Plain:
    serving, metadata = config.cluster.serving, _metadata(config, which)
    folder, volume = models(config)
    machine = dataclasses.replace(serving.machine, volumes=(volume,) if volume else ())
    account = serving.service_account or config.cluster.service_account
    container = _container(config.pipeline.name, posixpath.join(folder, which).rstrip("/"))
    if which:  # there may be no canary for days, and then no pod that is ready
        del container["startupProbe"], container["livenessProbe"]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": serving.replicas,
            "selector": {"matchLabels": metadata["labels"]},
            "template": {
                "metadata": {"labels": metadata["labels"]},
                "spec": pod(machine, container, service_account=account),
            },
        },
    }


def _container(name: str, folder: str) -> Plain:
    probe = {
        "httpGet": {"path": f"/v1/models/{name}", "port": "rest"},
        "periodSeconds": CHECK_SECONDS,
    }
    return {
        "name": "tensorflow-serving",
        "command": ["tensorflow_model_server"],
        "args": [
            f"--port={GRPC}",
            f"--rest_api_port={REST}",
            f"--model_name={name}",
            f"--model_base_path={folder}",
            f"--file_system_poll_wait_seconds={POLL_SECONDS}",
        ],
        "ports": [
            {"name": "grpc", "containerPort": GRPC},
            {"name": "rest", "containerPort": REST},
        ],
        # It listens once the first version is loaded.
        "startupProbe": {**probe, "failureThreshold": START_SECONDS // CHECK_SECONDS},
        "readinessProbe": probe,
        "livenessProbe": {**probe, "failureThreshold": PATIENCE},
    }


def _service(config: Config, which: str) -> Plain:
    metadata = _metadata(config, which)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "selector": metadata["labels"],
            "ports": [
                {"name": "grpc", "port": GRPC, "targetPort": "grpc"},
                {"name": "rest", "port": REST, "targetPort": "rest"},
            ],
        },
    }


def _inference_service(config: Config) -> Plain:
    serving, (folder, volume) = config.cluster.serving, models(config)
    if volume:
        within = posixpath.relpath(folder, volume.mount)
        folder = posixpath.join(f"pvc://{volume.claim}", "" if within == "." else within)
    (container,) = pod(serving.machine, {})["containers"]
    metadata = _metadata(config, "") | {"name": object_name(config)}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": metadata,
        "spec": {
            "predictor": said(
                serviceAccountName=serving.service_account or config.cluster.service_account,
                minReplicas=serving.replicas,
                model={
                    "modelFormat": {"name": "tensorflow"},
                    "runtimeVersion": serving.image.rpartition(":")[2],
                    "storageUri": folder,
                    "resources": container["resources"],
                },
            )
        },
    }
