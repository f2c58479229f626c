"""The report of a whole run, and what is told of it afterwards."""

from __future__ import annotations

from pathlib import Path

from components.report import pages
from pipeline import decode
from pipeline import lineage
from tests.e2e import runs
from tests.e2e.conftest import Demo


def test_a_run_writes_its_report(demo: Demo) -> None:
    line = next(s for s in demo.ran.output.splitlines() if s.startswith("report: "))
    path = Path(line.removeprefix("report: "))
    assert path.parent == demo.folder / "run" / "reports"
    run = pages.read(path.read_text(encoding="utf-8"), str(path))
    assert run.outcome == "published"
    assert run.headline is not None
    assert run.headline.candidate.low is not None
    assert {found.name for found in run.slices} > {""}
    assert run.training is not None
    names = {curve.name for curve in run.training.curves}
    assert names >= {"train: loss", "validation: ndcg@10"}
    assert run.scores is not None
    assert run.scores.importance[0].loss > 0
    assert {node.name for node in run.nodes} >= {"RankingExampleGen", "Pusher", "RunReport"}
    assert all(node.seconds is not None for node in run.nodes)
    assert sum(node.bytes or 0 for node in run.nodes) > 10_000
    assert run.counts["test lists"] == runs.SMALL["test"]
    assert {"test"} == {name for column in run.columns for name in column.drift}


def test_every_decision_is_told_from_ml_metadata_alone(demo: Demo) -> None:
    found = lineage.runs(decode.load(str(demo.config)))[0]
    artifacts = demo.folder / "run" / "artifacts"
    artifacts.rename(demo.folder / "away")
    try:
        ran = runs.command("why", found.name, "--config", str(demo.config))
    finally:
        (demo.folder / "away").rename(artifacts)
    assert ran.status == 0, ran.errors
    lines = ran.output.splitlines()
    assert lines[0].startswith(f"run {found.name} of synthetic: published as version ")
    assert "RankingExampleGen: read all logs" in lines
    assert "ExampleValidator: the examples fit the schema" in lines
    assert "LatestBlessedModel: no version was served: nothing to compare with" in lines
    assert "Evaluator: blessed: every threshold holds" in lines
    assert any(line.startswith("Pusher: published as version ") for line in lines)


def test_pages_of_two_runs_and_of_all(demo: Demo, tmp_path: Path) -> None:
    config = str(demo.config)
    name = lineage.runs(decode.load(config))[0].name
    page = tmp_path / "run.html"
    for command in (
        ("report", name, "--output", str(page)),
        ("compare", name, str(page), "--output", str(tmp_path / "compare.html")),
        ("history", "--output", str(tmp_path / "history.html")),
    ):
        ran = runs.command(*command, "--config", config)
        assert (ran.status, ran.output) == (0, f"wrote {command[-1]}\n"), ran.errors
    assert "None: both runs had the same configuration." in (tmp_path / "compare.html").read_text()
    history = (tmp_path / "history.html").read_text()
    assert "Published as version" in history
    assert f"{name.replace(':', '')}.html" in history


def test_runs_that_are_not_there_are_named(demo: Demo, tmp_path: Path) -> None:
    config = str(demo.config)
    names = ", ".join(run.name for run in lineage.runs(decode.load(config)))
    ran = runs.command("why", "1999", "--config", config)
    assert (ran.status, ran.errors) == (
        2,
        f"error: run: found no run '1999', expected one of {names}.\n",
    )
    ran = runs.command("compare", names[:4], str(tmp_path / "a.html"), "--config", config)
    assert ran.status == 2
    other = runs.write_config(tmp_path)
    ran = runs.command("history", "--config", str(other))
    message = f"error: {tmp_path / 'run'}: found no local run of synthetic\n"
    assert (ran.status, ran.errors) == (2, message)
