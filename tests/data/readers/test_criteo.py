"""Criteo's files: what a line becomes, and what is said of one that is none."""

from __future__ import annotations

import gzip
from typing import Any

import numpy as np
import pytest

from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Transform
from data.lists import Lists
from data.readers import Format
from data.readers import criteo

COLUMNS = (
    Feature("I1", dtype=DType.INT, default=-9),
    Feature("I2"),
    Feature("I13", default=0.5),
    Feature("C1", dtype=DType.STRING, transform=(Transform.VOCABULARY,)),
    Feature("C26", dtype=DType.STRING, transform=(Transform.VOCABULARY,), default=""),
)
SPEC = FeatureSpec(COLUMNS, label="click", impressions=True)
NAMES = ["label", *criteo.INTEGERS, *criteo.CATEGORIES]
ROW = {"label": "0", "I1": "4", "I2": "-3", "I13": "7", "C1": "68fd1e64", "C26": "0A"}


def line(separator: str = "\t", **cells: str) -> str:
    return separator.join({**ROW, **cells}.get(name, "") for name in NAMES) + "\n"


LINES = line() + line(label="1", I1="", I2=str(2**40), I13="", C26="")


def check(lists: Lists) -> None:
    assert lists.sizes.tolist() == [1, 1]
    assert list(lists.ids) == [b"", b""]
    values = {name: column[:, 0].tolist() for name, column in lists.values.items()}
    assert values == {
        "click": [0, 1],
        "I1": [4, -9],
        "I2": [-3, 2**40],
        "I13": [7, 0.5],
        "C1": [b"68fd1e64"] * 2,
        "C26": [b"0A", b""],
    }
    assert lists.values["I1"].dtype == np.int64
    assert lists.values["I2"].dtype == lists.values["click"].dtype == np.float32


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_lines_as_criteo_published_them(folder: Any, pack: Any) -> None:
    lists = folder.read("day", pack(LINES.encode()), Format.CRITEO, SPEC).lists
    check(lists)
    assert [folder.text(origin) for origin in lists.origins] == ["day: line 1", "day: line 2"]


@pytest.mark.parametrize(("separator", "label"), [("\t", "label"), (",", "Label")])
def test_copies_with_a_header(folder: Any, separator: str, label: str) -> None:
    header = separator.join([label, *NAMES[1:]]) + "\n"
    content = header + LINES.replace("\t", separator)
    lists = folder.read("day", content.encode(), Format.CRITEO, SPEC).lists
    check(lists)
    assert [folder.text(origin) for origin in lists.origins] == ["day: row 1", "day: row 2"]


def test_a_copy_may_have_ids(folder: Any) -> None:
    spec = FeatureSpec(COLUMNS, document_id="Id", impressions=True)
    content = "Id,Label" + ",".join(["", *NAMES[1:]]) + "\n77," + line(",")
    lists = folder.read("day", content.encode(), Format.CRITEO, spec).lists
    assert lists.values["Id"].tolist() == [[b"77"]]
    assert lists.values["label"].tolist() == [[0]]


CATEGORY = "expected 1 to 8 hexadecimal digits"


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"label": "2"}, "column 'click': found '2', expected 0 or 1"),
        ({"label": "yes"}, "column 'click': found 'yes', expected a number"),
        ({"I2": ""}, "column 'I2': missing, expected an integer"),
        ({"I2": "1.5"}, "column 'I2': found '1.5', expected an integer"),
        ({"I1": "four"}, "column 'I1': found 'four', expected an integer"),
        ({"I1": str(2**63)}, f"column 'I1': found '{2**63}', expected an integer of 64 bits"),
        ({"I2": "-1e30"}, "column 'I2': found '-1e30', expected an integer of 64 bits"),
        ({"C1": "68fg1e64"}, f"column 'C1': found '68fg1e64', {CATEGORY}"),
        ({"C1": "0123456789"}, f"column 'C1': found '0123456789', {CATEGORY}"),
        ({"C1": ""}, "column 'C1': missing, expected a string"),
        ({"C26": " 12"}, f"column 'C26': found ' 12', {CATEGORY}"),
        ({"C26": "\N{GREEK SMALL LETTER ALPHA}"}, f"column 'C26': found 'α', {CATEGORY}"),
    ],
)
def test_a_bad_line_is_refused_alone(folder: Any, cells: dict[str, str], message: str) -> None:
    content = (line() + line(**cells) + line()).encode()
    reading = folder.read("day", content, Format.CRITEO, SPEC)
    assert reading.texts == [f"day: line 2: {message}"]
    assert reading.lists.sizes.tolist() == [1, 1]


