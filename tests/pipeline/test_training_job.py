"""Training in several pods as a TFJob."""

from __future__ import annotations

import json

import pytest

from models import strategy
from models.strategy import Strategy
from pipeline import arguments
from pipeline.pods import Plain
from tests.pipeline.manifest_cases import SERVING
from tests.pipeline.manifest_cases import TRAINER
from tests.pipeline.manifest_cases import TRAINING
from tests.pipeline.manifest_cases import message
from tests.pipeline.manifest_cases import rendered
from tests.pipeline.manifest_cases import table
from tests.pipeline.manifest_cases import tf_job
from tests.pipeline.manifest_cases import training


def test_training_in_one_pod_needs_no_job() -> None:
    assert rendered(table()).keys() == {SERVING}


def test_chief_runs_the_pipeline_and_workers_wait() -> None:
    job = tf_job("MultiWorkerMirroredStrategy")
    assert (job["apiVersion"], job["kind"]) == ("kubeflow.org/v1", "TFJob")
    assert job["metadata"] == {"name": "synthetic", "namespace": "search"}
    assert job["spec"]["runPolicy"] == {
        "cleanPodPolicy": "Running",
        "activeDeadlineSeconds": 12 * 3600,
    }
    replicas = job["spec"]["tfReplicaSpecs"]
    assert {role: replica["replicas"] for role, replica in replicas.items()} == {
        "Chief": 1,
        "Worker": 2,
    }
    restarts = {role: replica["restartPolicy"] for role, replica in replicas.items()}
    assert restarts == {"Chief": "ExitCode", "Worker": "Always"}
    config = ["--config", "/etc/ranking/pipeline.toml"]
    for role, command in (("Chief", "run"), ("Worker", "worker")):
        (container,) = replicas[role]["template"]["spec"]["containers"]
        assert container["name"] == "tensorflow"  # the operator looks for this one
        assert container["command"] == ["ranking-pipelines", command, *config]
        # Each command is one of the command line.
        assert arguments.parser().parse_args(container["command"][1:]).command == command


def test_pods_have_the_machine_of_the_trainer() -> None:
    job = tf_job("MultiWorkerMirroredStrategy")
    pod = job["spec"]["tfReplicaSpecs"]["Worker"]["template"]["spec"]
    assert pod["nodeSelector"] == {"cloud.google.com/gke-accelerator": "nvidia-l4"}
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    assert pod["serviceAccountName"] == "ranking"
    assert pod["volumes"] == [
        {"name": "volume-0", "persistentVolumeClaim": {"claimName": "ranking"}},
        {"name": "volume-1", "secret": {"secretName": "logs"}},
        {"name": "volume-2", "configMap": {"name": "synthetic-config"}},
    ]
    (container,) = pod["containers"]
    assert container["image"] == "registry.example/ranking:1"
    assert container["workingDir"] == "/shared"  # where runs/synthetic is
    assert container["resources"] == {
        "limits": {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "2"},
        "requests": {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "2"},
    }
    secret = {"secretKeyRef": {"name": "logs", "key": "token"}}
    assert container["env"] == [
        {"name": "MODE", "value": "fast"},
        {"name": "LOGS_TOKEN", "valueFrom": secret},
    ]
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == [
        "/shared",
        "/secrets",
        "/etc/ranking",
    ]


def test_parameter_servers_have_no_gpus() -> None:
    replicas = tf_job("ParameterServerStrategy")["spec"]["tfReplicaSpecs"]
    assert {role: replica["replicas"] for role, replica in replicas.items()} == {
        "Chief": 1,
        "Worker": 2,
        "PS": 3,
    }
    pod = replicas["PS"]["template"]["spec"]
    assert "nodeSelector" not in pod
    assert pod["containers"][0]["resources"]["limits"] == {"cpu": "4", "memory": "16Gi"}


def tf_configs(job: Plain) -> list[str]:
    """What the training operator puts into the environment of each pod."""
    cluster = {
        role.lower(): [
            f"{job['metadata']['name']}-{role.lower()}-{index}.search.svc:{_port(replica)}"
            for index in range(replica["replicas"])
        ]
        for role, replica in job["spec"]["tfReplicaSpecs"].items()
    }
    return [
        json.dumps(
            {
                "cluster": cluster,
                "task": {"type": role, "index": index},
                "environment": "cloud",
            }
        )
        for role, hosts in cluster.items()
        for index in range(len(hosts))
    ]


def _port(replica: Plain) -> int:
    (container,) = replica["template"]["spec"]["containers"]
    (port,) = (port for port in container["ports"] if port["name"] == "tfjob-port")
    return int(port["containerPort"])


@pytest.mark.parametrize("name", [Strategy.MULTI_WORKER, Strategy.PARAMETER_SERVER])
def test_roles_are_those_that_training_accepts(
    name: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, places = tf_job(name.value), []
    for text in tf_configs(job):
        monkeypatch.setenv("TF_CONFIG", text)
        places.append(strategy.place(strategy.DistributionConfig(name)))
    replicas = job["spec"]["tfReplicaSpecs"]
    for place in places:  # the chief, and it alone, runs the pipeline
        role = {"chief": "Chief", "worker": "Worker", "ps": "PS"}[place.role]
        (container,) = replicas[role]["template"]["spec"]["containers"]
        assert container["command"][1] == ("run" if place.chief else "worker")
    assert sum(place.chief for place in places) == 1


def test_pods_must_share_the_folders() -> None:
    assert message(training(trainer={})) == (
        "cluster.nodes.Trainer: volumes must name one that all pods write to: under"
        " MultiWorkerMirroredStrategy they share pipeline.root"
    )
    assert message(training(pipeline={"root": "/tmp/runs"})) == (
        "pipeline.root: expected a folder on a volume of Trainer (/shared), found '/tmp/runs'"
    )
    assert message(training(push={"base": "../models"})) == (
        "push.base: expected a folder on a volume of Trainer (/shared), found '../models'"
    )
    elsewhere = training(examples={"base": "gs://bucket/logs", "synthetic": None})
    del elsewhere["examples"]["synthetic"]
    assert TRAINING in rendered(elsewhere)
    assert message(training(pipeline={"root": "gs://bucket/runs"})) == (
        "pipeline.root: expected a folder on a volume of Trainer (/shared), found"
        " 'gs://bucket/runs'"
    )
    deployment, _ = rendered(training(push={"base": "gs://bucket/models"}))[SERVING]
    (server,) = deployment["spec"]["template"]["spec"]["containers"]
    assert "--model_base_path=gs://bucket/models" in server["args"]


def test_mistakes_are_named() -> None:
    tables = training()
    tables["cluster"] = {**tables["cluster"], "image": ""}
    assert message(tables) == "cluster.image must name the image of the pods"
    on_tpu = {**TRAINER, "tpu": {"type": "v5e", "topology": "2x2"}}
    del on_tpu["gpu"]
    assert message(training(trainer=on_tpu)) == (
        "cluster.nodes.Trainer: tpu does not go with MultiWorkerMirroredStrategy"
    )
    assert message(training(pipeline={"engine": "kubeflow"})) == (
        "pipeline.engine must be 'local': the chief of a TFJob runs the pipeline, found 'kubeflow'"
    )
    assert message(table(pipeline={"name": "20m"})) == (
        "pipeline.name: Kubernetes needs one of at most 40 characters that begins with a letter,"
        " found '20m'"
    )
