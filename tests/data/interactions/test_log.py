"""One log in every layout gives the same interactions; each bad row is one clear line."""

from __future__ import annotations

import datetime
import functools
import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from data.interactions import InteractionOptions
from data.interactions import Layout
from data.interactions import SplitRule
from data.interactions.log import SCHEMA
from data.interactions.log import read_log
from tests.data.interactions.reading import Folder
from tests.data.interactions.reading import parquet_of

ROWS = [
    ("196", "242", "3", "881250949"),
    ("186", "302", "3.5", "891717742"),
    ("196", "7", "-1", "0.25"),
    ("007", "7", "5", "878887116"),
]
NAMED: dict[str, Any] = {"user": "who", "item": "what", "value": "stars", "time": "at"}
OPTIONS = {
    layout: InteractionOptions(layout=layout, **(NAMED if layout in ("csv", "parquet") else {}))
    for layout in Layout
}
SEPARATORS = {Layout.ML_100K: "\t", Layout.ML_1M: "::", Layout.NCF: "\t"}
HEADERS = {
    Layout.CSV: ("extra", "who", "what", "stars", "at"),
    Layout.ML_CSV: ("userId", "movieId", "rating", "timestamp"),
}
COLUMNS = {
    layout: tuple(NAMED.values())
    if layout in ("csv", "parquet")
    else HEADERS.get(layout, ("user_id", "movie_id", "rating", "timestamp"))
    for layout in Layout
} | {Layout.NCF: ("user_id", "item_id", "rating", "timestamp")}
TEXT = [layout for layout in Layout if layout is not Layout.PARQUET]


def content_of(layout: Layout, rows: Sequence[Sequence[str]] = ROWS, end: str = "\n") -> bytes:
    if layout is Layout.PARQUET:
        users, items, values, times = ([row[i] or None for row in rows] for i in range(4))
        numbers = {"stars": [float(v) if v else None for v in values]}
        numbers["at"] = [float(t) if t else None for t in times]
        return parquet_of({"who": users, "what": items, **numbers})
    if layout in SEPARATORS:
        return (end.join(SEPARATORS[layout].join(row) for row in rows) + end).encode()
    first = ("x",) if layout is Layout.CSV else ()
    lines = [HEADERS[layout], *((*first, *row) for row in rows)]
    return (end.join(",".join(line) for line in lines) + end).encode()


def read(
    folder: Folder, content: bytes | str, options: InteractionOptions, name: str = "log"
) -> list[dict[str, Any]]:
    path = folder.write(name, content)
    batches = list(read_log(path, options, folder.refusals.append))
    assert all(batch.schema == SCHEMA for batch in batches)
    return [row for batch in batches for row in batch.to_pylist()]


