"""Versions of a pipeline, and runs of them, as they reach Kubeflow Pipelines."""

from __future__ import annotations

import dataclasses
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from data.errors import InputError
from pipeline import decode
from pipeline import kubeflow
from pipeline import submission
from pipeline.client import Server
from pipeline.config import Config
from tests.pipeline import kfp_samples
from tests.pipeline import kfp_server
from tests.pipeline.kfp_samples import TEXT


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return kubeflow.deployed(decode.load(kfp_samples.write_config(tmp_path)))


def test_a_pipeline_is_uploaded_as_it_is(server: kfp_server.Server) -> None:
    version = submission.upload(Server(), "products", TEXT)
    assert version.new
    assert re.fullmatch(r"20\d\d-\d\d-\d\d-\d{6}-[0-9a-f]{12}", version.name)
    (stored,) = server.store.files.values()
    assert stored.decode() == TEXT
    assert list(yaml.safe_load_all(stored)) == [kfp_samples.SPEC, kfp_samples.PLATFORM]
    assert server.sent("create_pipeline") == [{"display_name": "products"}]
    assert server.requests[-1].query == {"name": version.name, "pipelineid": "pipeline-1"}


def test_the_same_content_is_uploaded_once(server: kfp_server.Server) -> None:
    connected = Server()
    first = submission.upload(connected, "products", TEXT)
    other = submission.upload(connected, "products", TEXT + "# another\n")
    again = submission.upload(connected, "products", TEXT + "# another\n")
    assert other.version_id != first.version_id
    assert dataclasses.replace(other, new=False) == again
    assert len(server.sent("upload_pipeline_version")) == 2
    assert len(server.sent("create_pipeline")) == 1


def test_what_was_taken_back_is_the_newest_again(server: kfp_server.Server) -> None:
    connected = Server()
    first = submission.upload(connected, "products", TEXT)
    submission.upload(connected, "products", TEXT + "# a mistake\n")
    time.sleep(1)  # names have seconds
    again = submission.upload(connected, "products", TEXT)
    assert again.new
    assert again.version_id != first.version_id
    assert submission.version(connected, "products").version_id == again.version_id


def test_the_newest_version_or_a_named_one(server: kfp_server.Server) -> None:
    connected = Server()
    first = submission.upload(connected, "products", TEXT)
    second = submission.upload(connected, "products", TEXT + "# another\n")
    assert submission.version(connected, "products").version_id == second.version_id
    named = submission.version(connected, "products", first.name)
    assert named.version_id == first.version_id
    with pytest.raises(
        InputError, match=rf"pipeline 'products' has no version 'x' at {server.url}"
    ):
        submission.version(connected, "products", "x")


def test_nothing_was_uploaded(server: kfp_server.Server) -> None:
    rule = f"no pipeline 'products' at {server.url}: 'upload' brings it there"
    with pytest.raises(InputError, match=re.escape(rule)):
        submission.version(Server(), "products")


def test_an_invalid_pipeline(server: kfp_server.Server) -> None:
    with pytest.raises(InputError, match=r"InvalidInputError: .*no field named .?sdk_?[vV]ersions"):
        submission.upload(Server(), "products", TEXT.replace("sdkVersion", "sdkVersions"))
    assert len(server.problems) == 1
    server.problems.clear()


def test_a_run_is_told_everything(server: kfp_server.Server, config: Config) -> None:
    connected = Server()
    version = submission.upload(connected, "products", TEXT)
    given = {"span": "3", "epochs": "5"}
    assert submission.start(connected, config, version, given) == "run-1"
    (body,) = server.sent("create_run")
    assert re.fullmatch(r"products 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d", body.pop("display_name"))
    assert body == {
        "experiment_id": "experiment-1",
        "pipeline_version_reference": {
            "pipeline_id": "pipeline-1",
            "pipeline_version_id": "pipeline-version-1",
        },
        "runtime_config": {
            "parameters": {"span": "3", "epochs": 5},
            "pipeline_root": "gs://bucket/ranking/pipelines/products",
        },
        "service_account": "ranker",
    }
    assert server.sent("create_experiment") == [{"display_name": "nightly"}]
    submission.start(connected, config, version, {})
    assert len(server.sent("create_experiment")) == 1


def test_without_settings_the_server_decides(server: kfp_server.Server, config: Config) -> None:
    plain = dataclasses.replace(config.cluster, service_account="", experiment="")
    connected = Server()
    version = submission.upload(connected, "products", TEXT)
    submission.start(connected, dataclasses.replace(config, cluster=plain), version, {})
    assert "service_account" not in server.sent("create_run")[0]
    assert server.sent("create_experiment") == [{"display_name": "products"}]


def test_a_namespace(server: kfp_server.Server, config: Config) -> None:
    connected = Server(namespace="team")
    version = submission.upload(connected, "products", TEXT)
    submission.start(connected, config, version, {})
    wanted = {"display_name": "nightly", "namespace": "team"}
    assert server.sent("create_experiment") == [wanted]
    assert server.sent("create_pipeline") == [{"display_name": "products", "namespace": "team"}]
    asked = {request.name: request.query for request in server.requests}
    assert asked["list_experiments"]["namespace"] == "team"
    assert asked["get_pipeline_by_name"] == {"namespace": "team"}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"spam": "3"}, r"parameter 'spam': version '.*' has no such parameter, but .*'span'\?$"),
        ({"epochs": "many"}, r"parameter 'epochs': expected NUMBER_INTEGER, found 'many'"),
    ],
)
def test_wrong_parameters(server: kfp_server.Server, given: dict[str, Any], text: str) -> None:
    version = submission.upload(Server(), "products", TEXT)
    with pytest.raises(InputError, match=text):
        version.arguments(given)
    assert not server.sent("create_run")
