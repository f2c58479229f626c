"""LibSVM text with the list sizes in a second file."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from data.features import Feature
from data.features import FeatureSpec
from data.readers import Format
from data.readers import ReadOptions

SPEC = FeatureSpec(columns=(Feature("f*", members="1..3"),))
OPTIONS = ReadOptions(index_name="f*", query_suffix=".query")
LINES = b"0 1:1\n# comment\n1 1:2\n2\n0 1:4\n"


@pytest.mark.parametrize("name", ["rank.train", "rank.train.gz"])
def test_sizes_make_lists(folder: Any, name: str) -> None:
    (folder.path / "rank.train.query").write_bytes(b"3\r\n\n1\n")
    content = gzip.compress(LINES) if name.endswith("gz") else LINES
    lists = folder.read(name, content, Format.LIBSVM, SPEC, OPTIONS).lists
    assert lists.ids == [b"rank.train:1", b"rank.train:2"]
    assert lists.sizes.tolist() == [3, 1]
    assert lists.values["f1"][:, 0].tolist() == [1, 2, 0, 4]
    assert [folder.text(o) for o in lists.origins] == [f"{name}: line 1", f"{name}: line 5"]


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        (
            b"1\n2\n",
            "rank.query: the sizes add up to 3 documents, but 'rank' has more",
        ),
        (b"1\n4\n", "rank.query: the sizes add up to 5 documents, but 'rank' has 4"),
        (b"1\nx\n", "rank.query: line 2: found 'x', expected a number of documents"),
        (b"1\n0\n", "rank.query: line 2: found '0', expected a number of documents"),
        (b"\n", "rank.query: found no list size"),
        (None, "rank.query: no such file"),
    ],
)
def test_wrong_sizes(folder: Any, sizes: bytes | None, message: str) -> None:
    if sizes is not None:
        (folder.path / "rank.query").write_bytes(sizes)
    assert folder.error("rank", LINES, Format.LIBSVM, SPEC, OPTIONS) == message


def test_a_qid_beside_sizes_is_refused(folder: Any) -> None:
    (folder.path / "rank.query").write_bytes(b"1")
    reading = folder.read("rank", b"0 qid:1 1:1", Format.LIBSVM, SPEC, OPTIONS)
    assert reading.texts == ["rank: line 1: found 'qid:1', expected index:value"]


def test_lightgbm_example(folder: Any, ranking_data: Path) -> None:
    spec = FeatureSpec(columns=(Feature("f*", members="1..300"),))
    file = ranking_data / "lightgbm-lambdarank" / "rank.train.gz"
    lists = folder.read(str(file), None, Format.LIBSVM, spec, OPTIONS).lists
    assert len(lists) == 201
    assert lists.sizes.sum() == 3005
