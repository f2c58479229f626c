"""CSV and Parquet: the same rows give the same lists and the same error texts."""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform
from data.readers import Format
from data.readers import ReadOptions

HASH = {"dtype": DType.STRING, "transform": (Transform.HASH,), "buckets": 9}
SPEC = FeatureSpec(
    columns=(
        Feature("place", scope=Scope.CONTEXT, **HASH),  # type: ignore[arg-type]
        Feature("price"),
        Feature("age", dtype=DType.INT, default=-5),
        Feature("tags", width=3, **HASH),  # type: ignore[arg-type]
        Feature("pair", width=2, default=0.5),
    ),
    weight="w",
    list_id="q",
    document_id="d",
)
NAMES = ("q", "d", "place", "price", "age", "tags", "pair", "label", "w", "other")
ROWS = [
    ("q1", "d1", "x y", "1.5", "7", "a b", "1 2", "2", "0.5", "?"),
    ("q1", "d2", "x y", "-2e3", "", "", "", "", "", "?"),
    ("q2", "d1", "z", "3", "9", "a b c", "3 4", "1", "2", "?"),
    ("q1", "d3", "x y", "4", "1", "a", "5 6", "0", "1", "?"),
]
FORMATS = [Format.CSV, Format.PARQUET]


def content_of(rows: Sequence[tuple[str, ...]], format: Format) -> bytes:
    """Writes the rows; Parquet gets the types that their texts have."""
    if format is Format.CSV:
        cells = [[f'"{cell}"' if " " in cell else cell for cell in row] for row in [NAMES, *rows]]
        return "\r\n".join(",".join(row) for row in cells).encode()
    columns = {name: [row[i] or None for row in rows] for i, name in enumerate(NAMES)}
    table = {name: pa.array(cells) for name, cells in columns.items()}
    for name, kind in (("price", pa.float64()), ("label", pa.int32()), ("w", pa.float32())):
        table[name] = pa.array([float(x) if x else None for x in columns[name]]).cast(kind)
    table["age"] = pa.array([int(x) if x else None for x in columns["age"]])
    table["tags"] = pa.array([x.split() if x else None for x in columns["tags"]])
    pairs = [[float(v) for v in x.split()] if x else None for x in columns["pair"]]
    table["pair"] = pa.array(pairs)
    out = io.BytesIO()
    parquet.write_table(pa.table(table), out)
    return out.getvalue()


def replaced(row: int, name: str, cell: str) -> list[tuple[str, ...]]:
    rows = [list(cells) for cells in ROWS]
    rows[row][NAMES.index(name)] = cell
    return [tuple(cells) for cells in rows]


@pytest.mark.parametrize("format", FORMATS)
def test_runs_of_rows_make_lists(folder: Any, format: Format) -> None:
    reading = folder.read("a", content_of(ROWS, format), format, SPEC)
    lists = reading.lists
    assert reading.texts == []
    assert lists.ids == [b"q1", b"q2", b"q1"]
    assert [folder.text(o) for o in lists.origins] == ["a: row 1", "a: row 3", "a: row 4"]
    assert lists.sizes.tolist() == [2, 1, 1]
    values = lists.values
    assert values["q"].tolist() == [[b"q1"], [b"q2"], [b"q1"]]
    assert values["place"].tolist() == [[b"x y"], [b"z"], [b"x y"]]
    assert values["d"].tolist() == [[b"d1"], [b"d2"], [b"d1"], [b"d3"]]
    assert values["price"].tolist() == [[1.5], [-2000], [3], [4]]
    assert values["age"].tolist() == [[7], [-5], [9], [1]]
    assert values["tags"].tolist() == [
        [b"a", b"b", b""],
        [b"", b"", b""],
        [b"a", b"b", b"c"],
        [b"a", b"", b""],
    ]
    assert values["pair"].tolist() == [[1, 2], [0.5, 0.5], [3, 4], [5, 6]]
    assert np.array_equal(values["label"][:, 0], [2, np.nan, 1, 0], equal_nan=True)
    assert values["w"][:, 0].tolist() == [0.5, 1, 2, 1]
    kinds = {name: column.dtype for name, column in values.items()}
    assert kinds["price"] == kinds["label"] == kinds["w"] == np.float32
    assert kinds["age"] == np.int64
    assert kinds["tags"] == np.dtype(object)


