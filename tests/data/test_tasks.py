"""Further labels: from the raw logs to what a model is trained on, -1 where there is none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
import tensorflow as tf

from data import checks
from data import columnar
from data import elwc_writer
from data import policies
from data import readers
from data import transformed as transformed_lib
from data.errors import InputError
from data.features import UNLABELLED
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.lists import Lists
from data.lists import merge
from data.policies import Keep
from data.policies import ListPolicy
from data.readers import Format
from data.requests import from_json
from tests.samples import stored

SPEC = FeatureSpec((Feature("x"),), weight="w", list_id="q", tasks=("bought", "minutes"))
ROWS: list[dict[str, Any]] = [
    {"q": "a", "x": 1, "label": 2, "bought": 1, "minutes": 2.5, "w": 1},
    {"q": "a", "x": 2, "label": 0, "w": 2},
    {"q": "b", "x": 3, "label": 1, "bought": 0, "minutes": -7},
]
"""Three documents of two lists; a value that is not there is missing."""
EXPECTED = {
    "x": [[1, 2], [3]],
    "label": [[2, 0], [1]],
    "bought": [[1, -1], [0]],
    "minutes": [[2.5, -1], [-1]],
    "w": [[1, 2], [1]],
}


NAMES = ("q", "x", *SPEC.label_columns)


def write_elwc(path: Path, whole: str) -> None:
    """Writes the rows, with integers in the column `whole`."""
    kinds = {**dict.fromkeys(NAMES, DType.FLOAT), "q": DType.STRING, whole: DType.INT}
    with tf.io.TFRecordWriter(str(path)) as writer:
        for key in ("a", "b"):
            documents = [
                {name: [value] for name, value in row.items() if name != "q"}
                for row in ROWS
                if row["q"] == key
            ]
            writer.write(elwc_writer.encode({"q": [key.encode()]}, documents, kinds))


def write_csv(path: Path) -> None:
    cells = [[str(row.get(name, "")) for name in NAMES] for row in ROWS]
    path.write_text("\n".join(",".join(line) for line in [NAMES, *cells]))


def write_parquet(path: Path) -> None:
    parquet.write_table(pa.table({n: [row.get(n) for row in ROWS] for n in NAMES}), path)


WRITERS = [
    pytest.param(Format.ELWC, partial(write_elwc, whole="bought"), id="elwc-integers"),
    pytest.param(Format.ELWC, partial(write_elwc, whole="label"), id="elwc-floats"),
    pytest.param(Format.CSV, write_csv, id="csv"),
    pytest.param(Format.PARQUET, write_parquet, id="parquet"),
]


def lists_of(path: Path, format: Format, spec: FeatureSpec = SPEC) -> Lists:
    refused: list[readers.Refusal] = []
    read = readers.read(str(path), format=format, spec=spec, refuse=refused.append)
    lists = checks.check(merge(list(read)), spec, refused.append)
    assert refused == []
    return lists


@pytest.mark.parametrize(("format", "write"), WRITERS)
def test_tasks_travel_from_the_logs_to_the_parsed_batch(
    tmp_path: Path, format: Format, write: Callable[[Path], None]
) -> None:
    path = tmp_path / "logs"
    write(path)
    counts: dict[str, int] = {}
    lists = policies.apply(
        lists_of(path, format), ListPolicy(), SPEC, lambda refusal: None, counts.__setitem__
    )
    assert {lists.values[name].dtype for name in SPEC.targets} == {np.dtype(np.float32)}
    assert counts == {"documents without a label 'bought'": 1} | {
        "documents without a label 'minutes'": 2
    }
    serialized = tf.constant(stored(lists, SPEC))
    parsed = columnar.parse(serialized, SPEC.features, labels=SPEC.label_columns)
    assert {name: column.to_list() for name, column in parsed.items()} == EXPECTED


def test_what_the_reader_gives_has_no_gaps(tmp_path: Path) -> None:
    write_csv(tmp_path / "a")
    values = lists_of(tmp_path / "a", Format.CSV).values
    assert values["bought"][:, 0].tolist() == [1, UNLABELLED, 0]
    assert values["minutes"][:, 0].tolist() == [2.5, UNLABELLED, -7]


def applied(policy: ListPolicy, lists: Lists) -> Lists:
    return policies.apply(lists, policy, SPEC, lambda refusal: None, lambda name, number: None)


def test_all_that_is_no_label_becomes_one_value(tmp_path: Path) -> None:
    write_csv(tmp_path / "a")
    lists = lists_of(tmp_path / "a", Format.CSV)
    lists.values["minutes"][:, 0] = [np.nan, -0.5, 0]
    assert applied(ListPolicy(), lists).values["minutes"][:, 0].tolist() == [-1, -1, 0]


def test_binary_labels_are_those_of_the_tasks_as_well(tmp_path: Path) -> None:
    write_csv(tmp_path / "a")
    values = applied(ListPolicy(binary_labels=True), lists_of(tmp_path / "a", Format.CSV)).values
    found = {name: values[name][:, 0].tolist() for name in SPEC.label_columns}
    assert found == {
        "label": [1, 0, 1],
        "bought": [1, -1, 0],
        "minutes": [1, -1, -1],
        "w": [1, 2, 1],
    }


def test_columns_stay_in_step_where_lists_are_cut(tmp_path: Path) -> None:
    write_csv(tmp_path / "a")
    policy = ListPolicy(max_list_size=1, keep=Keep.RELEVANT)
    values = applied(policy, lists_of(tmp_path / "a", Format.CSV)).values
    found = {name: values[name][:, 0].tolist() for name in SPEC.label_columns}
    assert found == {"label": [2, 1], "bought": [1, 0], "minutes": [2.5, -1], "w": [1, 1]}


def test_an_infinite_task_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("q,x,label,bought,minutes,w\na,1,1,1,-inf,1\n")
    [lists] = readers.read(
        str(tmp_path / "a"), format=Format.CSV, spec=SPEC, refuse=lambda refusal: None
    )
    refused: list[readers.Refusal] = []
    assert len(checks.check(lists, SPEC, refused.append)) == 0
    assert [refusal.reason for refusal in refused] == [
        "document 1: feature 'minutes': found '-inf', expected a finite number"
    ]


def test_a_table_without_the_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("q,x,label,bougth,minutes,w\n")
    with pytest.raises(InputError) as caught:
        lists_of(tmp_path / "a", Format.CSV)
    assert str(caught.value) == (
        f"{tmp_path / 'a'}: no column 'bought'; found 'q', 'x', 'label', 'bougth', 'minutes', 'w'."
        " Did you mean 'bougth'?"
    )


def test_libsvm_has_no_room_for_tasks(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1 qid:1 1:1\n")
    spec = FeatureSpec((Feature("1"),), tasks=("2", "minutes"))
    with pytest.raises(InputError) as caught:
        lists_of(tmp_path / "a", Format.LIBSVM, spec)
    assert str(caught.value) == (
        f"{tmp_path / 'a'}: LibSVM text has one label per document and no room for tasks,"
        " found '2', 'minutes'"
    )


def test_requests_may_hold_tasks_which_are_ignored() -> None:
    plain = '{"context": {"q": "a"}, "documents": [{"x": 1}]}'
    full = plain.replace('"x": 1', '"x": 1, "bought": 1, "minutes": "many"')
    assert from_json(full, SPEC, "a") == from_json(plain, SPEC, "a")


def test_transformed_lists_have_them_beside_label_and_weight() -> None:
    transformed = transformed_lib.TransformedSpec(SPEC, {})
    assert transformed.labels == ("label", "bought", "minutes", "w")
    features = {
        f"{name}{transformed_lib.TRANSFORM_SUFFIX}": tf.train.Feature(
            float_list=tf.train.FloatList(value=[1, UNLABELLED])
        )
        for name in ("document_numeric", *SPEC.label_columns)
    }
    example = tf.train.Example(features=tf.train.Features(feature=features))
    found = transformed_lib.parse(tf.constant([example.SerializeToString()]), transformed)
    for name in SPEC.label_columns:
        assert found[name].to_list() == [[1, -1]]
