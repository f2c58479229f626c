"""What is served is looked for by nodes that no engine takes from its cache."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from models.training.warm import WarmStartConfig
from pipeline import dag
from pipeline import deployment
from pipeline import served
from pipeline.config import Config
from pipeline.config import Engine
from pipeline.config import PushConfig
from pipeline.drift import DriftConfig
from tests.pipeline.compiling import compiled
from tests.pipeline.compiling import config
from tests.pipeline.compiling import graph


def warm() -> Config:
    found = config()
    train = dataclasses.replace(found.train, warm_start=WarmStartConfig())
    return dataclasses.replace(found, train=train)


def test_a_warm_start_is_compiled_with_the_node_that_finds_its_model() -> None:
    found = warm()
    local = graph(deployment.deployed(found, Engine.LOCAL))
    assert "Transform" in local["WarmStartModel"][0]
    assert "WarmStartModel" in local["Trainer"][0]
    for engine in (Engine.KUBEFLOW, Engine.VERTEX):
        assert graph(deployment.deployed(found, engine)) == local
        tasks = compiled(found, engine)[0]["root"]["dag"]["tasks"]
        assert tasks["WarmStartModel"]["cachingOptions"] == {}
        assert tasks["Trainer"]["inputs"]["artifacts"]["base_model"] == {
            "taskOutputArtifact": {"producerTask": "WarmStartModel", "outputArtifactKey": "model"}
        }


def test_requests_that_are_logged_change_what_a_local_run_compares(tmp_path: Path) -> None:
    drift = DriftConfig(numeric=0.1, requests=str(tmp_path / "*"))
    push = PushConfig(str(tmp_path / "models"))
    found = dataclasses.replace(config(), drift=drift, push=push)
    (tmp_path / "1").write_text("requests")
    texts = [served.compared(found)]
    (tmp_path / "2").write_text("more")
    texts += [served.compared(found), served.compared(found)]
    assert len(set(texts)) == 2


def test_requests_that_are_logged_are_asked_anew(tmp_path: Path) -> None:
    drift = DriftConfig(numeric=0.1, requests=str(tmp_path / "*"))
    found = dataclasses.replace(config(), drift=drift)
    told = []
    for name in ("1", "2"):
        (tmp_path / name).write_text("requests")
        nodes = {
            node.id: node for node in dag.create_nodes(deployment.deployed(found, Engine.LOCAL))
        }
        told.append(nodes["ServingChecks"].exec_properties["logged_files"])
    assert told[0] != told[1]
    assert told[0] in told[1]
    for settings, asked in ((drift, True), (DriftConfig(numeric=0.1), False)):
        tasks = compiled(dataclasses.replace(found, drift=settings))[0]["root"]["dag"]["tasks"]
        assert (tasks["ServingChecks"]["cachingOptions"] == {}) is asked


def test_examples_are_compared_with_what_is_served_by_then() -> None:
    found = dataclasses.replace(config(), drift=DriftConfig(numeric=0.1))
    local = graph(deployment.deployed(found, Engine.LOCAL))
    assert local["ExampleValidator"][0] >= {"RankingExampleGen", "StatisticsGen"}
    for engine in (Engine.KUBEFLOW, Engine.VERTEX):
        assert graph(deployment.deployed(found, engine)) == local
        tasks = compiled(found, engine)[0]["root"]["dag"]["tasks"]
        validator = tasks["ExampleValidator"]
        assert validator["cachingOptions"] == {}
        assert validator["inputs"]["artifacts"]["examples"] == {
            "taskOutputArtifact": {
                "producerTask": "RankingExampleGen",
                "outputArtifactKey": "examples",
            }
        }
        told = validator["inputs"]["parameters"]["drift"]["runtimeValue"]["constant"]
        assert json.loads(told)["base"] == "gs://bucket/ranking/models/synthetic"