@pytest.mark.parametrize("format", FORMATS)
def test_batches_do_not_cut_lists(folder: Any, format: Format, monkeypatch: Any) -> None:
    monkeypatch.setattr("data.readers.runs.MAX_ROWS", 2)
    monkeypatch.setattr("data.readers.numbered._BLOCK", 100)
    sizes = [1, 5, 2, 3]
    rows = [(f"q{q}", *ROWS[0][1:]) for q, size in enumerate(sizes) for _ in range(size)]
    assert folder.read("a", content_of(rows, format), format, SPEC).lists.sizes.tolist() == sizes


REFUSED = {
    (1, "price", ""): "a: row 2: column 'price': missing, expected a number",
    (0, "tags", "a b c d"): "a: row 1: column 'tags': found 4 values, expected at most 3",
    (1, "pair", "1"): "a: row 2: column 'pair': found 1 values, expected 2",
    (1, "place", "z"): (
        "a: row 2: column 'place': found 'z' after 'x y', expected one value within a list"
    ),
}
ONLY_TEXT = {
    (1, "price", "abc"): "a: row 2: column 'price': found 'abc', expected a number",
    (1, "age", "1.5"): "a: row 2: column 'age': found '1.5', expected an integer",
    (1, "age", "9" * 30): (
        f"a: row 2: column 'age': found '{'9' * 30}', expected an integer of 64 bits"
    ),
    (0, "pair", "1 x"): "a: row 1: column 'pair': found 'x', expected a number",
    (1, "label", "good"): "a: row 2: column 'label': found 'good', expected a number",
}


@pytest.mark.parametrize(
    ("format", "change", "message"),
    [(format, *case) for format in FORMATS for case in REFUSED.items()]
    + [(Format.CSV, *case) for case in ONLY_TEXT.items()],
)
def test_a_bad_row_costs_its_run(
    folder: Any, format: Format, change: tuple[int, str, str], message: str
) -> None:
    reading = folder.read("a", content_of(replaced(*change), format), format, SPEC)
    assert reading.texts == [message]
    assert reading.refusals[0].list_id == b"q1"
    assert reading.lists.ids == [b"q2", b"q1"]


@pytest.mark.parametrize("format", FORMATS)
def test_a_row_without_a_list_id_is_refused_alone(folder: Any, format: Format) -> None:
    reading = folder.read("a", content_of(replaced(1, "q", ""), format), format, SPEC)
    assert reading.texts == ["a: row 2: column 'q': missing, expected a list id"]
    assert reading.lists.sizes.tolist() == [1, 1, 1]


@pytest.mark.parametrize("format", FORMATS)
def test_a_needed_column_is_missing(folder: Any, format: Format) -> None:
    columns = (*SPEC.columns, Feature("prices"), Feature("unseen", default=3.0))
    spec = FeatureSpec(columns=columns, list_id="q")
    assert folder.error("a", content_of(ROWS, format), format, spec) == (
        "a: no column 'prices'; found 'q', 'd', 'place', 'price', 'age', 'tags', 'pair', 'label',"
        " .... Did you mean 'price'?"
    )


@pytest.mark.parametrize("format", FORMATS)
def test_a_column_with_a_default_may_be_missing(folder: Any, format: Format) -> None:
    spec = FeatureSpec(columns=(Feature("price"), Feature("new", default=3.0)), list_id="q")
    lists = folder.read("a", content_of(ROWS, format), format, spec).lists
    assert lists.values["new"].tolist() == [[3]] * 4


@pytest.mark.parametrize("format", FORMATS)
def test_rows_need_a_list_id(folder: Any, format: Format) -> None:
    spec = FeatureSpec(columns=(Feature("price"),))
    assert folder.error("a", content_of(ROWS, format), format, spec) == (
        "a: rows need a list id, but the features name no 'list_id'"
    )


def test_rows_with_too_few_or_too_many_cells(folder: Any) -> None:
    lines = content_of(ROWS, Format.CSV).split(b"\r\n")
    lines[2:2] = [b"q1,d7", b"", b",".join([b"1"] * 11)]
    lines[-1] = lines[-1].replace(b",4,", b",x,")
    reading = folder.read("a", b"\n".join(lines), Format.CSV, SPEC)
    assert reading.texts == [
        "a: row 2: found 2 cells, expected 10",
        "a: row 3: found 11 cells, expected 10",
        "a: row 6: column 'price': found 'x', expected a number",
    ]
    assert reading.lists.sizes.tolist() == [2, 1]


