"""The ExampleGen node: what it hands to its executor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from tfx.proto import example_gen_pb2

from components.example_gen import executor
from components.example_gen.component import RankingExampleGen
from data.policies import ListPolicy
from data.readers import Format
from data.readers import ReadOptions
from pipeline.examples import ExamplesConfig
from pipeline.spans import Span
from tests.samples import SPEC


def config(**settings: Any) -> ExamplesConfig:
    splits = {"train": "span-{SPAN}/train*", "validation": "span-{SPAN}/validation*"}
    return ExamplesConfig(**{"format": Format.CSV, "base": "logs", "splits": splits, **settings})


def plain_config(**settings: Any) -> ExamplesConfig:
    return config(splits={"train": "train*", "validation": "validation*"}, **settings)


def properties(settings: ExamplesConfig, code: str = "") -> dict[str, Any]:
    found: dict[str, Any] = RankingExampleGen(settings, SPEC, code=code).exec_properties
    return found


def test_the_patterns_are_the_input_splits() -> None:
    found = properties(plain_config())
    inputs = json_format.Parse(found["input_config"], example_gen_pb2.Input())
    assert [(split.name, split.pattern) for split in inputs.splits] == [
        ("train", "train*"),
        ("validation", "validation*"),
    ]
    assert found["input_base"] == "logs"


def test_the_executor_gets_back_what_the_node_was_given() -> None:
    settings = config(
        hash_splits={"train": 3, "validation": 1},
        splits={"all": "*"},
        max_bad_share=0.25,
        options=ReadOptions(delimiter=";"),
        lists=ListPolicy(max_list_size=9),
    )
    job = executor.job_of(properties(settings, code="abc"))
    assert job == executor.Job(settings, SPEC, "abc")


def test_a_change_of_code_or_settings_changes_the_node() -> None:
    base = json.dumps(properties(plain_config()), default=str)
    assert json.dumps(properties(plain_config()), default=str) == base
    assert json.dumps(properties(plain_config(), code="other"), default=str) != base
    assert json.dumps(properties(plain_config(max_bad_share=0.1)), default=str) != base


def lay_spans(base: Path, *numbers: int) -> None:
    for number in numbers:
        folder = base / f"span-{number}"
        folder.mkdir(parents=True)
        for name in ("train.csv", "validation.csv"):
            (folder / name).write_text(name)


def test_spans_are_found_when_the_node_is_made(tmp_path: Path) -> None:
    lay_spans(tmp_path, 6, 7, 9)
    settings = config(base=str(tmp_path), span="6..7")
    found = properties(settings)
    job = executor.job_of(found)
    assert job.spans == (Span(6), Span(7))
    assert [path.split(":")[0] for path in job.files] == [
        str(tmp_path / "span-6" / name) for name in ("train.csv", "validation.csv")
    ]
    inputs = json_format.Parse(found["input_config"], example_gen_pb2.Input())
    assert [split.pattern for split in inputs.splits] == ["span-7/train*", "span-7/validation*"]
    assert found.get("range_config") is None


def test_a_file_of_an_older_span_changes_the_node(tmp_path: Path) -> None:
    lay_spans(tmp_path, 6, 7)
    settings = config(base=str(tmp_path), span="6..7")
    before = json.dumps(properties(settings), default=str)
    assert json.dumps(properties(settings), default=str) == before
    (tmp_path / "span-6" / "train.csv").write_text("more")
    assert json.dumps(properties(settings), default=str) != before


def test_spans_on_a_cluster_are_not_looked_for_here() -> None:
    node = RankingExampleGen(config(), SPEC, code="", elsewhere=True)
    assert executor.job_of(node.exec_properties).spans == ()
