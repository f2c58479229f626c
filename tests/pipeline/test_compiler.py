"""The compiled file: the same pipeline for every engine, in words that the engines know."""

from __future__ import annotations

import dataclasses
import functools
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.pipeline_spec import pipeline_spec_pb2

from data import plain
from data.errors import InputError
from models.training.warm import WarmStartConfig
from pipeline import compiler
from pipeline import dag
from pipeline import decode
from pipeline import deployment
from pipeline.cluster import NODES
from pipeline.config import Engine
from pipeline.evaluation import LIGHTGBM
from pipeline.evaluation import EvaluationConfig
from pipeline.evaluation import Threshold
from tests.pipeline import tools
from tests.pipeline.compiling import compiled
from tests.pipeline.compiling import config
from tests.pipeline.compiling import graph

NEWEST = (
    "kfp==2.17.0",
    "kfp-kubernetes==2.17.0",
    # What these import.
    "certifi==2026.10.18",
    "cffi==2.1.1",
    "charset-normalizer==3.5.2",
    "click==8.5.1",
    "click-option-group==0.5.7",
    "cryptography==50.0.2",
    "docstring-parser==0.18.0",
    "google-api-core==2.44.0",
    "google-auth==2.62.2",
    "google-cloud-core==2.8.0",
    "google-cloud-storage==3.17.1",
    "google-crc32c==1.9.0",
    "google-resumable-media==2.11.0",
    "googleapis-common-protos==1.76.0",
    "idna==3.20",
    "kfp-pipeline-spec==2.17.3",
    "kfp-server-api==2.17.3",
    "kubernetes==30.1.0",
    "oauthlib==4.0.1",
    "opentelemetry-api==1.45.2",
    "proto-plus==1.29.0",
    "protobuf==6.33.6",
    "pyasn1==0.6.5",
    "pyasn1-modules==0.4.2",
    "pycparser==3.11",
    "python-dateutil==3.0.0",
    "pyyaml==6.0.3",
    "requests==2.33.0",
    "requests-oauthlib==2.0.0",
    "requests-toolbelt==1.0.0",
    "six==1.17.0",
    "tabulate==0.10.0",
    "typing-extensions==4.16.0",
    "urllib3==2.7.0",
    "websocket-client==1.9.2",
)
GOLDEN = Path(__file__).parent / "golden"
EVERYTHING: dict[str, Any] = {
    "cpu": 8,
    "cpu_request": 4,
    "memory": "32Gi",
    "memory_request": "16G",
    "env": {"LOGS": "plain"},
    "secrets": [
        {"name": "hub", "env": {"TOKEN": "token"}},
        {"name": "keys", "mount": "/secrets/keys"},
    ],
    "volumes": [{"claim": "cache", "mount": "/cache"}],
    "tolerations": [{"key": "team", "value": "search", "effect": "NoSchedule"}],
    "node_selector": {"disk": "ssd"},
    "spot": True,
    "retries": 3,
    "timeout": "12h",
    "image_pull_policy": "Always",
}
MACHINES: dict[str, dict[str, Any]] = {
    "cpu": {"defaults": {"cpu": 2, "memory": "8Gi"}},
    "gpu": {"nodes": {"Trainer": {"gpu": {"type": "nvidia-l4", "count": 2}, "memory": "64Gi"}}},
    "tpu": {"nodes": {"Trainer": {"tpu": {"type": "v5e", "topology": "2x2"}, **EVERYTHING}}},
}
TUNED = {"trials": 2, "space": {"train.learning_rate": {"choices": [0.1, 0.01]}}}


@pytest.mark.parametrize("name", sorted(decode.shipped()))
def test_every_engine_runs_the_same_pipeline(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKING_DATA", "data-sets")
    found = config(name)
    local = graph(deployment.deployed(found, Engine.LOCAL))
    for engine in (Engine.KUBEFLOW, Engine.VERTEX):
        assert graph(deployment.deployed(found, engine)) == local
        spec = compiled(found, engine)[0]
        tasks = spec["root"]["dag"]["tasks"]
        assert {
            task: (
                set(table.get("dependentTasks", [])),
                set(table.get("inputs", {}).get("parameters", {})),
            )
            for task, table in tasks.items()
        } == local


def test_names_of_nodes_are_known_before_tfx_is_loaded() -> None:
    tuned = dataclasses.replace(config(), tuner=plain.decode(type(config().tuner), TUNED, ""))
    train = dataclasses.replace(config().train, warm_start=WarmStartConfig())
    warm = dataclasses.replace(config(), train=train)
    threshold = Threshold(at_least=0.5, yardsticks={LIGHTGBM: 0.0})
    evaluation = EvaluationConfig({"ndcg@10": threshold}, ("ndcg@10",))
    trees = dataclasses.replace(config(), evaluation=evaluation)
    nodes = [node for found in (tuned, warm, trees) for node in dag.create_nodes(found)]
    assert {node.id for node in nodes} == set(NODES)


@pytest.mark.parametrize("kind", sorted(MACHINES))
def test_the_kubernetes_side_is_as_before(kind: str) -> None:
    spec, *platform = compiled(config(**MACHINES[kind]))
    executors = spec["deploymentSpec"]["executors"]
    found = {
        "platform": platform,
        "containers": {
            label: {key: table["container"].get(key) for key in ("image", "resources", "env")}
            for label, table in executors.items()
        },
        "retries": {
            name: task["retryPolicy"]
            for name, task in spec["root"]["dag"]["tasks"].items()
            if "retryPolicy" in task
        },
    }
    golden = GOLDEN / f"{kind}.yaml"
    assert found == yaml.safe_load(golden.read_text()), yaml.safe_dump(found)


def test_both_documents_fit_the_protocol_and_load() -> None:
    found = config(**MACHINES["tpu"])
    text = compiler.render(deployment.deployed(found, Engine.KUBEFLOW))
    spec, platform = yaml.safe_load_all(text)
    json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    deployments = pipeline_spec_pb2.PipelineDeploymentConfig()
    json_format.ParseDict(spec["deploymentSpec"], deployments)
    json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())
    labels = {part["executorLabel"] for part in spec["components"].values()}
    assert set(platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]) <= labels
    loaded = components.load_component_from_text(text)
    assert loaded.name == "synthetic"
    assert loaded.platform_spec == json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())


