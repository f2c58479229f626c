"""The compiled pipeline, executed by the commands of its containers."""

import contextlib
import dataclasses
import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from components import entrypoint
from components import evaluation
from components.report import pages
from models import versions
from pipeline import compiler
from pipeline import decode
from pipeline import deployment
from pipeline.cluster import ClusterConfig
from pipeline.config import Engine
from tests.e2e import runs
from tests.e2e import walk
from tests.e2e.test_samples import shipped
from tests.e2e.test_samples import stored
from tests.e2e.test_spans import config_for
from tests.e2e.test_spans import write_rows

NAME = "tfr-samples-elwc"
TUNER: dict[str, object] = {
    "trials": 2,
    "epochs": 1,
    "space": {"train.learning_rate": {"choices": [0.1, 0.01]}},
}
DRIFT: dict[str, object] = {"numeric": 0.5, "lists": 0.5}


@dataclasses.dataclass(frozen=True)
class Both:
    """The same configuration run on the local engine and walked through as compiled."""

    local: Path
    cluster: Path
    text: str
    tasks: dict[str, walk.Task]


@pytest.fixture(scope="module")
def both(ranking_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Both:
    folder = tmp_path_factory.mktemp("kubeflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RANKING_DATA", str(ranking_data))
        path = shipped(NAME, folder)
        path.write_text(path.read_text() + runs.to_toml({"tuner": TUNER, "drift": DRIFT}))
        ran = runs.command("run", "--config", str(path))
        config = decode.load(str(path))
    assert ran.status == 0, ran.errors
    cluster = ClusterConfig(
        image="ranking-pipelines:test",
        root=str(folder / "cluster"),
        data=str(ranking_data / "tfr-samples"),
        models=str(folder / "models"),
    )
    found = dataclasses.replace(config, cluster=cluster)
    text = compiler.render(deployment.deployed(found, Engine.KUBEFLOW))
    tasks = walk.Walk(text, folder / "cluster", walk.in_process).run({})
    return Both(Path(config.push.base), folder / "models", text, tasks)


def manifest(models: Path) -> Any:
    (version,) = versions.versions(models)
    return version.manifest


def test_the_compiled_pipeline_publishes_the_same_model(both: Both) -> None:
    local, cluster = manifest(both.local), manifest(both.cluster)
    assert cluster["metrics"]["values"] == pytest.approx(local["metrics"]["values"], abs=1e-6)
    assert "ndcg@10" in cluster["metrics"]["values"]
    assert cluster["data"] == local["data"]
    blessing = both.tasks["Evaluator"].artifacts["blessing"]
    assert (Path(blessing["uri"]) / "BLESSED").exists()


def test_the_report_is_a_file_of_the_run(both: Both) -> None:
    page = both.tasks["RunReport"].artifacts["report"]
    assert page["type"]["schemaTitle"] == "system.HTML"
    report = pages.read(Path(page["uri"]).read_text(), page["uri"])
    (version,) = versions.versions(both.cluster)
    assert (report.outcome, report.version) == ("published", str(version.version))


def test_a_first_run_has_no_baseline(both: Both) -> None:
    assert both.tasks["LatestBlessedModel"].artifacts["model"]["metadata"]["version"] == "none"


def test_the_next_run_has_the_published_model_as_its_baseline(both: Both, tmp_path: Path) -> None:
    after = walk.Walk(both.text, tmp_path, in_this_process)
    after.done = dict(both.tasks)
    for name in ("LatestBlessedModel", "Evaluator"):
        after.step(name, {})
    (version,) = versions.versions(both.cluster)
    found = after.done["LatestBlessedModel"].artifacts["model"]
    assert found["metadata"]["version"] == str(version.version)
    judged = evaluation.overall_baseline(after.done["Evaluator"].artifacts["evaluation"]["uri"])
    assert judged is not None
    assert judged.values["ndcg@10"] == pytest.approx(
        version.manifest["metrics"]["values"]["ndcg@10"]
    )


def test_the_next_run_is_compared_with_the_data_of_that_model(both: Both, tmp_path: Path) -> None:
    first = both.tasks["ExampleValidator"].artifacts["anomalies"]["metadata"]
    assert first["compared"] == "no version was served: nothing to compare with"
    after = walk.Walk(both.text, tmp_path, in_this_process)
    after.done = dict(both.tasks)
    after.step("ExampleValidator", {})
    (version,) = versions.versions(both.cluster)
    told = after.done["ExampleValidator"].artifacts["anomalies"]["metadata"]
    assert told["compared"].endswith(f" with the data of version {version.version}: all as allowed")
    assert f" the data of version {version.version}, allowed 0.5" in told["evidence"]


def in_this_process(container: walk.Table, line: list[str], log: Path) -> int:
    assert line[:3] == list(container["command"])
    with log.open("w") as file, contextlib.redirect_stderr(file):
        return entrypoint.main(line[3:])


def example_gen(folder: Path, days: str = "{YYYY}-{MM}-{DD}") -> walk.Walk:
    """ExampleGen alone of a compiled pipeline whose logs have days."""
    for day in ("2026-01-30", "2026-02-01"):
        for split in ("train", "validation"):
            write_rows(folder / "logs" / day / split, f"list-{day}-{split}")
    config = decode.load(str(config_for(folder, days, "")))
    cluster = ClusterConfig(image="test", root=str(folder), data=str(folder / "logs"))
    found = dataclasses.replace(config, cluster=cluster)
    text = compiler.render(deployment.deployed(found, Engine.KUBEFLOW))
    run = walk.Walk(text, folder / "cluster", in_this_process)
    run.tasks = {"RankingExampleGen": run.tasks["RankingExampleGen"]}
    return run


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["2026-02-01"]),
        ({"span": "2026-01-30"}, ["2026-01-30"]),
        ({"span": "20483"}, ["2026-01-30"]),
        ({"span": "20483, 2026-02-01"}, ["2026-01-30", "2026-02-01"]),
    ],
    ids=["newest", "day", "number", "two"],
)
def test_spans_are_found_in_the_container(
    tmp_path: Path, given: dict[str, str], expected: list[str]
) -> None:
    examples = example_gen(tmp_path).run(given)["RankingExampleGen"].artifacts["examples"]
    found = stored(Path(examples["uri"]), "train")
    for day in expected:
        assert sum(f"list-{day}-train".encode() in example for example in found) == 1
    assert len(found) == len(expected)
    days = [(datetime.date.fromisoformat(day) - datetime.date(1970, 1, 1)).days for day in expected]
    assert examples["metadata"]["custom:span"] == days[-1]
    assert json.loads(examples["metadata"]["spans"]) == [[day, 0] for day in days]
    assert examples["metadata"]["input_fingerprint"]


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ("soon", "span: expected numbers or days such as 2026-11-20, found 'soon'"),
        (
            "2026-01-31",
            "examples.span: 2026-01-31 is not there, or not complete; found 2026-",
        ),
    ],
)
def test_a_span_that_is_not_there_is_an_error_in_a_line(
    tmp_path: Path, span: str, message: str
) -> None:
    with pytest.raises(RuntimeError) as caught:
        example_gen(tmp_path).run({"span": span})
    status, log = str(caught.value).split("\n", 1)
    assert status == "RankingExampleGen ended with 2:"
    assert f"error: {message}" in log
    assert "Traceback" not in log