def expected(folder: Folder, rows: Sequence[Sequence[str]] = ROWS) -> list[dict[str, Any]]:
    return [
        {
            "user": user.encode(),
            "item": item.encode(),
            "value": float(value),
            "time": float(time),
            "row": number,
            "file": str(folder.path / "log"),
        }
        for number, (user, item, value, time) in enumerate(rows, 1)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.mark.parametrize("layout", list(Layout))
def test_every_layout(folder: Folder, layout: Layout) -> None:
    assert read(folder, content_of(layout), OPTIONS[layout]) == expected(folder)
    assert folder.texts == []


@pytest.mark.parametrize("layout", TEXT)
@pytest.mark.parametrize("zipped", [False, True])
def test_windows_lines_byte_order_mark_and_gzip(
    folder: Folder, layout: Layout, zipped: bool
) -> None:
    content = "\N{BOM}".encode() + content_of(layout, end="\r\n").removesuffix(b"\r\n")
    content = gzip.compress(content) if zipped else content
    assert read(folder, content, OPTIONS[layout]) == expected(folder)


BAD = {
    (0, ""): "column '{0}': missing, expected an id",
    (1, ""): "column '{1}': missing, expected an id",
    (2, ""): "column '{2}': missing, expected a number",
    (3, ""): "column '{3}': missing, expected a number",
    (2, "nan"): "column '{2}': found 'nan', expected a number",
    (2, "1e39"): "column '{2}': found '1e{}39', expected a number",
    (3, "inf"): "column '{3}': found 'inf', expected a number",
}
BAD_TEXT = {
    (2, "good"): "column '{2}': found 'good', expected a number",
    (2, "1_0"): "column '{2}': found '1_0', expected a number",
    (3, "12:30"): "column '{3}': found '12:30', expected a number",
}


@pytest.mark.parametrize(
    ("layout", "change", "reason"),
    [(layout, *case) for layout in Layout for case in BAD.items()]
    + [(layout, *case) for layout in TEXT for case in BAD_TEXT.items()],
)
def test_a_bad_cell_costs_its_row(
    folder: Folder, layout: Layout, change: tuple[int, str], reason: str
) -> None:
    column, cell = change
    rows = [list(row) for row in ROWS]
    rows[1][column] = cell
    found = read(folder, content_of(layout, rows), OPTIONS[layout])
    assert found == [expected(folder)[i] for i in (0, 2, 3)]
    unit = "line" if layout in SEPARATORS else "row"
    parsed = reason.replace("1e{}39", "1e+39" if layout is Layout.PARQUET else "1e39")
    assert folder.texts == [f"log: {unit} 2: {parsed.format(*COLUMNS[layout])}"]


@pytest.mark.parametrize("layout", list(SEPARATORS))
def test_a_line_with_other_cells_is_refused(folder: Folder, layout: Layout) -> None:
    lines = content_of(layout).decode().splitlines()
    lines[1:1] = ["1,2,3,4", "", "  ", SEPARATORS[layout].join("12345"), "\N{EURO SIGN}"]
    found = read(folder, "\n".join(lines), OPTIONS[layout])
    numbers = [1, 7, 8, 9]
    assert found == [{**row, "row": n} for row, n in zip(expected(folder), numbers, strict=True)]
    shown = "1::2::3::4::5" if layout is Layout.ML_1M else "1\ufffd2\ufffd3\ufffd4\ufffd5"
    rule = "expected 4 cells parted by " + ("'::'" if layout is Layout.ML_1M else "tabs")
    assert folder.texts == [
        f"log: line 2: found '1,2,3,4', {rule}",
        f"log: line 5: found '{shown}', {rule}",
        f"log: line 6: found '\N{EURO SIGN}', {rule}",
    ]


def test_a_csv_row_with_other_cells_is_refused(folder: Folder) -> None:
    lines = content_of(Layout.ML_CSV).decode().splitlines()
    lines[2:2] = ["1;2;3;4", "1,2,3,4,5"]
    found = read(folder, "\n".join(lines), OPTIONS[Layout.ML_CSV])
    assert [row["row"] for row in found] == [1, 4, 5, 6]
    assert folder.texts == [
        "log: row 2: found 1 cells, expected 4",
        "log: row 3: found 5 cells, expected 4",
    ]


WRONG_FORM = {
    (Layout.ML_1M, "1,2,3,4\n5,6,7,8\n"): (
        "log: no line has the 4 cells user_id, movie_id, rating, timestamp parted by '::';"
        " line 1: found '1,2,3,4', expected 4 cells parted by '::'"
    ),
    (Layout.ML_100K, "\n1::2::3::4\n"): (
        "log: no line has the 4 cells user_id, movie_id, rating, timestamp parted by tabs;"
        " line 2: found '1::2::3::4', expected 4 cells parted by tabs"
    ),
    (Layout.NCF, "1 2 3\n"): (
        "log: no line has the 4 cells user_id, item_id, rating, timestamp parted by tabs;"
        " line 1: found '1 2 3', expected 4 cells parted by tabs"
    ),
    (Layout.ML_CSV, "userId;movieId;rating;timestamp\n1;2;3;4\n"): (
        "log: found one column, 'userId;movieId;rating;timestamp', expected a header with cells"
        " parted by ','"
    ),
    (Layout.ML_CSV, "userId,movieId,rating,timestamp\n1;2;3;4\n5;6;7;8\n"): (
        "log: no row has the 4 cells userId, movieId, rating, timestamp parted by ',';"
        " row 1: found 1 cells, expected 4"
    ),
    (Layout.ML_CSV, "userId,movie,rating,timestamp\n1,2,3,4\n"): (
        "log: no column 'movieId'; found 'userId', 'movie', 'rating', 'timestamp'."
        " Did you mean 'movie'?"
    ),
    (
        Layout.CSV,
        "who,what,stars\n1,2,3\n",
    ): ("log: no column 'at'; found 'who', 'what', 'stars'. Did you mean 'what'?"),
    (Layout.PARQUET, "who,what\n"): "log: not a Parquet file, or a truncated one",
    (Layout.ML_1M, "a\0b"): "log: found binary data, expected text with cells parted by '::'",
    (Layout.ML_1M, ""): "log: empty file",
}


@pytest.mark.parametrize(("case", "message"), WRONG_FORM.items(), ids=str)
def test_a_file_of_another_form(folder: Folder, case: tuple[Layout, str], message: str) -> None:
    layout, content = case
    assert folder.error(lambda: read(folder, content, OPTIONS[layout])) == message


@pytest.mark.parametrize("layout", TEXT)
def test_text_must_be_utf8(folder: Folder, layout: Layout) -> None:
    content = content_of(layout).replace(b"242", b"\xe9")
    line = 1 if layout in SEPARATORS else 2
    assert folder.error(lambda: read(folder, content, OPTIONS[layout])) == (
        f"log: line {line}: found byte 0xe9, expected UTF-8 text"
    )


def test_a_damaged_gzip(folder: Folder) -> None:
    content = gzip.compress(content_of(Layout.ML_1M))[:-5]
    error = folder.error(lambda: read(folder, content, OPTIONS[Layout.ML_1M]))
    assert error == "log: truncated gzip"


def test_ncf_lines_without_time(folder: Folder) -> None:
    options = InteractionOptions(layout=Layout.NCF, user="u", item="i")
    found = read(folder, "0\t31\t4\n0\t22\t5\n1\t5\n0\t1\t\n", options)
    assert [row["item"] for row in found] == [b"31", b"22"]
    assert [row["time"] for row in found] == [0, 0]
    assert folder.texts == [
        "log: line 3: found '1\ufffd5', expected 3 cells parted by tabs",
        "log: line 4: column 'rating': missing, expected a number",
    ]
    timed = InteractionOptions(layout=Layout.NCF, split=SplitRule.TIME, test_from=1.0)
    assert folder.error(lambda: read(folder, "0\t31\t4\n", timed)) == (
        "log: found 3 columns, expected a fourth of times for split = 'time'"
    )


def test_without_value_and_time(folder: Folder) -> None:
    content = 'b;a\n"x;""y";1\n\u00e9;2\n'
    found = read(folder, content, InteractionOptions(user="a", item="b", delimiter=";"))
    kept = [(row["user"], row["item"], row["value"], row["time"]) for row in found]
    assert kept == [(b"1", b'x;"y', 1, 0), (b"2", "\u00e9".encode(), 1, 0)]


def test_parquet_types(folder: Folder) -> None:
    options = OPTIONS[Layout.PARQUET]
    noon = datetime.datetime(2000, 1, 1, 12, tzinfo=datetime.timezone.utc)
    table: dict[str, Any] = {
        "who": pa.array([5, 6]),
        "what": pa.array(["a", "b"]).dictionary_encode(),
        "stars": pa.array([1, None], pa.int8()),
        "at": pa.array([noon, noon], pa.timestamp("ns", "Europe/Paris")),
    }
    found = read(folder, parquet_of(table), options)
    assert [(row["user"], row["item"], row["value"]) for row in found] == [(b"5", b"a", 1)]
    assert found[0]["time"] == noon.timestamp()
    assert folder.texts == ["log: row 2: column 'stars': missing, expected a number"]
    dates = pa.array([noon.date()] * 2)
    days = read(folder, parquet_of({**table, "at": dates, "stars": [1, 2]}), options)
    assert [row["time"] for row in days] == [noon.timestamp() - 12 * 3600] * 2
    for name, values, rule in (
        ("who", [1.0, 2.0], "double, expected a string or an integer"),
        ("stars", ["1", "2"], "string, expected numbers"),
    ):
        read_other = functools.partial(read, folder, parquet_of({**table, name: values}), options)
        assert folder.error(read_other) == f"log: column '{name}': found type {rule}"
    folder.refusals.clear()
    assert len(read(folder, parquet_of({**table, "who": [b"\xe9", b"u"]}), options)) == 0
    assert folder.texts[0] == "log: row 1: column 'who': found '\ufffd', expected UTF-8 text"


@pytest.mark.parametrize("layout", list(Layout))
def test_batches_are_bounded_and_keep_the_numbers(
    folder: Folder, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.interactions.lines.MAX_ROWS", 7)
    monkeypatch.setattr("data.interactions.lines._BLOCK", 300)
    monkeypatch.setattr("data.readers.numbered._BLOCK", 300)
    rows = [(str(i), str(i + 1), "" if i == 50 else "3", str(i)) for i in range(1, 101)]
    path = folder.write("log", content_of(layout, rows))
    batches = list(read_log(path, OPTIONS[layout], folder.refusals.append))
    assert max(batch.num_rows for batch in batches) <= 7
    found = [row for batch in batches for row in batch.to_pylist()]
    assert [row["row"] for row in found] == [i for i in range(1, 101) if i != 50]
    assert all(row["user"] == str(row["row"]).encode() for row in found)