def test_delimiter_gzip_quotes_and_byte_order_mark(folder: Any) -> None:
    text = '\N{BOM}q;price;label\n"a;\nb";1.5;1\nc; 2 ;0\n'
    spec = FeatureSpec(columns=(Feature("price"),), list_id="q")
    content = gzip.compress(text.encode())
    lists = folder.read("a", content, Format.CSV, spec, ReadOptions(delimiter=";")).lists
    assert lists.ids == [b"a;\nb", b"c"]
    assert lists.values["price"].tolist() == [[1.5], [2]]


def test_parquet_types(folder: Any) -> None:
    spec = FeatureSpec(columns=(Feature("a"), Feature("b", dtype=DType.INT)), list_id="q")
    table = {
        "q": pa.array([5, 5, 6]),
        "a": pa.array(["1", "2", "3"]).dictionary_encode(),
        "b": [1.0, 2.0, 2.5],
        "label": [True, False, True],
    }

    def content(**columns: Any) -> bytes:
        out = io.BytesIO()
        parquet.write_table(pa.table({**table, **columns}), out)
        return out.getvalue()

    assert folder.error("a", content(), Format.PARQUET, spec) == (
        "a: column 'a': found type string, expected a number"
    )
    assert folder.error("a", content(a=[[1.0], [2.0], [3.0]]), Format.PARQUET, spec) == (
        "a: column 'a': found type list<item: double>, expected a number"
    )
    reading = folder.read("a", content(a=pa.array([1, 2, 3])), Format.PARQUET, spec)
    assert reading.texts == ["a: row 3: column 'b': found '2.5', expected an integer"]
    assert reading.lists.ids == [b"5"]
    assert reading.lists.values["b"].tolist() == [[1], [2]]
    assert reading.lists.values["label"].tolist() == [[1], [0]]


@pytest.mark.parametrize(
    ("format", "content", "message"),
    [
        (Format.CSV, b"", "a: empty file"),
        (Format.CSV, bytes(range(256)), "a: found binary data, expected CSV text with a header"),
        (Format.CSV, b"q1,1.5,1\nq1,2,0\n", "a: no column 'q'; found 'q1', '1.5', '1'."),
        (Format.CSV, b"q,price,label,q\n", "a: column 'q' is there twice"),
        (
            Format.CSV,
            b"q,pri\rce,label\n",
            "a: the header cannot be read: new-line character seen in unquoted field"
            " - do you need to open the file in universal-newline mode?",
        ),
        (
            Format.CSV,
            b'q,price,label\n"a,1,1\nb,1,1\n',
            'a: cannot be read: CSV parse error: Row #2: Expected 3 columns, got 1: "a,1,1 b,1,1',
        ),
        (Format.CSV, None, "a: no such file"),
        (Format.CSV, gzip.compress(b"q,price,label\na,1,1\n")[:-4], "a: truncated gzip"),
        (Format.PARQUET, b"", "a: empty file"),
        (Format.PARQUET, gzip.compress(b"x"), "a: a gzip file, expected Parquet"),
        (Format.PARQUET, b"q,price\n", "a: not a Parquet file, or a truncated one"),
        (Format.PARQUET, None, "a: no such file"),
    ],
)
def test_files_that_cannot_be_read(
    folder: Any, format: Format, content: bytes | None, message: str
) -> None:
    spec = FeatureSpec(columns=(Feature("price"),), list_id="q")
    error = folder.error("a", content, format, spec)
    assert error.removesuffix(" Did you mean 'q1'?") == message


def test_a_damaged_parquet_page(folder: Any) -> None:
    content = bytearray(content_of(ROWS * 500, Format.PARQUET))
    content[40:400] = b"\xff" * 360
    error = folder.error("a", bytes(content), Format.PARQUET, SPEC)
    assert error.startswith("a: cannot be read")
    assert "\n" not in error


@pytest.mark.parametrize("format", FORMATS)
def test_no_rows(folder: Any, format: Format) -> None:
    content = content_of(ROWS[:1], format)
    if format is Format.PARQUET:
        out = io.BytesIO()
        parquet.write_table(parquet.read_table(io.BytesIO(content)).slice(0, 0), out)
        content = out.getvalue()
    else:
        content = content.splitlines(keepends=True)[0]
    assert folder.read("a", content, format, SPEC).batches == []
