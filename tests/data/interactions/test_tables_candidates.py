"""Given negatives, in the form of the NCF paper's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest

from data.interactions.tables import CANDIDATES
from data.interactions.tables import read_candidates
from tests.data.interactions.reading import Folder

FORM = "expected '(user,item)' and negatives parted by tabs"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def read(folder: Folder, content: str) -> list[dict[str, Any]]:
    path = folder.write("negatives", content)
    batches = list(read_candidates(path, folder.refusals.append))
    assert all(batch.schema == CANDIDATES for batch in batches)
    return [row for batch in batches for row in batch.to_pylist()]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\t\n"])
def test_lines_with_any_number_of_negatives(folder: Folder, end: str) -> None:
    lines = ["(0,25)\t1064\t174\t1064", "", "(a,b,25)\t7", "(\u00e9,x y)\t(1)\t2"]
    found = read(folder, "\N{BOM}" + end.join(lines) + end)
    assert folder.texts == []
    assert [tuple(row.values()) for row in found] == [
        (b"0", b"25", [b"1064", b"174", b"1064"], 1),
        (b"a,b", b"25", [b"7"], 3),
        ("\u00e9".encode(), b"x y", [b"(1)", b"2"], 4),
    ]


def test_bad_lines(folder: Folder) -> None:
    lines = ["(0,1)\t5", "0,1\t5", "(0)\t5", "(,1)\t5", "(0,1)", "(0,1)\t5\t\t6", "(2,3)\t4"]
    assert [row["row"] for row in read(folder, "\n".join(lines))] == [1, 7]
    assert folder.texts == [
        f"negatives: line 2: found '0,1', {FORM}",
        f"negatives: line 3: found '(0)', {FORM}",
        f"negatives: line 4: found '(,1)', {FORM}",
        f"negatives: line 5: found no negatives, {FORM}",
        f"negatives: line 6: found an empty cell, {FORM}",
    ]


def test_another_form(folder: Folder) -> None:
    assert folder.error(lambda: read(folder, "0,25 1 2\n1,3 4 5\n")) == (
        "negatives: no line is '(user,item)' and negatives parted by tabs;"
        f" line 1: found '0,25 1 2', {FORM}"
    )
    assert folder.error(lambda: read(folder, "")) == "negatives: empty file"


def test_blocks_keep_the_numbers(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.interactions.lines._BLOCK", 50)
    lines = [f"({i},{i})\t{i}" if i % 10 else "bad" for i in range(1, 101)]
    found = read(folder, "\n".join(lines))
    assert [row["user"] for row in found] == [b"%d" % row["row"] for row in found]
    assert [refusal.record for refusal in folder.refusals] == [
        f"line {i}" for i in range(10, 101, 10)
    ]


def test_public_negatives(ranking_data: Path) -> None:
    refusals: list[Any] = []
    path = str(ranking_data / "ncf-ml-1m" / "ml-1m.test.negative.gz")
    batches = list(read_candidates(path, refusals.append))
    assert refusals == []
    assert sum(batch.num_rows for batch in batches) == 6_040
    counts = {n for batch in batches for n in pc.list_value_length(batch["negatives"]).to_pylist()}
    assert counts == {99}
