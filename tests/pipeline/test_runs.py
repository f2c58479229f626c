"""Local runs as ML Metadata has them: which there were, what they cost, and why they failed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.orchestration import metadata

from data.errors import InputError
from pipeline import dag
from pipeline import decode
from pipeline import lineage
from pipeline import runs
from pipeline.config import Config
from pipeline.config import PipelineConfig

FIRST, SECOND, FAILED = "2026-11-20T03:00:00.1", "2026-11-21T03:00:00.2", "2026-11-22T03:00:00.3"
_STATES = {"complete": mlmd.Execution.COMPLETE, "failed": mlmd.Execution.FAILED}


class Ledger:
    """Writes runs into ML Metadata as TFX does."""

    def __init__(self, config: Config) -> None:
        path = dag.metadata_path(config)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        connection = metadata.sqlite_metadata_connection_config(path)
        self.store = metadata_store.MetadataStore(connection)
        self._name = config.pipeline.name
        self._contexts: dict[tuple[str, str], int] = {}

    def _context(self, kind: str, name: str) -> int:
        if (kind, name) not in self._contexts:
            of_kind = self.store.put_context_type(mlmd.ContextType(name=kind))
            context = mlmd.Context(type_id=of_kind, name=name)
            [self._contexts[kind, name]] = self.store.put_contexts([context])
        return self._contexts[kind, name]

    def add(self, run: str, node: str, state: str = "complete", **outputs: mlmd.Artifact) -> None:
        """Adds a node to a run, with its artifacts."""
        kind = self.store.put_execution_type(mlmd.ExecutionType(name=node))
        execution = mlmd.Execution(type_id=kind, last_known_state=_STATES[state])
        pairs = []
        for name, artifact in outputs.items():
            artifact.type_id = self.store.put_artifact_type(mlmd.ArtifactType(name=name))
            path = mlmd.Event.Path(steps=[mlmd.Event.Path.Step(key=name)])
            pairs.append((artifact, mlmd.Event(type=mlmd.Event.OUTPUT, path=path)))
        contexts = [self._context("pipeline_run", run)]
        contexts.append(self._context("node", f"{self._name}.{node}"))
        self.store.put_execution(execution, pairs, self.store.get_contexts_by_id(contexts))


def artifact(uri: Path, **properties: str | int) -> mlmd.Artifact:
    found = mlmd.Artifact(uri=str(uri))
    for name, value in properties.items():
        if isinstance(value, int):
            found.custom_properties[name].int_value = value
        else:
            found.custom_properties[name].string_value = value
    return found


@pytest.fixture
def config(tmp_path: Path) -> Config:
    shipped = decode.load("synthetic")
    push = dataclasses.replace(shipped.push, base=str(tmp_path / "models"))
    return dataclasses.replace(
        shipped, pipeline=PipelineConfig("shop", str(tmp_path / "run")), push=push
    )


@pytest.fixture
def ledger(config: Config, tmp_path: Path) -> Ledger:
    found = Ledger(config)
    model = tmp_path / "model"
    model.mkdir()
    (model / "weights").write_bytes(b"x" * 1234)
    reasons = "ndcg@10: found 0.1, expected at least 0.75"
    for run, blessed in ((FIRST, 1), (SECOND, 0)):
        found.add(run, "Trainer", model=artifact(model))
        verdict = artifact(
            tmp_path / "blessing", blessed=blessed, reasons="" if blessed else reasons
        )
        found.add(run, "Evaluator", blessing=verdict)
        pushed = artifact(
            tmp_path / "pushed",
            pushed=blessed,
            pushed_version="17" if blessed else "",
            pushed_destination=str(tmp_path / "models" / "17"),
            unchanged="no",
        )
        found.add(run, "Pusher", pushed_model=pushed)
    return found


def test_runs_are_listed_oldest_first(config: Config, ledger: Ledger) -> None:
    assert [run.name for run in lineage.runs(config)] == [FIRST, SECOND]
    (trainer, *others) = lineage.find(config).nodes
    assert (trainer.name, trainer.state, list(trainer.outputs)) == (
        "Trainer",
        "complete",
        ["model"],
    )
    assert [node.name for node in others] == ["Evaluator", "Pusher"]
    other = dataclasses.replace(config, pipeline=PipelineConfig("other", config.pipeline.root))
    assert lineage.runs(other) == []


def test_a_run_is_found_by_how_its_name_begins(config: Config, ledger: Ledger) -> None:
    assert lineage.find(config).name == SECOND
    assert lineage.find(config, "2026-11-20").name == FIRST
    both = f"{FIRST}, {SECOND}"
    for name, what in (("2026-11", "2 runs"), ("1999", "no run")):
        with pytest.raises(InputError) as caught:
            lineage.find(config, name)
        assert str(caught.value) == f"run: found {what} '{name}', expected one of {both}."


def test_every_decision_is_told(config: Config, ledger: Ledger) -> None:
    assert runs.explain(config).splitlines() == [
        f"run {SECOND} of shop: not published",
        "Trainer: trained from the start",
        "Evaluator: not blessed",
        "  ndcg@10: found 0.1, expected at least 0.75",
        "Pusher: not published",
    ]
    told = runs.explain(config, FIRST)
    assert told.startswith(f"run {FIRST} of shop: published as version 17")
    assert "Evaluator: blessed: every threshold holds" in told


def test_a_failure_says_why(config: Config, ledger: Ledger) -> None:
    ledger.add(FAILED, "ExampleValidator", "failed")
    lineage.record_error(config, InputError("the examples do not fit the schema"))
    assert runs.explain(config).splitlines() == [
        f"run {FAILED} of shop: unfinished",
        "ExampleValidator: failed",
        "  the examples do not fit the schema",
    ]


def test_an_error_before_any_node_is_nobodys(config: Config, ledger: Ledger) -> None:
    lineage.record_error(config, InputError("no such file"))
    assert "no such file" not in runs.explain(config)


def test_a_run_without_a_page_has_one_written(config: Config, ledger: Ledger) -> None:
    path = Path(runs.write_report(config, FIRST))
    assert path.name == "2026-11-20T030000.1.html"
    text = path.read_text()
    assert "<h1>Published as version 17</h1>" in text
    assert "1.2 kB" in text
    history = Path(runs.write_history(config)).read_text()
    assert history.index("Not published") < history.index("Published as version 17")
    assert f'href="{path.name}"' in history
    assert "Not published" in Path(runs.write_comparison(config, FIRST, SECOND)).read_text()


def test_what_cannot_be_read_or_written_is_named(
    config: Config, ledger: Ledger, tmp_path: Path
) -> None:
    missing, file = tmp_path / "none.html", tmp_path / "file"
    with pytest.raises(InputError) as caught:
        runs.write_comparison(config, FIRST, str(missing))
    assert str(caught.value) == f"{missing}: cannot be read: No such file or directory"
    file.write_text("")
    with pytest.raises(InputError) as caught:
        runs.write_report(config, FIRST, str(file / "a.html"))
    assert str(caught.value) == f"{file}/a.html: cannot be written: File exists"
