"""Runs as the logs come: what is done when, and the files that start it."""

from __future__ import annotations

import configparser
import dataclasses
import io
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import pipeline_runner
from data.errors import InputError
from pipeline import decode
from pipeline import planning
from pipeline import watching
from pipeline.config import Config
from pipeline.config import Engine
from pipeline.plans import Decision
from pipeline.plans import Plan
from pipeline.spans import Span
from tests.e2e import days
from tests.e2e import runs

NOTHING = Plan(Decision.NOTHING, (), "nothing new")
FAILS = Plan(Decision.FAIL, (), "span 3 is missing")


def train(span: int) -> Plan:
    return Plan(Decision.TRAIN, (Span(span),), "new")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "days.toml"
    found.write_text(runs.to_toml(days.config(tmp_path)))
    return found


@pytest.fixture
def config(path: Path) -> Config:
    return decode.load(str(path))


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


class Script:
    """Stands in for plans, runs and sleep, and notes what was done; ends when plans run out."""

    def __init__(
        self, plans: list[Plan], statuses: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.done: list[object] = []
        following, ending = iter(plans), iter(statuses)

        def planned(config: Config) -> Plan:
            del config
            if (plan := next(following, None)) is None:
                raise KeyboardInterrupt
            return plan

        def run(name: str) -> int:
            del name
            self.done.append("run")
            return next(ending)

        monkeypatch.setattr(planning, "planned", planned)
        monkeypatch.setattr(watching, "_run", run)
        monkeypatch.setattr(time, "sleep", self.done.append)


@pytest.mark.parametrize(
    ("plans", "statuses", "status", "done"),
    [
        ([NOTHING], [], 0, []),
        ([train(1), train(2), NOTHING], [0, 0], 0, ["run", "run"]),
        ([train(1), train(2), NOTHING], [3, 0], 0, ["run", "run"]),
        ([train(1), NOTHING], [3], 3, ["run"]),
        ([train(1)], [2], 2, ["run"]),
    ],
    ids=["nothing", "all", "after-a-refusal", "refused", "failed"],
)
def test_once(
    path: Path,
    monkeypatch: pytest.MonkeyPatch,
    plans: list[Plan],
    statuses: list[int],
    status: int,
    done: list[object],
) -> None:
    script = Script(plans, statuses, monkeypatch)
    assert watching.watch(str(path), every=60, once=True) == status
    assert script.done == done


def test_a_missing_span_is_an_error_where_it_is_to_be_one(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Script([FAILS], [], monkeypatch)
    with pytest.raises(InputError) as caught:
        watching.watch(str(path), every=60, once=True)
    assert str(caught.value) == "examples.spans: span 3 is missing"


def test_runs_that_fail_are_tried_again_after_longer_and_longer(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plans = [NOTHING, FAILS, *[train(1)] * 8, train(2), NOTHING]
    script = Script(plans, [*[2] * 7, 0, 3], monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        watching.watch(str(path), every=60, once=False)
    waits = [120, 240, 480, 960, 1920, 3600, 3600]
    failing = [step for wait in waits for step in ("run", wait)]
    assert script.done == [60, 60, *failing, "run", "run", 60]
    said = [line[20:] for line in capsys.readouterr().out.splitlines()]
    assert said == [
        "nothing: nothing new",
        "fail: span 3 is missing",
        "train on 1: new",
        "train on 2: new",
        "nothing: nothing new",
    ]


def test_a_run_is_a_process_of_its_own(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "no.toml"
    assert watching._run(str(missing)) == 2
    assert f"error: {missing}: no such file" in capfd.readouterr().err


def test_what_cannot_be_watched(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def watch(changed: Config) -> None:
        monkeypatch.setattr(decode, "load", lambda name: changed)
        watching.watch("days.toml", every=1, once=True)

    spanless = dataclasses.replace(config.examples, spans=None)
    asked = dataclasses.replace(config.examples, span="3")
    for examples in (spanless, asked):
        with pytest.raises(InputError) as caught:
            watch(dataclasses.replace(config, examples=examples))
        assert str(caught.value) == (
            "watch: expected the table 'examples.spans', and no 'examples.span'"
        )
    remote = dataclasses.replace(config.pipeline, engine=Engine.KUBEFLOW)
    with pytest.raises(InputError) as caught:
        watch(dataclasses.replace(config, pipeline=remote))
    assert str(caught.value) == (
        "watch: expected the engine 'local', found 'kubeflow'; on a cluster 'start --follow' does"
        " what the plan says"
    )


def test_units_for_systemd_and_cron(
    path: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PLACE", str(tmp_path / "a place"))
    path.write_text(path.read_text() + "[report]\n# ${PLACE}\n")
    folder = tmp_path / "units"
    assert pipeline_runner.main(["watch", "--config", str(path), "--units", str(folder)]) == 0
    names = [f"ranking-pipelines-days.{kind}" for kind in ("service", "timer", "cron")]
    assert capsys.readouterr().out.splitlines() == [f"wrote {folder / name}" for name in names]
    service, timer, cron = ((folder / name).read_text() for name in names)
    command = f"{sys.executable} -m pipeline_runner watch --once --config {path}"
    unit = configparser.ConfigParser()
    unit.read_file(io.StringIO(service))
    assert unit["Service"]["ExecStart"] == command
    assert unit["Service"]["SuccessExitStatus"] == "3"
    assert "OnCalendar=hourly" in timer
    place = f"'PLACE={tmp_path / 'a place'}'"
    assert place in unit["Service"]["Environment"]
    assert place in cron
    assert cron.startswith("0 * * * * cd ")
    assert f"&& mkdir -p {tmp_path / 'run'} && " in cron  # for the log of the first run
    assert command in cron
    if shutil.which("systemd-analyze"):
        files = [str(folder / name) for name in names[:2]]
        subprocess.run(["systemd-analyze", "verify", *files], check=True)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["watch", "--every", "soon"], "--every: expected a time such as '10m', found 'soon'"),
        (["run", "--span", "soon"], "--span soon: span: expected numbers or days such as"),
        (["run", "--span", "9"], "examples.span: 9 is not there, or not complete; found none"),
    ],
)
def test_bad_input(
    path: Path, capsys: pytest.CaptureFixture[str], command: list[str], message: str
) -> None:
    assert pipeline_runner.main([*command, "--config", str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")


def test_the_plan_is_told(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pipeline_runner.main(["plan", "--config", str(path)]) == 0
    assert capsys.readouterr().out == "nothing: no span is there yet\n"
    days.write(path.parent / "logs", days.World(lists=2), 4, version=2)
    assert pipeline_runner.main(["plan", "--config", str(path)]) == 0
    assert capsys.readouterr().out == "train on 4: not trained before: 4\n"
    assert pipeline_runner.main(["plan", "--config", "synthetic"]) == 2
    assert capsys.readouterr().err == "error: plan: expected the table 'examples.spans'\n"
