"""CSV and Parquet without lists: each row is an impression, and a bad one is refused alone."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from data.features import Feature
from data.features import FeatureSpec
from data.readers import Format

SPEC = FeatureSpec((Feature("x"), Feature("y", default=2.0)), label="click", impressions=True)
FORMATS = [Format.CSV, Format.PARQUET]


def content(xs: list[float | None], format: Format) -> bytes:
    clicks = [i % 2 for i in range(len(xs))]
    if format is Format.CSV:
        rows = zip(clicks, xs, strict=True)
        text = "".join(f"{click},{'' if x is None else x}\n" for click, x in rows)
        return ("click,x\n" + text).encode()
    out = io.BytesIO()
    parquet.write_table(pa.table({"click": clicks, "x": pa.array(xs, pa.float64())}), out)
    return out.getvalue()


@pytest.mark.parametrize("format", FORMATS)
def test_each_row_is_a_list_of_its_own(folder: Any, format: Format) -> None:
    lists = folder.read("a", content([5.0, 6.0, 7.0], format), format, SPEC).lists
    assert lists.sizes.tolist() == [1, 1, 1]
    assert list(lists.ids) == [b""] * 3
    assert {n: column[:, 0].tolist() for n, column in lists.values.items()} == {
        "x": [5, 6, 7],
        "y": [2, 2, 2],
        "click": [0, 1, 0],
    }


@pytest.mark.parametrize("format", FORMATS)
def test_a_bad_row_is_refused_alone(folder: Any, format: Format) -> None:
    reading = folder.read("a", content([5.0, None, 7.0, None], format), format, SPEC)
    assert reading.texts == [
        f"a: row {row}: column 'x': missing, expected a number" for row in (2, 4)
    ]
    assert [refusal.list_id for refusal in reading.refusals] == [b"", b""]
    assert [folder.text(origin) for origin in reading.lists.origins] == ["a: row 1", "a: row 3"]
    assert reading.lists.values["x"].tolist() == [[5], [7]]


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_comes_of_nothing_but_bad_rows(folder: Any, format: Format) -> None:
    reading = folder.read("a", content([None, None], format), format, SPEC)
    assert len(reading.texts) == 2
    assert reading.batches == []


def test_rows_come_in_batches(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.readers.runs.MAX_ROWS", 10)
    reading = folder.read("a", content([float(i) for i in range(25)], Format.CSV), Format.CSV, SPEC)
    assert [len(batch) for batch in reading.batches] == [10, 10, 5]
    assert reading.lists.values["x"][:, 0].tolist() == list(range(25))
