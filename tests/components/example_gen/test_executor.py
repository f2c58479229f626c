"""Ingestion: which lists come out, in which split, and what is said of those that do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from data import columnar
from data import synthetic
from data import synthetic_files
from data.features import Feature
from data.features import FeatureSpec
from data.policies import ListPolicy
from data.policies import NoRelevant
from data.readers import Format
from pipeline.examples import ExamplesConfig
from tests.components.example_gen.conftest import Ingestion

HEADER = "query,age,x,label\n"
CSV: dict[str, Any] = {"format": Format.CSV}


def rows(*cells: tuple[str, float], age: float = 1, label: int | None = None) -> str:
    """Rows of `query, x`; the labels of each file alternate unless one is given."""
    return "".join(
        f"{query},{age},{x},{i % 2 if label is None else label}\n"
        for i, (query, x) in enumerate(cells)
    )


def two(query: str, x: float = 0.0) -> str:
    return rows((query, x), (query, x + 1))


VALIDATION = {"validation.csv": HEADER + two("v")}


def test_given_splits_of_elwc_become_the_lists_that_were_written(ingestion: Ingestion) -> None:
    config = synthetic.Synthetic(train=9, validation=3, test=2)
    logs = ingestion.folder / "logs"
    synthetic_files.write(config, logs)
    spec = synthetic.spec()
    splits = {name: f"{name}/*" for name in config.splits}
    ingestion.artifact(ExamplesConfig(format=Format.ELWC, base=str(logs), splits=splits), spec)
    for name in splits:
        expected = synthetic.generate(config, name).lists
        parsed = columnar.parse(
            tf.constant(ingestion.serialized(name)), spec.raw, labels=[spec.label]
        )
        order = parsed[spec.list_id].numpy()[:, 0].argsort()
        assert sorted(parsed[spec.list_id].numpy()[:, 0]) == expected.ids
        for column in (spec.label, "price", "title_tokens", "document_id"):
            found = tf.gather(parsed[column], order).flat_values.numpy()
            assert found.tolist() == expected.values[column].reshape(found.shape).tolist(), column


def test_rows_of_a_list_come_together_from_anywhere(ingestion: Ingestion) -> None:
    """In the order of the files, part 2 before part 10, and of the rows."""
    done = ingestion.run(
        {
            "train-10.csv": HEADER + rows(("a", 6), ("c", 9), ("a", 7)),
            "train-2.csv": HEADER + rows(("a", 1), ("b", 5), ("a", 2), ("b", 6), ("a", 3)),
            **VALIDATION,
        },
        **CSV,
    )
    assert done.lists == {
        "train": {"a": [1, 2, 3, 6, 7], "b": [5, 6], "c": [9]},
        "validation": {"v": [0, 1]},
    }
    assert done.report == {
        "lists": 4,
        "train documents": 8,
        "train lists": 3,
        "train lists without a relevant document": 1,
        "validation documents": 2,
        "validation lists": 1,
    }
    assert done.refused == []


def test_hash_splits_are_disjoint_and_always_the_same(tmp_path: Path) -> None:
    ids = [f"list {i}" for i in range(40)]
    shares = {"train": 3, "validation": 1}
    found = []
    for name, order in (("one", ids), ("other", ids[::-1])):
        (tmp_path / name).mkdir()
        done = Ingestion(tmp_path / name).run(
            {"all.csv": HEADER + "".join(two(key) for key in order)},
            splits={"all": "*"},
            hash_splits=shares,
            **CSV,
        )
        found.append({split: sorted(lists) for split, lists in done.lists.items()})
    assert found[0] == found[1]
    assert set(found[0]) == set(shares)
    assert sorted(found[0]["train"] + found[0]["validation"]) == sorted(ids)
    assert 20 < len(found[0]["train"]) < 40


def test_a_list_in_two_splits_is_refused(ingestion: Ingestion) -> None:
    files = {"train.csv": HEADER + two("a") + two("b"), "validation.csv": HEADER + two("b")}
    assert ingestion.error(files, **CSV) == (
        "examples: list 'b' is in the splits train and validation; expected each list in one split"
    )


def test_a_bad_record_stops_the_run_and_leaves_no_output(ingestion: Ingestion) -> None:
    files = {"train.csv": HEADER + two("a") + "b,1,cheap,0\n" + two("c"), **VALIDATION}
    assert ingestion.error(files, **CSV) == (
        "train.csv: row 3: column 'x': found 'cheap', expected a number"
    )
    written = [path.name for path in ingestion.output.rglob("*") if path.is_file()]
    assert not [name for name in written if name.endswith(".gz") or name == "ingestion.json"]


def test_few_bad_records_are_left_out_and_reported(ingestion: Ingestion) -> None:
    files = {
        "train.csv": HEADER + two("a") + "b,1,cheap,0\nb,1,2,1\n" + two("c") + ",1,2,3\n",
        "validation.csv": HEADER + two("v") + "w,1,inf,0\nw,1,2,0\n" + "z,1,1,-1\n",
    }
    done = ingestion.run(files, max_bad_share=0.6, **CSV)
    assert done.lists == {"train": {"a": [0, 1], "c": [0, 1]}, "validation": {"v": [0, 1]}}
    assert done.refused == [
        "train.csv: row 3: column 'x': found 'cheap', expected a number",
        "train.csv: row 7: column 'query': missing, expected a list id",
        "validation.csv: row 3: document 1: feature 'x': found 'inf', expected a finite number",
        "validation.csv: row 5: document 1: feature 'label': found '-1.0',"
        " expected a label of 0 or more",
    ]
    assert (done.report["refused"], done.report["lists"]) == (4, 3)


def test_a_list_of_which_rows_were_refused_is_not_kept_in_part(ingestion: Ingestion) -> None:
    bad = "b,1,cheap,0\n"
    files = {
        "train-1.csv": HEADER + two("b") + two("a") + bad + two("c"),
        "train-2.csv": HEADER + two("b") + two("a", 5) + "c,1,nan,0\n",
        **VALIDATION,
    }
    done = ingestion.run(files, max_bad_share=0.9, **CSV)
    assert done.lists == {"train": {"a": [0, 1, 5, 6]}, "validation": {"v": [0, 1]}}
    assert done.refused == [
        "train-1.csv: row 5: column 'x': found 'cheap', expected a number",
        "train-2.csv: row 5: document 1: feature 'x': found 'nan', expected a finite number",
    ]
    assert done.report["lists left out because rows of theirs were refused"] == 2
    assert done.report["refused"] == 2


def test_one_list_has_one_context(ingestion: Ingestion) -> None:
    files = {
        "train-1.csv": HEADER + two("a") + two("b"),
        "train-2.csv": HEADER + rows(("a", 5), age=2),
        **VALIDATION,
    }
    message = (
        "train-2.csv: row 1: column 'age' of list 'a' differs from train-1.csv: row 1;"
        " expected one value per list"
    )
    assert ingestion.error(files, **CSV) == message
    other = Ingestion(ingestion.folder / "other")
    other.folder.mkdir()
    done = other.run(files, max_bad_share=0.5, **CSV)
    assert done.lists["train"] == {"b": [0, 1]}
    assert done.refused == [message]


def test_too_many_bad_records_stop_the_run(ingestion: Ingestion) -> None:
    files = {"train.csv": HEADER + two("a") + "b,1,cheap,0\n" + "c,1,,0\n", **VALIDATION}
    assert ingestion.error(files, max_bad_share=0.25, **CSV) == (
        "examples: 2 of 4 records were refused, more than the share of 0.25 that"
        " examples.max_bad_share allows; the first: train.csv: row 3: column 'x': found 'cheap',"
        " expected a number"
    )


def test_policies_are_counted_and_leave_evaluation_whole(ingestion: Ingestion) -> None:
    long = rows(*(("long", float(x)) for x in range(5)))
    irrelevant = rows(("none", 1), ("none", 2), label=0)
    body = long + irrelevant + two("a")
    renamed = body.replace("long", "l").replace("none", "n").replace("a,", "v,")
    done = ingestion.run(
        {"train.csv": HEADER + body, "validation.csv": HEADER + renamed},
        lists=ListPolicy(max_list_size=3, no_relevant=NoRelevant.DROP),
        **CSV,
    )
    assert done.lists == {
        "train": {"long": [0, 1, 2], "a": [0, 1]},
        "validation": {"l": [0, 1, 2, 3, 4], "n": [1, 2], "v": [0, 1]},
    }
    assert done.report == {
        "lists": 5,
        "train documents": 5,
        "train documents cut by max_list_size": 2,
        "train lists": 2,
        "train lists cut by max_list_size": 1,
        "train lists without a relevant document dropped": 1,
        "train relevant documents cut by max_list_size": 1,
        "validation documents": 9,
        "validation lists": 3,
    }


@pytest.mark.parametrize("missing", ["train", "validation"])
def test_a_split_without_lists_is_refused(ingestion: Ingestion, missing: str) -> None:
    name = "validation" if missing == "train" else "train"
    files = {f"{name}.csv": HEADER + two("a"), f"{missing}.csv": HEADER}
    assert ingestion.error(files, **CSV) == f"examples: split '{missing}' has no lists"


def test_lists_without_an_id_are_not_compared(ingestion: Ingestion) -> None:
    text = "1 qid:1 1:5\n0 qid:1 1:6\n"
    ingestion.write({"train.txt": text, "validation.txt": text})
    config = ExamplesConfig(
        format=Format.LIBSVM,
        base=str(ingestion.folder / "logs"),
        splits={"train": "train*", "validation": "validation*"},
    )
    ingestion.artifact(config, FeatureSpec((Feature("1"),)))
    assert len(ingestion.serialized("train")) == len(ingestion.serialized("validation")) == 1
