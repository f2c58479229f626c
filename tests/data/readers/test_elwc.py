"""ELWC records: what is read, and what is said about each kind of bad record or file."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data import elwc_writer
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform
from data.lists import to_arrow
from data.readers import Format
from data.readers import ReadOptions
from data.readers import Repeated

HASH = {"dtype": DType.STRING, "transform": (Transform.HASH,), "buckets": 9}
SPEC = FeatureSpec(
    columns=(
        Feature("place", scope=Scope.CONTEXT, **HASH),  # type: ignore[arg-type]
        Feature("x"),
        Feature("pair", width=2, default=0.5),
        Feature("tags", width=2, **HASH),  # type: ignore[arg-type]
    ),
    weight="w",
    list_id="q",
    document_id="d",
)
DTYPES = {
    **dict.fromkeys(("place", "tags"), DType.STRING),
    **dict.fromkeys(("x", "pair", "w"), DType.FLOAT),
    **dict.fromkeys(("q", "d", "label"), DType.INT),
}
CONTEXT = {"place": [b"here"], "q": [7]}
FULL = {"x": [1.0], "pair": [1, 2], "tags": [b"a", b"b"], "label": [2], "w": [0.5], "d": [70]}
SPARSE = {"x": [3.0]}


def record(*documents: Any, context: Any = CONTEXT, **dtypes: DType) -> bytes:
    return elwc_writer.encode(context, documents, {**DTYPES, **dtypes})


def file_of(*records: bytes) -> bytes:
    return b"".join(framed(r) for r in records)


def framed(data: bytes) -> bytes:
    """One TFRecord: length, its checksum, the data, its checksum."""
    length = len(data).to_bytes(8, "little")
    return length + masked_crc(length) + data + masked_crc(data)


def masked_crc(data: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return ((((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")


GOOD = record(FULL, SPARSE)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_columns_defaults_and_types_from_the_data(folder: Any, pack: Any) -> None:
    content = pack(file_of(GOOD, record(FULL, context={"place": [b"there"]})))
    reading = folder.read("a", content, Format.ELWC, SPEC)
    lists, values = reading.lists, reading.lists.values
    assert reading.texts == []
    assert lists.ids == [b"7", b""]
    assert [folder.text(o) for o in lists.origins] == ["a: record 1", "a: record 2"]
    assert lists.sizes.tolist() == [2, 1]
    assert values["place"].tolist() == [[b"here"], [b"there"]]
    assert values["q"].tolist() == [[b"7"], [b""]]
    assert values["d"].tolist() == [[b"70"], [b""], [b"70"]]
    assert values["x"].tolist() == [[1], [3], [1]]
    assert values["pair"].tolist() == [[1, 2], [0.5, 0.5], [1, 2]]
    assert values["tags"].tolist() == [[b"a", b"b"], [b"", b""], [b"a", b"b"]]
    assert np.array_equal(values["label"][:, 0], [2, np.nan, 2], equal_nan=True)
    assert values["w"][:, 0].tolist() == [0.5, 1, 0.5]
    assert values["label"].dtype == values["w"].dtype == np.float32


@pytest.mark.parametrize("dtype", [DType.INT, DType.FLOAT])
def test_labels_of_either_type_even_if_late(folder: Any, dtype: DType, monkeypatch: Any) -> None:
    monkeypatch.setattr("data.readers.runs.MAX_LISTS", 1)
    late = record(SPARSE, {"x": [1], "label": [2], "w": [3]}, label=dtype, w=dtype)
    reading = folder.read("a", file_of(record(SPARSE), late), Format.ELWC, SPEC)
    assert reading.texts == []
    values = reading.lists.values
    assert np.array_equal(values["label"][:, 0], [np.nan, np.nan, 2], equal_nan=True)
    assert values["w"][:, 0].tolist() == [1, 1, 3]


def test_without_a_list_id(folder: Any) -> None:
    spec = FeatureSpec(columns=(Feature("x"),))
    lists = folder.read("a", file_of(GOOD), Format.ELWC, spec).lists
    assert lists.ids == [b""]


def test_a_list_without_documents_reaches_the_checks(folder: Any) -> None:
    lists = folder.read("a", file_of(record(), GOOD, b""), Format.ELWC, SPEC)
    assert lists.lists.sizes.tolist() == [0, 2]
    assert lists.texts == ["a: record 3: context: feature 'place': missing, expected bytes"]


def with_x(**change: Any) -> bytes:
    return record(FULL, {**SPARSE, **change})


BAD = [
    (b"\xff\xff not a message", "not an ExampleListWithContext"),
    (GOOD.replace(b"place", b"pl\xffce"), "not an ExampleListWithContext"),
    (
        record({**FULL, "x": [4], "tags": [b"\xff"]}, x=DType.INT),
        "document 1: feature 'x': found int64, expected float",
    ),
    (record(FULL, {}), "document 2: feature 'x': missing, expected a float"),
    (record(FULL, context={}), "context: feature 'place': missing, expected bytes"),
    (with_x(x=[1, 2, 3]), "document 2: feature 'x': found 3 values, expected 1"),
    (with_x(x=[]), "document 2: feature 'x': found 0 values, expected 1"),
    (with_x(pair=[1]), "document 2: feature 'pair': found 1 values, expected 2"),
    (
        with_x(tags=[b"a", b"b", b"c"]),
        "document 2: feature 'tags': found 3 values, expected at most 2",
    ),
    (
        record({**FULL, "label": [1.0]}, label=DType.FLOAT),
        "document 1: feature 'label': found float, expected int64",
    ),
]


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_a_bad_record_is_refused_alone(folder: Any, bad: bytes, reason: str) -> None:
    reading = folder.read("a", file_of(GOOD, GOOD, bad, GOOD), Format.ELWC, SPEC)
    assert reading.texts == [f"a: record 3: {reason}"]
    origins = [folder.text(origin) for origin in reading.lists.origins]
    assert origins == ["a: record 1", "a: record 2", "a: record 4"]
    assert reading.lists.sizes.tolist() == [2, 2, 2]


def test_only_bad_records(folder: Any) -> None:
    reading = folder.read("a", file_of(b"\xff"), Format.ELWC, SPEC)
    assert reading.batches == []
    assert reading.texts == ["a: record 1: not an ExampleListWithContext"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a: empty file"),
        (None, "a: no such file"),
        (
            b"text, not records",
            "a: not a TFRecord file, or a damaged one: cannot be read after record 0",
        ),
        (
            file_of(GOOD, GOOD, GOOD)[:-3],
            "a: not a TFRecord file, or a damaged one: cannot be read after record 2",
        ),
        (
            file_of(GOOD) + framed(GOOD).replace(b"here", b"hurt"),
            "a: not a TFRecord file, or a damaged one: cannot be read after record 1",
        ),
        (
            gzip.compress(file_of(GOOD, GOOD))[:-30],
            "a: not a TFRecord file, or a damaged one: cannot be read after record 0",
        ),
    ],
)
def test_files_that_cannot_be_read(folder: Any, content: bytes | None, message: str) -> None:
    assert folder.error("a", content, Format.ELWC, SPEC) == message


def test_large_records_are_decoded_in_portions(folder: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("data.readers.elwc._MAX_BYTES", 2 * len(GOOD))
    reading = folder.read("a", file_of(*[GOOD] * 5), Format.ELWC, SPEC)
    assert [len(batch) for batch in reading.batches] == [2, 2, 1]


def test_elwc_and_libsvm_of_the_same_lists_are_equal(folder: Any, ranking_data: Path) -> None:
    family = Feature("custom_features_*", members="1..136", default=0.0)
    spec = FeatureSpec(columns=(family,), label="utility")
    samples = ranking_data / "tfr-samples"
    records = folder.read(str(samples / "train_numerical_elwc.tfrecord"), None, Format.ELWC, spec)
    options = ReadOptions(index_name="custom_features_*", repeated_index=Repeated.LAST)
    text = folder.read(str(samples / "train.txt"), None, Format.LIBSVM, spec, options)
    assert len(records.lists) == 27
    assert to_arrow(records.lists, spec).equals(to_arrow(text.lists, spec))
