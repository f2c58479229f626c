"""Which spans of the logs are there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.example_gen import portions
from data.errors import InputError
from data.readers import Format
from pipeline.examples import ExamplesConfig
from pipeline.spans import Span
from pipeline.spans import SpansConfig

SPLITS = ("train", "validation")


def config(base: Path, pattern: str, **settings: Any) -> ExamplesConfig:
    splits = {name: f"{pattern}/{name}*" for name in SPLITS}
    return ExamplesConfig(**{"format": Format.CSV, "base": str(base), "splits": splits, **settings})


def lay(base: Path, *names: str) -> None:
    for name in names:
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).touch()


def lay_spans(base: Path, *folders: str) -> None:
    lay(base, *(f"{folder}/{name}.csv" for folder in folders for name in SPLITS))


@pytest.mark.parametrize(
    ("pattern", "folders", "expected"),
    [
        ("{SPAN}", ["1", "2", "10", "x", "2.5"], {1: 0, 2: 0, 10: 0}),
        ("s-{SPAN:3}", ["s-001", "s-12", "s-013"], {1: 0, 13: 0}),
        ("{SPAN}/v{VERSION}", ["1/v1", "1/v3", "2/v10", "2/v9"], {1: 3, 2: 10}),
        ("{YYYY}-{MM}-{DD}", ["2026-01-30", "2026-02-01", "latest"], {20483: 0, 20485: 0}),
        ("{YYYY}/{MM}/{DD}/{VERSION:2}", ["2026/01/30/01", "2026/01/30/02"], {20483: 2}),
    ],
)
def test_spans_are_found(
    tmp_path: Path, pattern: str, folders: list[str], expected: dict[int, int]
) -> None:
    lay_spans(tmp_path, *folders)
    assert portions.present(config(tmp_path, pattern)) == expected


def test_files_may_be_named_by_their_characters(tmp_path: Path) -> None:
    for name in ("00", "x0", "0x", "[0-9]"):
        lay(tmp_path, *(f"{len(name)}{ord(name[0])}/{split}-{name}" for split in SPLITS))
    splits = {split: f"{{SPAN}}/{split}-[0-9][!x]" for split in SPLITS}
    assert portions.present(config(tmp_path, "", splits=splits)) == {248: 0}


def test_a_span_needs_files_for_each_split(tmp_path: Path) -> None:
    lay_spans(tmp_path, "1/v1", "2/v1")
    lay(tmp_path, "2/v2/train.csv", "3/v1/validation.csv")
    assert portions.present(config(tmp_path, "{SPAN}/v{VERSION}")) == {1: 1, 2: 1}


@pytest.mark.parametrize(
    ("marker", "names", "expected"),
    [
        ("{SPAN}/v{VERSION}/_SUCCESS", ["1/v1/_SUCCESS", "2/v1/_SUCCESS"], {1: 1, 2: 1}),
        ("done-{SPAN}", ["done-2", "done-3"], {2: 2}),
    ],
)
def test_a_marker_makes_a_span_complete(
    tmp_path: Path, marker: str, names: list[str], expected: dict[int, int]
) -> None:
    lay_spans(tmp_path, "1/v1", "1/v2", "2/v1", "2/v2")
    lay(tmp_path, *names)
    found = config(tmp_path, "{SPAN}/v{VERSION}", spans=SpansConfig(marker=marker))
    assert portions.present(found) == expected


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ("", [Span(4, 1)]),
        ("2", [Span(2, 5)]),
        ("1..2, 4", [Span(1, 1), Span(2, 5), Span(4, 1)]),
        ("2:1", [Span(2, 1)]),
    ],
)
def test_the_newest_span_is_chosen_or_those_asked_for(
    tmp_path: Path, span: str, expected: list[Span]
) -> None:
    lay_spans(tmp_path, "1/v1", "2/v1", "2/v5", "4/v1")
    assert [*portions.chosen(config(tmp_path, "{SPAN}/v{VERSION}", span=span))] == expected


def test_logs_without_spans_have_none(tmp_path: Path) -> None:
    assert portions.chosen(config(tmp_path, "logs")) == ()
    assert portions.all_filled("logs/train*", ()) == ["logs/train*"]


def test_patterns_are_filled() -> None:
    spans = [Span(20483, 2), Span(20485, 11)]
    assert portions.all_filled("{YYYY}-{MM}-{DD}/v{VERSION}/train*", spans) == [
        "2026-01-30/v2/train*",
        "2026-02-01/v11/train*",
    ]
    assert portions.filled("span-{SPAN:4}/*", Span(7)) == "span-0007/*"


@pytest.mark.parametrize(
    ("pattern", "folders", "span", "message"),
    [
        (
            "{SPAN}",
            ["1", "3"],
            "1..4",
            "examples.span: 2, 4 is not there, or not complete; found 1, 3",
        ),
        (
            "{SPAN}/v{VERSION}",
            ["1/v1"],
            "1:2",
            "examples.span: 1 is not there, or not complete; found 1",
        ),
        ("{SPAN}", [], "4", "examples.span: 4 is not there, or not complete; found none"),
        (
            "{SPAN}",
            [],
            "",
            "examples.splits: no span below '{base}' has files for '{SPAN}/train*',"
            " '{SPAN}/validation*'",
        ),
        (
            "{YYYY}-{MM}-{DD}",
            ["2026-02-30"],
            "",
            "examples.splits: '{base}/2026-02-30/train.csv' names no day",
        ),
        (
            "{SPAN}-{YYYY}",
            [],
            "",
            "examples.splits: Either span spec or date specs must be specified exclusively in"
            " {SPAN}-{YYYY}/train*",
        ),
    ],
    ids=["missing", "version", "none", "newest-of-none", "no-day", "both"],
)
def test_spans_that_are_not_there(
    tmp_path: Path, pattern: str, folders: list[str], span: str, message: str
) -> None:
    lay_spans(tmp_path, *folders)
    with pytest.raises(InputError) as caught:
        portions.chosen(config(tmp_path, pattern, span=span))
    assert str(caught.value) == message.replace("{base}", str(tmp_path))