def test_training_on_a_tpu_is_told_so() -> None:
    spec = compiled(config(**MACHINES["tpu"]))[0]
    settings = spec["root"]["dag"]["tasks"]["Trainer"]["inputs"]["parameters"]["custom_config"]
    train = yaml.safe_load(yaml.safe_load(settings["runtimeValue"]["constant"])["train"])
    assert train["distribution"]["strategy"] == "TPUStrategy"
    assert train["list_size"] == 20


def test_what_reads_other_places_is_never_taken_from_a_cache() -> None:
    tasks = compiled(config())[0]["root"]["dag"]["tasks"]
    cached = {name for name, task in tasks.items() if task["cachingOptions"].get("enableCache")}
    assert cached == set(tasks) - {"RankingExampleGen", "LatestBlessedModel"}


def test_the_report_is_a_page_to_kubeflow() -> None:
    component = compiled(config())[0]["components"]["RunReport"]
    kind = component["outputDefinitions"]["artifacts"]["report"]["artifactType"]
    assert kind == {"schemaTitle": "system.HTML", "schemaVersion": "0.0.1"}


def test_what_the_engine_would_refuse_is_not_there() -> None:
    spec = compiled(config())[0]
    assert spec["schemaVersion"] == "2.1.0"
    assert spec["defaultPipelineRoot"] == "gs://bucket/ranking/pipelines/synthetic"
    for executor in spec["deploymentSpec"]["executors"].values():
        assert set(executor) == {"container"}
        assert executor["container"]["command"] == ["python", "-m", "components.entrypoint"]
        assert "lifecycle" not in executor["container"]


def test_spans_are_a_parameter_with_a_default() -> None:
    found = config()
    splits = {name: "{SPAN}/" + pattern for name, pattern in found.examples.splits.items()}
    spanned = functools.partial(dataclasses.replace, found.examples, splits=splits, synthetic=None)
    for default in ("", "7", "2026-11-20..2026-11-22"):
        spec = compiled(dataclasses.replace(found, examples=spanned(span=default)))[0]
        (declared,) = spec["root"]["inputDefinitions"]["parameters"].items()
        assert declared[0] == "span"
        assert declared[1]["defaultValue"] == default
        assert declared[1]["isOptional"] is True
        task = spec["root"]["dag"]["tasks"]["RankingExampleGen"]
        source = task["inputs"]["parameters"]["range_config"]
        assert source == {"componentInputParameter": "span"}
    assert "inputDefinitions" not in compiled(found)[0]["root"]


def test_vertex_has_machines_of_its_own() -> None:
    gpu: dict[str, Any] = {
        "nodes": {"Trainer": {"gpu": {"type": "nvidia-tesla-t4"}, "memory": "16G"}}
    }
    (spec,) = compiled(config(**gpu), Engine.VERTEX)
    container = spec["deploymentSpec"]["executors"]["Trainer_executor"]["container"]
    assert container["resources"] == {
        "accelerator": {"count": "1", "type": "NVIDIA_TESLA_T4"},
        "memoryLimit": 16.0,
    }
    with pytest.raises(InputError) as caught:
        compiled(config(**MACHINES["tpu"]), Engine.VERTEX)
    assert "cluster.nodes.Trainer: 'cpu_request' is for Kubernetes; 'vertex' knows" in str(
        caught.value
    )


def test_no_secret_is_written_down() -> None:
    text = compiler.render(deployment.deployed(config(**MACHINES["tpu"]), Engine.KUBEFLOW))
    assert "secretName: hub" in text
    assert "secretKey: token" in text


@pytest.fixture(scope="module")
def newest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with a newer SDK than TFX allows, whose protocol knows every field we write."""
    return tools.environment(tmp_path_factory.mktemp("kfp"), NEWEST)


@pytest.mark.parametrize("kind", sorted(MACHINES))
def test_the_newest_sdk_knows_every_field(kind: str, newest: Path) -> None:
    text = compiler.render(deployment.deployed(config(**MACHINES[kind]), Engine.KUBEFLOW))
    command = [newest, Path(__file__).parent / "kfp_newest.py"]
    ran = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    labels = [] if kind == "cpu" else ["Trainer_executor"]
    assert ran.stdout.split() == ["2.17.0", "synthetic", *labels]


def test_the_newest_sdk_finds_unknown_fields(newest: Path) -> None:
    """What would be wrong is seen."""
    text = compiler.render(deployment.deployed(config(**MACHINES["tpu"]), Engine.KUBEFLOW))
    command = [newest, Path(__file__).parent / "kfp_newest.py"]
    wrong = text.replace("activeDeadlineSeconds", "deadline")
    ran = subprocess.run(command, input=wrong, capture_output=True, text=True, check=False)
    assert 'no field named "deadline"' in ran.stderr
