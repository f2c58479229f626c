"""Impressions through ExampleGen: blocks of rows, divided row by row."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components.example_gen import executor
from components.example_gen import steps
from data import columnar
from data.errors import InputError
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.lists import BLOCK
from data.lists import Lists
from data.lists import Places
from data.policies import BadLabel
from data.policies import ListPolicy
from data.policies import NoRelevant
from data.readers import Format
from pipeline.examples import ExamplesConfig
from tests.components.example_gen.conftest import Ingestion

SPEC = FeatureSpec((Feature("x"),), impressions=True)
SHARES = {"train": 8, "validation": 1, "test": 1}


def content(rows: int, first: int = 0) -> str:
    return "label,x\n" + "".join(f"{i % 2},{i}\n" for i in range(first, first + rows))


def ingest(
    ingestion: Ingestion, files: dict[str, Any], spec: FeatureSpec = SPEC, **settings: Any
) -> dict[str, list[list[float]]]:
    """Returns the `x` of each block of each split."""
    ingestion.write(files)
    settings = {"splits": {"log": "*"}, "hash_splits": SHARES, "format": Format.CSV, **settings}
    config = ExamplesConfig(base=str(ingestion.folder / "logs"), **settings)
    config.require(spec)
    ingestion.artifact(config, spec)
    return {name: blocks(ingestion, name, spec) for name in config.split_names}


def blocks(ingestion: Ingestion, split: str, spec: FeatureSpec) -> list[list[float]]:
    parsed = columnar.parse(tf.constant(ingestion.serialized(split)), spec.raw, labels=["label"])
    labels = tf.math.floormod(parsed["x"].flat_values, 2).numpy()
    assert parsed["label"].flat_values.numpy().tolist() == labels.tolist()
    return [list(block) for block in parsed["x"].to_list()]


def test_a_second_attempt_leaves_nothing_of_the_first(ingestion: Ingestion) -> None:
    """An engine tries a node again in the same folder."""
    both = [ingest(ingestion, {"a.csv": content(90)}) for _ in range(2)]
    assert both[0] == both[1]


def test_rows_are_divided_one_by_one_and_stored_in_blocks(ingestion: Ingestion) -> None:
    rows = 5 * BLOCK
    found = ingest(ingestion, {"a.csv": content(rows)})
    whole = {name: sorted(x for block in split for x in block) for name, split in found.items()}
    assert sorted(x for split in whole.values() for x in split) == list(range(rows))
    for name, share in SHARES.items():
        expected = rows * share / 10
        assert len(whole[name]) == pytest.approx(expected, abs=4 * expected**0.5)
        assert max(map(len, found[name])) <= BLOCK
    assert len(found["train"]) == 4 + (len(whole["train"]) > 4 * BLOCK)
    report = json.loads((ingestion.output / executor.REPORT).read_text())
    assert report["lists"] == rows
    assert report["train documents"] == report["train lists"] == len(whole["train"])


def rows_of_file(file: str, rows: int = 300) -> Lists:
    values = {"x": np.arange(rows, dtype=np.float32).reshape(-1, 1)}
    places = Places(file, "row", np.arange(1, rows + 1))
    sizes = np.ones(rows, dtype=np.int64)
    return Lists([b""] * rows, places, sizes, values, {"x": Scope.DOCUMENT})


def chosen(lists: Lists, split: str = "test", seed: int = 0) -> list[str]:
    found = steps.select_rows(lists, SHARES, split, seed)
    return [origin.split(": ")[1] for part in found for origin in part.origins]


def test_the_split_depends_on_file_row_and_seed_alone() -> None:
    whole = rows_of_file("logs/a.csv")
    first = chosen(whole)
    assert chosen(rows_of_file("elsewhere/a.csv.gz")) == first
    odd = whole.keep_lists(np.arange(300) % 2 == 1)
    assert chosen(odd) == [row for row in first if int(row.split()[1]) % 2 == 0]
    assert chosen(rows_of_file("logs/b.csv")) != first
    assert chosen(whole, seed=1) != first
    every = [row for split in SHARES for row in chosen(whole, split)]
    assert sorted(every) == sorted(f"row {number}" for number in range(1, 301))


def test_bad_rows_are_refused_and_counted_one_by_one(ingestion: Ingestion) -> None:
    text = content(20) + "1,cheap\n-1,21\n,23\n1,inf\n1\n"
    done = ingest(
        ingestion, {"a.csv": text}, splits={"train": "a*", "validation": "a*.csv"}, hash_splits={},
        max_bad_share=0.5,
    )  # fmt: skip
    assert done["train"] == [list(range(20))]
    refused = {
        ingestion.text(line)
        for path in ingestion.output.glob("refused*")
        for line in path.read_text().splitlines()
    }
    assert refused == {
        "a.csv: row 21: column 'x': found 'cheap', expected a number",
        "a.csv: row 22: feature 'label': found '-1.0', expected a label of 0 or more",
        "a.csv: row 23: feature 'label': missing, expected a label of 0 or more",
        "a.csv: row 24: feature 'x': found 'inf', expected a finite number",
        "a.csv: row 25: found 1 cells, expected 2",
    }
    report = json.loads((ingestion.output / executor.REPORT).read_text())
    assert (report["refused"], report["lists"]) == (10, 40)


BAD = {"a.csv": content(200) + "-1,200\n"}


def test_a_bad_row_stops_the_run(ingestion: Ingestion) -> None:
    with pytest.raises(InputError) as caught:
        ingest(ingestion, BAD)
    assert ingestion.text(str(caught.value)) == (
        "a.csv: row 201: feature 'label': found '-1.0', expected a label of 0 or more"
    )


def test_rows_without_a_label_may_be_dropped(ingestion: Ingestion) -> None:
    kept = ingest(ingestion, BAD, lists=ListPolicy(bad_label=BadLabel.DROP_DOCUMENT))
    found = sorted(x for split in kept.values() for block in split for x in block)
    assert found == list(range(200))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"format": Format.ELWC},
            "features.impressions: the format 'elwc' holds lists; expected csv, parquet or criteo",
        ),
        (
            {"lists": ListPolicy(no_relevant=NoRelevant.DROP)},
            "no_relevant: impressions have no lists; leave it out",
        ),
        (
            {"lists": ListPolicy(max_list_size=5)},
            "max_list_size: impressions have no lists; leave it out",
        ),
    ],
)
def test_what_needs_lists_is_refused(
    ingestion: Ingestion, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        ingest(ingestion, {}, **settings)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"format": Format.CRITEO}, "examples.format 'criteo' needs features.impressions = true"),
        (
            {},
            "examples.format 'csv' needs features.list_id: rows make lists by it; with"
            " features.impressions = true each row stands for itself",
        ),
        (
            {"format": Format.ELWC},
            "examples.hash_splits needs features.list_id: lists are split by it",
        ),
    ],
)
def test_lists_need_an_id(ingestion: Ingestion, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        ingest(ingestion, {}, FeatureSpec((Feature("x"),)), **settings)
    assert str(caught.value) == message
