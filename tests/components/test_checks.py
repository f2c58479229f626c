"""The node that checks what is served: its verdict, and what it leaves in ML Metadata."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tensorflow as tf
from tfx import types
from tfx.components.util import model_utils
from tfx.types import standard_artifacts

from components import checks
from data import plain
from models.checks import ChecksConfig
from models.checks import Result
from models.checks.costs import Latency
from tests.models.checks import broken
from tests.samples import draw
from tests.samples import requests


def run(
    folder: Path, change: broken.Scores, config: ChecksConfig, pattern: str = ""
) -> types.Artifact:
    """Runs the node; returns the blessing."""
    broken.export(folder / "model" / "Format-Serving", change)
    (folder / "examples" / "Split-test").mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "examples/Split-test/lists.gz"), "GZIP") as writer:
        for record in broken.lists():
            writer.write(record)
    model, examples = standard_artifacts.Model(), standard_artifacts.Examples()
    blessing = standard_artifacts.InfraBlessing()
    for artifact, name in ((model, "model"), (examples, "examples"), (blessing, "blessing")):
        artifact.uri = str(folder / name)
    examples.split_names = json.dumps(["test"])
    node = checks.ServingChecks(
        model=types.Channel(type=standard_artifacts.Model),
        examples=types.Channel(type=standard_artifacts.Examples),
        split="test",
        settings=plain.to_json(config),
        requests=pattern,
        logged_files="",
        code="",
    )
    inputs = {"model": [model], "examples": [examples]}
    node.executor_spec.executor_class().Do(
        inputs, {"blessing": [blessing]}, dict(node.exec_properties)
    )
    return blessing


def test_a_sound_model_is_blessed(tmp_path: Path) -> None:
    config = ChecksConfig(lists=3, sizes=(2, 4), requests=5)
    blessing = run(tmp_path, lambda scores, inputs: scores, config)
    assert model_utils.is_infra_validated(blessing)
    result = checks.read(blessing.uri)
    assert (result.failures, result.lists) == ((), 3)
    for name, text in checks.described(result).items():
        assert blessing.get_string_custom_property(name) == text


def test_logged_requests_are_asked(tmp_path: Path) -> None:
    pattern = str(tmp_path / "requests" / "*")
    config = ChecksConfig(lists=3, sizes=(2,), requests=5)
    told = run(tmp_path / "first", lambda scores, inputs: scores, config, pattern)
    assert told.get_string_custom_property("logged_requests") == ""
    (tmp_path / "requests").mkdir()
    with tf.io.TFRecordWriter(str(tmp_path / "requests" / "1")) as writer:
        for record in requests(draw((2, 3, 1, 4))):
            writer.write(record)
    told = run(tmp_path / "second", lambda scores, inputs: scores, config, pattern)
    assert told.get_string_custom_property("logged_requests") == "3"
    assert model_utils.is_infra_validated(told)


def test_a_broken_model_is_not_blessed(tmp_path: Path) -> None:
    blessing = run(tmp_path, broken.nan_below_zero, ChecksConfig(sizes=(2,), requests=5))
    assert not model_utils.is_infra_validated(blessing)
    [first, *_] = checks.read(blessing.uri).failures
    assert first.startswith("finite: 'predict': list ")
    assert blessing.get_string_custom_property("reasons").startswith(first)


@pytest.mark.parametrize("n", [1, 2000])
def test_what_ml_metadata_is_told(n: int) -> None:
    result = Result(
        failures=("x" * n, "batch: other scores"),
        size_mb=2.5,
        memory_mb=7.25,
        lists=16,
        skipped={"padding": "there is none"},
        latencies=(Latency(10, 0.5, 1.25), Latency(100, 2.0, 3.0)),
    )
    assert checks.described(result) == {
        "reasons": f"{'x' * n}; batch: other scores"[: checks.LONGEST_REASONS],
        "skipped": "padding: there is none",
        "lists": "16",
        "logged_requests": "",
        "p50_ms": "10: 0.5, 100: 2",
        "p99_ms": "10: 1.25, 100: 3",
        "size_mb": "2.5",
        "memory_mb": "7.25",
    }