def test_lines_with_too_few_or_too_many_cells(folder: Any) -> None:
    content = line() + "1\t2\n" + line() + line().strip("\n") + "\t\n"
    reading = folder.read("day", content.encode(), Format.CRITEO, SPEC)
    assert reading.texts == [
        "day: line 2: found 2 cells, expected 40",
        "day: line 4: found 41 cells, expected 40",
    ]
    assert [folder.text(origin) for origin in reading.lists.origins] == [
        "day: line 1",
        "day: line 3",
    ]


def test_an_empty_label_is_a_missing_one(folder: Any) -> None:
    reading = folder.read("day", line(label="").encode(), Format.CRITEO, SPEC)
    assert reading.texts == []
    assert np.isnan(reading.lists.values["click"]).all()


@pytest.mark.parametrize(
    ("feature", "message"),
    [
        (Feature("I14"), "no column 'I14'; found 'click', 'I1', 'I2', 'I3', 'I4', 'I5', 'I6',"),
        (
            Feature("C1", dtype=DType.INT, transform=(Transform.VOCABULARY,)),
            "feature 'C1': categories are text; set dtype = 'string'",
        ),
        (
            Feature("I1", dtype=DType.STRING, transform=(Transform.VOCABULARY,)),
            "feature 'I1': integers are numbers; set dtype = 'int' or 'float'",
        ),
    ],
)
def test_features_that_criteo_does_not_have(folder: Any, feature: Feature, message: str) -> None:
    spec = FeatureSpec((feature,), label="click", impressions=True)
    error = folder.error("day", line().encode(), Format.CRITEO, spec)
    assert error.startswith(f"day: {message}")


def test_text_of_another_form(folder: Any) -> None:
    assert folder.error("day", b"1,2,3\n", Format.CRITEO, SPEC) == (
        "day: line 1: found '1,2,3', expected a header or 40 cells parted by tabs"
    )


def test_long_files_come_in_batches(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.readers.numbered._BLOCK", 1 << 14)
    content = "".join(line(I1=str(i), C1=f"{i:x}") for i in range(1000)).encode()
    reading = folder.read("day", content, Format.CRITEO, SPEC)
    assert len(reading.batches) > 2
    assert reading.lists.values["I1"][:, 0].tolist() == list(range(1000))
    assert [int(cell, 16) for cell in reading.lists.values["C1"][:, 0]] == list(range(1000))


@pytest.mark.parametrize(
    ("name", "rows", "clicks"),
    [("kaggle_dac_first1999.csv.gz", 1999, 418), ("criteo_sample_200.txt", 200, 49)],
)
def test_the_public_samples(
    folder: Any, ranking_data: Any, name: str, rows: int, clicks: int
) -> None:
    content = (ranking_data / "criteo" / name).read_bytes()
    string = {"dtype": DType.STRING, "transform": (Transform.VOCABULARY,), "default": ""}
    spec = FeatureSpec(
        (
            Feature("I*", members="1..13", dtype=DType.INT, default=0),
            Feature("C*", members="1..26", **string),  # type: ignore[arg-type]
        ),
        impressions=True,
    )
    reading = folder.read(name, content, Format.CRITEO, spec)
    assert reading.texts == []
    assert len(reading.lists) == rows
    assert reading.lists.values["label"].sum() == clicks
    assert reading.lists.values["I2"].min() < 0
