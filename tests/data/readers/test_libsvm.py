"""LibSVM text: what is read, and what is said about each kind of bad line."""

from __future__ import annotations

import gzip
from typing import Any

import numpy as np
import pytest

from data.errors import InputError
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.readers import Format
from data.readers import ReadOptions
from data.readers import Repeated
from data.readers import read

SPEC = FeatureSpec(columns=(Feature("f*", members="1..3"), Feature("f7", default=5.0)))
NAMED = ReadOptions(index_name="f*")

LINES = b"""# a comment line
2 qid:9 1:1.5 2:-2 3:3e-2\r
0 qid:9 3:7 1:6 # docid = GX-1 inc = 1

1 qid:a 2:+8 7:1
1 qid:a
0 qid:8 1:1\t2:2  3:3
"""


def test_lists_labels_sparse_and_unordered_indices(folder: Any) -> None:
    reading = folder.read("a.txt", LINES, Format.LIBSVM, SPEC, NAMED)
    lists = reading.lists
    assert reading.texts == []
    assert lists.ids == [b"9", b"a", b"8"]
    assert [folder.text(o) for o in lists.origins] == [f"a.txt: line {n}" for n in (2, 5, 7)]
    assert lists.sizes.tolist() == [2, 2, 1]
    assert lists.values["label"][:, 0].tolist() == [2, 0, 1, 1, 0]
    found = np.hstack([lists.values[name] for name in ("f1", "f2", "f3", "f7")])
    expected = [[1.5, -2, 0.03, 5], [6, 0, 7, 5], [0, 8, 0, 1], [0, 0, 0, 5], [1, 2, 3, 5]]
    assert np.array_equal(found, np.array(expected, np.float32))
    assert found.dtype == np.float32


def test_gzip_is_recognised_by_content_and_a_final_newline_is_not_needed(folder: Any) -> None:
    content = gzip.compress(LINES.rstrip())
    lists = folder.read("a.txt", content, Format.LIBSVM, SPEC, NAMED).lists
    assert lists.sizes.tolist() == [2, 2, 1]


def test_byte_order_mark(folder: Any) -> None:
    lists = folder.read("a.txt", b"\xef\xbb\xbf3 qid:1 1:1\n", Format.LIBSVM, SPEC, NAMED).lists
    assert lists.values["label"].tolist() == [[3]]


def test_uri(folder: Any) -> None:
    (folder.path / "a.txt").write_bytes(gzip.compress(LINES))
    uri = f"file://{folder.path}/a.txt"
    batches = list(read(uri, format=Format.LIBSVM, spec=SPEC, options=NAMED, refuse=print))
    assert [key for batch in batches for key in batch.ids] == [b"9", b"a", b"8"]


def test_every_kind_of_column(folder: Any) -> None:
    spec = FeatureSpec(
        columns=(
            Feature("f1"),
            Feature("f2", dtype=DType.INT, scope=Scope.CONTEXT),
        ),
        weight="w",
        list_id="query",
        document_id="doc",
    )
    content = b"1 qid:5 1:1 2:9007199254740992 #docid = GX-1 inc\n0 qid:5 2:9007199254740992\n"
    lists = folder.read("a.txt", content, Format.LIBSVM, spec, NAMED).lists
    assert lists.values["query"].tolist() == [[b"5"]]
    assert lists.values["doc"].tolist() == [[b"GX-1"], [b""]]
    assert lists.values["w"].tolist() == [[1], [1]]
    assert lists.values["f2"].tolist() == [[2**53]]
    assert lists.values["f2"].dtype == np.int64


