"""The commands that talk to Kubeflow Pipelines, as they are typed."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import pytest
import yaml

import pipeline
import pipeline_runner
from pipeline.cluster import NODES
from tests.e2e import days
from tests.e2e import runs
from tests.pipeline import kfp_samples
from tests.pipeline import kfp_server

GEN, TRAINER = kfp_samples.NAMES
SECRET = "a-token-of-nobody"


@pytest.fixture
def config(tmp_path: Path) -> str:
    return kfp_samples.write_config(tmp_path)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling gives the small pipeline, without TFX."""
    compiler = types.SimpleNamespace(render=lambda config: kfp_samples.TEXT)
    monkeypatch.setitem(sys.modules, "pipeline.compiler", compiler)
    monkeypatch.setattr(pipeline, "compiler", compiler, raising=False)


@pytest.fixture
def version(
    compiled: None, server: kfp_server.Server, config: str, capsys: pytest.CaptureFixture[str]
) -> str:
    """The name of a version that was uploaded."""
    assert pipeline_runner.main(["upload", "--config", config]) == 0
    del compiled
    capsys.readouterr()
    (entry,) = server.store.entries["pipeline_version"].values()
    return str(entry["display_name"])


def test_upload_and_upload_again(
    server: kfp_server.Server, version: str, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pipeline_runner.main(["upload", "--config", config, "--host", server.url]) == 0
    assert capsys.readouterr().out == f"nothing new to upload: version {version} of products\n"
    assert len(server.sent("upload_pipeline_version")) == 1


def test_start(
    server: kfp_server.Server, version: str, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--span", "2026-11-20", "--param", "epochs=5"]
    assert pipeline_runner.main(["start", "--config", config, *given]) == 0
    url = f"{server.url}/#/runs/details/run-1"
    assert capsys.readouterr().out == f"started run run-1 of version {version}: {url}\n"
    (body,) = server.sent("create_run")
    assert body["runtime_config"]["parameters"] == {"span": "2026-11-20", "epochs": 5}
    assert not [request for request in server.requests if request.name == "get_run"]


def test_start_follows_the_spans(
    server: kfp_server.Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each span once, one run at a time, and again what a run that failed was told."""
    path, logs = tmp_path / "days.toml", tmp_path / "data"
    table = days.config(tmp_path, pipeline={"name": "products", "engine": "kubeflow"})
    cluster = {"image": "registry/ranking:1", "root": str(tmp_path), "data": str(logs)}
    path.write_text(runs.to_toml({**table, "cluster": cluster}))
    start = ["start", "--config", str(path)]
    pipeline_runner.main(["upload", "--config", str(path)])
    capsys.readouterr()

    def told() -> str:
        assert pipeline_runner.main(start) == 0
        return capsys.readouterr().out.split("\n")[0]

    assert told() == "nothing: no span is there yet"
    assert pipeline_runner.main(["run", "--config", str(path)]) == 0
    assert "nothing: no span is there yet" in capsys.readouterr().out
    for day in (1, 2):
        days.write(logs, days.World(lists=1), day, version=day)
    assert told() == "train on 1..2: not trained before: 1..2"
    assert told() == "wait: run run-1 goes on"
    (run,) = server.store.entries["run"].values()
    run["state"] = "FAILED"
    assert told() == "train on 1..2: not trained before: 1..2"
    for run in server.store.entries["run"].values():
        run["state"] = "SUCCEEDED"
    assert told() == "nothing: all spans up to 2 that are there were trained"
    days.write(logs, days.World(lists=1), 2, version=3)
    assert told() == "train on 2: not trained before: 2; late, or in a new version: 2"
    server.store.stages = [("SUCCEEDED", {}, "")]
    assert pipeline_runner.main(["run", "--config", str(path), "--span", "1"]) == 0
    bodies = server.sent("create_run")
    given = [body["runtime_config"]["parameters"]["span"] for body in bodies]
    assert given == ["1:1, 2:2", "1:1, 2:2", "2:3", "1:1"]
    assert len(server.sent("upload_pipeline_version")) == 1


@pytest.mark.parametrize(("state", "status"), [("SUCCEEDED", 0), ("FAILED", 1)])
def test_start_and_follow(
    server: kfp_server.Server,
    version: str,
    config: str,
    capsys: pytest.CaptureFixture[str],
    state: str,
    status: int,
) -> None:
    server.store.stages = [(state, {GEN: state}, "no such bucket")]
    arguments = ["start", "--config", config, "--version", version, "--follow", "--limit", "1h"]
    assert pipeline_runner.main(arguments) == status
    assert pipeline_runner.main(["follow", "run-1"]) == status
    output = capsys.readouterr()
    assert output.out.count(f"run run-1 {state.lower()}: ") == 2
    assert output.err.count("error: run run-1 failed at RankingExampleGen: no such bucket") == (
        2 * status
    )


def test_runs_and_cancel(
    server: kfp_server.Server, version: str, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert pipeline_runner.main(["runs", "--config", config]) == 0
    assert capsys.readouterr().out == "no runs\n"
    for _ in range(3):
        assert pipeline_runner.main(["start", "--config", config]) == 0
    assert pipeline_runner.main(["follow", "run-2"]) == 0
    assert pipeline_runner.main(["cancel", "run-3"]) == 0
    capsys.readouterr()
    assert pipeline_runner.main(["runs", "--config", config, "--top", "2"]) == 0
    header, _, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["run", "state", "started", "time", "name"]
    assert [row.split()[:4] for row in rows] == [
        ["run-3", "canceling", "2026-11-20", "03:02"],
        ["run-2", "succeeded", "2026-11-20", "03:01"],
    ]
    assert "1h 29m" in rows[1]


def test_schedules(
    server: kfp_server.Server, version: str, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    create = ["schedule", "create", "--config", config, "--name", "each night"]
    assert pipeline_runner.main([*create, "--cron", "0 0 3 * * *", "--param", "span="]) == 0
    name = "recurring-run-1"
    assert capsys.readouterr().out == f"schedule {name}: cron 0 0 3 * * *, version {version}\n"
    (body,) = server.sent("create_recurring_run")
    assert body["display_name"] == "each night"
    assert body["runtime_config"]["parameters"] == {"span": ""}

    def listed() -> str:
        assert pipeline_runner.main(["schedule", "list", "--config", config]) == 0
        return " ".join(capsys.readouterr().out.splitlines()[-1].split())

    assert listed() == f"{name} enabled cron 0 0 3 * * * 1 each night"
    assert pipeline_runner.main(["schedule", "pause", name]) == 0
    assert listed() == f"{name} disabled cron 0 0 3 * * * 1 each night"
    assert pipeline_runner.main(["schedule", "resume", name]) == 0
    assert listed() == f"{name} enabled cron 0 0 3 * * * 1 each night"
    assert pipeline_runner.main(["schedule", "delete", name]) == 0
    assert listed() == "no schedules"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["start", "--param", "span"], "--param: expected name=value, found 'span'"),
        (
            ["start", "--span", "newest"],
            "span: expected numbers or days such as 2026-11-20, found",
        ),
        (["start", "--limit", "long"], "--limit: expected a time such as '12h', found 'long'"),
        (["schedule", "create"], "schedule: expected either --cron or --every"),
        (["schedule", "pause", "x"], "recurring_run x not found. (404)"),
        (["cancel", "x"], "run x not found. (404)"),
    ],
)
def test_mistakes_are_one_line(
    server: kfp_server.Server,
    version: str,
    config: str,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    text: str,
) -> None:
    configured = ["--config", config] if arguments[-1] != "x" else []
    assert pipeline_runner.main([*arguments, *configured]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert text in error
    assert error.count("\n") == 1
    assert not server.sent("create_run")


def test_vertex_is_refused_with_a_way_out(
    server: kfp_server.Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Path(kfp_samples.write_config(tmp_path))
    config.write_text(config.read_text().replace("[pipeline]", '[pipeline]\nengine = "vertex"'))
    assert pipeline_runner.main(["upload", "--config", str(config)]) == 2
    assert "write the file with 'compile --engine vertex', then" in capsys.readouterr().err
    assert not server.requests


def test_no_credential_is_stored(
    server: kfp_server.Server,
    config: str,
    compiled: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del compiled
    (tmp_path / "token").write_text(SECRET)
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "token"))
    server.token = SECRET
    for command in ("upload", "start"):
        assert pipeline_runner.main([command, "--config", config]) == 0
    assert pipeline_runner.main(["schedule", "create", "--config", config, "--every", "6h"]) == 0
    (tmp_path / "token").unlink()
    stored = [json.dumps(server.store.entries), *map(str, server.store.files.values())]
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file()]
    shown = [*capsys.readouterr()]
    assert len(server.store.entries["recurring_run"]) == 1
    assert not [text for text in [*stored, *written, *shown] if SECRET in text]


def test_run_compiles_uploads_starts_and_follows(
    server: kfp_server.Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one test here that loads TFX: the demonstration, compiled as users have it."""
    config = Path(kfp_samples.write_config(tmp_path))
    config.write_text(config.read_text().replace("[pipeline]", '[pipeline]\nengine = "kubeflow"'))
    names = [name for name in NODES if name not in ("Tuner", "WarmStartModel", "LambdaMart")]
    server.store.stages = [("SUCCEEDED", dict.fromkeys(names, "SUCCEEDED"), "")]
    assert pipeline_runner.main(["run", "--config", str(config)]) == 0
    assert pipeline_runner.main(["upload", "--config", str(config)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.endswith(" done: 1m 0s")] == [
        f"{name} done: 1m 0s" for name in names
    ]
    assert lines[-1].startswith("nothing new to upload: version ")
    (content,) = server.store.files.values()
    spec = next(yaml.safe_load_all(content))
    assert {*spec["root"]["dag"]["tasks"]} == {*names}
    (body,) = server.sent("create_run")
    assert body["runtime_config"]["pipeline_root"] == spec["defaultPipelineRoot"]
