"""Blocks of whole lines, and how many cells they have."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.interactions import lines
from tests.data.interactions.reading import Folder


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_blocks_are_whole_lines(tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.interactions.lines._BLOCK", size)
    path = Folder(tmp_path).write("a", b"\xef\xbb\xbfone\r\n\ntwo\r\nthr\xe9e")
    found = list(lines.blocks(path, "text", latin=True))
    assert b"".join(block for block, _ in found) == "one\n\ntwo\nthr\u00e9e\n".encode()
    before = 0
    for block, first in found:
        assert first == before + 1
        before += block.count(b"\n")


@pytest.mark.parametrize(
    ("content", "count"),
    [("1\t2\t3\n", 3), ("1\t2\t3\t4\n", 4), ("1\n1\t2\t3\n", 3), ("1,2\n", 4), ("1\t2\n" * 9, 4)],
)
def test_cells_of_most_lines(tmp_path: Path, content: str, count: int) -> None:
    path = Folder(tmp_path).write("a", content)
    assert lines.cells_of_most(path, "\t", (3, 4)) == count