def test_blocks_and_batches_do_not_cut_lists(folder: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("data.readers.libsvm._BLOCK", 40)
    monkeypatch.setattr("data.readers.runs.MAX_LISTS", 2)
    sizes = [1, 5, 2, 9, 1, 1, 3]
    content = b"".join(
        b"0 qid:%d 1:%d\n" % (q, d) for q, size in enumerate(sizes) for d in range(size)
    )
    reading = folder.read("a.txt", content, Format.LIBSVM, SPEC, NAMED)
    assert reading.lists.sizes.tolist() == sizes
    places = [place for size in sizes for place in range(size)]
    assert reading.lists.values["f1"][:, 0].tolist() == places
    assert max(len(batch) for batch in reading.batches) <= 2


BAD = {
    b"0 qid:2 1:1 3:abc": "feature 3: found 'abc', expected a number",
    b"0 qid:2 1:": "feature 1: found '', expected a number",
    b"0 qid:2 1:1_0": "feature 1: found '1_0', expected a number",
    b"0 qid:2 1:1 3": "found '3', expected index:value",
    b"0 qid:2 1:1:2 3:4": "feature 1: found '1:2', expected a number",
    b"0 qid:2 x:1": "found 'x:1', expected index:value",
    b"0 qid:2 4:1": "feature 4: the features name no column 'f4'",
    b"0 qid:2 -1:1": "feature -1: expected an index of 0 or more",
    b"0 qid:2 1:1 3:1 1:2": "feature 1: found twice",
    b"x qid:2 1:1": "label: found 'x', expected a number",
    b"0 qid:1 1:1": (
        "qid '1' comes back, its list began at line 1; expected the lines of a list together"
    ),
}


@pytest.mark.parametrize("line", BAD)
def test_a_bad_line_costs_its_list_and_nothing_else(folder: Any, line: bytes) -> None:
    content = b"1 qid:1 1:1\n0 qid:7 1:1\n" + line + b"\n1 qid:3 1:3\n"
    reading = folder.read("a.txt", content, Format.LIBSVM, SPEC, NAMED)
    assert reading.texts == [f"a.txt: line 3: {BAD[line]}"]
    assert reading.refusals[0].list_id == line.split()[1][4:]
    assert reading.lists.ids == [b"1", b"7", b"3"]
    assert reading.lists.values["f1"].tolist() == [[1], [1], [3]]


def test_a_list_is_refused_once_and_whole(folder: Any) -> None:
    content = b"1 qid:1 1:1\n0 qid:1 1:x\n0 qid:1 1:y\n1 qid:2 1:3\n"
    reading = folder.read("a.txt", content, Format.LIBSVM, SPEC, NAMED)
    assert reading.texts == ["a.txt: line 2: feature 1: found 'x', expected a number"]
    assert reading.lists.ids == [b"2"]


def test_a_line_of_no_list_is_refused_alone(folder: Any) -> None:
    content = b"1 qid:1 1:1\n0 1:2 2:1\n5\n0 qid: 1:1\n0 qid:1 1:3\n"
    reading = folder.read("a.txt", content, Format.LIBSVM, SPEC, NAMED)
    assert reading.texts == [
        "a.txt: line 2: found '1:2', expected 'qid:...'",
        "a.txt: line 3: found only '5', expected 'label qid:...'",
        "a.txt: line 4: found 'qid:', expected 'qid:...'",
    ]
    assert reading.lists.values["f1"].tolist() == [[1], [3]]


def test_integers_and_context_columns(folder: Any) -> None:
    columns = (Feature("f1"), Feature("f2", dtype=DType.INT, scope=Scope.CONTEXT))
    spec = FeatureSpec(columns=columns)
    content = b"1 qid:1 2:1.5\n1 qid:2 2:4\n0 qid:2 2:5\n"
    reading = folder.read("a.txt", content, Format.LIBSVM, spec, NAMED)
    assert reading.texts == [
        "a.txt: line 1: feature 'f2': found '1.5', expected an integer",
        "a.txt: line 3: column 'f2': found '5' after '4', expected one value within a list",
    ]
    assert reading.batches == []


def test_repeated_index_may_be_allowed(folder: Any) -> None:
    options = ReadOptions(index_name="f*", repeated_index=Repeated.LAST)
    lists = folder.read("a.txt", b"0 qid:1 1:5 2:3 1:6\n", Format.LIBSVM, SPEC, options).lists
    assert lists.values["f1"].tolist() == [[6]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a.txt: empty file"),
        (gzip.compress(b""), "a.txt: empty file"),
        (bytes(range(256)), "a.txt: found binary data, expected LibSVM text"),
        (gzip.compress(LINES)[:-12], "a.txt: truncated gzip"),
        (gzip.compress(LINES)[:-8] + b"12345678", "a.txt: corrupt gzip"),
        (None, "a.txt: no such file"),
    ],
)
def test_files_that_cannot_be_read(folder: Any, content: bytes | None, message: str) -> None:
    assert folder.error("a.txt", content, Format.LIBSVM, SPEC, NAMED) == message


def test_damage_further_on_names_the_line(folder: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("data.readers.libsvm._BLOCK", 10_000)
    rng = np.random.default_rng(1)
    lines = [b"0 qid:%d 1:%f\n" % (i, rng.normal()) for i in range(50_000)]
    content = gzip.compress(b"".join(lines))
    message = folder.error("a.txt", content[:-20_000], Format.LIBSVM, SPEC, NAMED)
    assert message.startswith("a.txt: truncated gzip after line ")
    assert 10_000 < int(message.split()[-1]) < 50_000


def test_a_folder_is_no_file(folder: Any) -> None:
    (folder.path / "a").mkdir()
    message = folder.error("a", None, Format.LIBSVM, SPEC, NAMED)
    assert message == "a: is a directory, expected a file"


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (
            Feature("price"),
            "a.txt: feature 'price' has no index in LibSVM text: the columns are named 'f*'",
        ),
        (
            Feature("f4", width=2),
            "a.txt: feature 'f4' is 2 values; LibSVM text has one number per feature",
        ),
    ],
)
def test_columns_that_libsvm_cannot_fill(folder: Any, feature: Feature, message: str) -> None:
    spec = FeatureSpec(columns=(Feature("f1"), feature))
    assert folder.error("a.txt", LINES, Format.LIBSVM, spec, NAMED) == message


def test_options_are_checked() -> None:
    with pytest.raises(InputError) as caught:
        ReadOptions(index_name="f")
    assert str(caught.value) == "index_name: found 'f', expected one '*' in it"
    for wrong in (";;", "¦"):
        with pytest.raises(InputError) as caught:
            ReadOptions(delimiter=wrong)
        assert str(caught.value) == f"delimiter: found '{wrong}', expected one ASCII character"
