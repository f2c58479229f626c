"""Requests from files: what is read, and what is refused with which words."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from data import elwc
from data import synthetic
from data import synthetic_files
from data.errors import InputError
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform
from data.requests import from_json
from data.requests import read_requests

HASH: dict[str, Any] = {"dtype": DType.STRING, "transform": (Transform.HASH,), "buckets": 9}
SPEC = FeatureSpec(
    columns=(
        Feature("user_age", scope=Scope.CONTEXT, dtype=DType.INT),
        Feature("query", scope=Scope.CONTEXT, width=2, **HASH),
        Feature("price", width=2),
        Feature("rating", default=0.5),
        Feature("brand", default="none", **HASH),
    ),
    label="grade",
    weight="importance",
    list_id="query_id",
    document_id="document_id",
)
CONTEXT = {"query_id": "q1", "user_age": 30, "query": ["red", "bike"]}
DOCUMENT = {"document_id": "d1", "price": [1, 2.5], "rating": 3, "brand": "ö"}


def line(context: Any = CONTEXT, documents: Any = (DOCUMENT,)) -> str:
    return json.dumps({"context": context, "documents": documents})


def parsed(serialized: list[bytes]) -> dict[str, Any]:
    rows, sizes = elwc.parse_flat(tf.constant(serialized), SPEC.raw)
    return {name: row.numpy().tolist() for name, row in rows.items()} | {
        "sizes": sizes.numpy().tolist()
    }


def test_a_line_becomes_what_the_parser_reads() -> None:
    assert parsed([from_json(line(documents=[DOCUMENT, DOCUMENT]), SPEC, "x")]) == {
        "query_id": [[b"q1"]],
        "user_age": [[30]],
        "query": [[b"red", b"bike"]],
        "document_id": [[b"d1"]] * 2,
        "price": [[1.0, 2.5]] * 2,
        "rating": [[3.0]] * 2,
        "brand": [["ö".encode()]] * 2,
        "sizes": [2],
    }


def test_defaults_stand_in_and_label_and_weight_are_ignored() -> None:
    short = {"price": [1, 2], "grade": 4, "importance": "heavy"}
    found = parsed([from_json(line({"user_age": 30, "query": "red"}, [short]), SPEC, "x")])
    assert found["query_id"] == [[b""]]
    assert found["query"] == [[b"red", b""]]
    assert found["rating"] == [[0.5]]
    assert found["brand"] == [[b"none"]]


def without(table: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key != name}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "found no JSON: Expecting property name enclosed in double quotes:"),
        ("[1]", "found [1], expected an object with 'context' and 'documents'"),
        (
            '{"document": []}',
            "unknown key 'document', expected 'context' and 'documents'. Did you mean 'documents'?",
        ),
        ("{}", "documents: found null, expected an array of at least one document"),
        (line(documents=[]), "documents: found [], expected an array of at least one document"),
        (line(documents=[7]), "document 1: found 7, expected an object of columns"),
        (line("q"), 'context: found "q", expected an object of columns'),
        (
            line(documents=[DOCUMENT, {**DOCUMENT, "prize": 1}]),
            "document 2: unknown column 'prize'. Did you mean 'price'?",
        ),
        (line({**CONTEXT, "price": 1}), "context: column 'price' belongs to the document"),
        (
            line(documents=[{**DOCUMENT, "query_id": "q"}]),
            "document 1: column 'query_id' belongs to the context",
        ),
        (line({**CONTEXT, "grade": 1}), "context: unknown column 'grade'."),
        (
            line(documents=[without(DOCUMENT, "price")]),
            "document 1: column 'price' is missing and has no default",
        ),
        (
            line(without(CONTEXT, "user_age")),
            "context: column 'user_age' is missing and has no default",
        ),
        (
            line(documents=[{**DOCUMENT, "price": [1]}]),
            "document 1: price: found 1 values, expected 2",
        ),
        (
            line({**CONTEXT, "query": ["a", "b", "c"]}),
            "context: query: found 3 values, expected at most 2",
        ),
        (
            line(documents=[{**DOCUMENT, "rating": "high"}]),
            'document 1: rating: found "high", expected a number',
        ),
        (
            line(documents=[{**DOCUMENT, "rating": True}]),
            "document 1: rating: found true, expected a number",
        ),
        (
            line(documents=[{**DOCUMENT, "rating": float("nan")}]),
            "document 1: rating: found NaN, expected a number",
        ),
        (
            line(documents=[{**DOCUMENT, "rating": 1e39}]),
            "document 1: rating: found 1e+39, expected a number",
        ),
        (
            line({**CONTEXT, "user_age": 30.5}),
            "context: user_age: found 30.5, expected an integer",
        ),
        (
            line({**CONTEXT, "user_age": 2**63}),
            "context: user_age: found 9223372036854775808, expected an integer",
        ),
        (line({**CONTEXT, "query_id": 17}), "context: query_id: found 17, expected a string"),
        (
            line({**CONTEXT, "query_id": "\ud800"}),
            'context: query_id: found "\\ud800", expected valid Unicode',
        ),
        (
            line({**CONTEXT, "query_id": {"a": "b" * 50}}),
            'context: query_id: found {"a": "' + "b" * 30 + "..., expected a string",
        ),
    ],
)
def test_wrong_requests_are_refused(text: str, message: str) -> None:
    end = "" if "JSON" in message else "$"
    with pytest.raises(InputError, match=f"^{re.escape(f'r.jsonl: line 3: {message}')}{end}"):
        from_json(text, SPEC, "r.jsonl: line 3")


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_json_lines_are_read_with_their_numbers(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "requests.anything"
    path.write_bytes(pack(f"{line()}\n\n{line()}".encode()))
    expected = from_json(line(), SPEC, "x")
    assert list(read_requests(path, SPEC)) == [
        (f"{path}: line 1", expected),
        (f"{path}: line 3", expected),
    ]


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_tfrecords_are_read_as_they_are(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "requests.anything"
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in (b"first", b"second"):
            writer.write(record)
    assert list(read_requests(path, SPEC)) == [
        (f"{path}: record 1", b"first"),
        (f"{path}: record 2", b"second"),
    ]


def test_generated_lists_are_requests(tmp_path: Path) -> None:
    config = synthetic.Synthetic(train=1, validation=1, test=3)
    synthetic_files.write(config, tmp_path / "logs")
    [path] = (tmp_path / "logs" / "test").iterdir()
    assert len(list(read_requests(path, synthetic.spec()))) == 3


def tfrecord(path: Path, compression: str) -> bytes:
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for _ in range(2):
            writer.write(bytes(range(100)))
    return path.read_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found no request, expected JSON lines or a TFRecord file"),
        (b"\n \n", "found no request, expected JSON lines or a TFRecord file"),
        (gzip.compress(b"{}" * 99)[:15], "cannot be read: Compressed file ended before"),
        (gzip.compress(b"{}")[:10] + b"\xff" * 9, "cannot be read: Error -3 while decompressing"),
        (bytes(40), "record 1: found damaged data"),
        (b"\xff\xfe\xff", "line 1: found no JSON: "),
    ],
)
def test_files_that_cannot_be_read_are_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "requests"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"^{re.escape(f'{path}: {message}')}"):
        list(read_requests(path, SPEC))


@pytest.mark.parametrize(
    ("compression", "message"),
    [
        ("", "record 2: found damaged data"),
        ("GZIP", "cannot be read: Compressed file ended before the end-of-stream marker"),
    ],
)
def test_a_cut_file_is_refused(tmp_path: Path, compression: str, message: str) -> None:
    path = tmp_path / "requests"
    path.write_bytes(tfrecord(path, compression)[:-12])
    with pytest.raises(InputError, match=f"^{re.escape(f'{path}: {message}')}"):
        list(read_requests(path, SPEC))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nothing"
    with pytest.raises(
        InputError, match=f"^{re.escape(f'{path}: cannot be read: No such file or directory')}$"
    ):
        list(read_requests(path, SPEC))