def test_a_pattern_without_files_is_an_error_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as caught:
        example_gen(tmp_path, "2026-02-03").run({})
    pattern = tmp_path / "logs" / "2026-02-03"
    assert f"error: examples.splits: train: no file matches '{pattern}" in str(caught.value)


def test_without_containers_a_walk_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert walk.no_containers("ranking:0.1.0") == "podman is not on PATH"


def test_what_the_engine_refuses_is_refused(tmp_path: Path) -> None:
    def table() -> walk.Table:
        return {
            "schemaVersion": "2.1.0",
            "pipelineInfo": {"name": "demo"},
            "components": {"Task": {"executorLabel": "Task_executor"}},
            "deploymentSpec": {"executors": {"Task_executor": {"container": {}}}},
            "root": {"dag": {"tasks": {"Task": {"componentRef": {"name": "Task"}}}}},
        }

    def refused(change: Callable[[walk.Table], object], why: str) -> None:
        spec = table()
        change(spec)
        with pytest.raises(walk.RefusedError, match=why):
            walk.Walk(yaml.safe_dump(spec), tmp_path, walk.in_process).run({})

    refused(lambda spec: spec.update(schemaVersion="2.0.0"), "schema version 2.0.0")
    refused(lambda spec: spec["pipelineInfo"].update(name="My_Demo"), "name My_Demo")
    resolver: walk.Table = {"Task_executor": {"resolver": {}}}
    refused(lambda spec: spec["deploymentSpec"].update(executors=resolver), "is no container")
    trigger = {"triggerPolicy": {"condition": "true"}}
    refused(lambda spec: spec["root"]["dag"]["tasks"]["Task"].update(trigger), "has a trigger")
    waiting = {"dependentTasks": ["Other"]}
    refused(lambda spec: spec["root"]["dag"]["tasks"]["Task"].update(waiting), "waits for")
    asked = {"parameters": {"span": {"parameterType": "STRING"}}}
    refused(lambda spec: spec["root"].update(inputDefinitions=asked), "span is required")
