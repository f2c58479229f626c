"""Drift: each kind that is planted is found, in its words, and nothing else."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components import drift
from components.drift import COMPARED
from components.drift import EVIDENCE
from components.figures import SHOWN
from data.features import Feature
from data.features import FeatureSpec
from data.lists import Lists
from pipeline.drift import DriftConfig
from tests.components.days import SIZES
from tests.components.days import SPEC
from tests.components.days import Change
from tests.components.days import look
from tests.components.days import publish
from tests.components.days import shift
from tests.components.days import write


def test_a_first_run_has_nothing_to_compare_with(tmp_path: Path) -> None:
    told = "no version was served: nothing to compare with"
    assert look(tmp_path) == ([], {COMPARED: told})


def test_a_version_without_statistics_is_nothing_to_compare_with(tmp_path: Path) -> None:
    version = publish(tmp_path, told=False)
    told = f"version {version} came without statistics: nothing to compare with"
    assert look(tmp_path) == ([], {COMPARED: told})


def test_a_day_like_the_one_before_passes_and_is_told(tmp_path: Path) -> None:
    version = publish(tmp_path)
    drifted, told = look(tmp_path)
    assert drifted == []
    # Six features and a label, three columns of values, two whose defaults are seen, three of lists
    assert told[COMPARED] == f"15 figures with the data of version {version}: all as allowed"
    lines = told[EVIDENCE].splitlines()
    assert len(lines) == SHOWN
    assert all(line.startswith("train: ") and " drifted" not in line for line in lines)
    assert all(f" the data of version {version}" in line for line in lines)


def other_brand(lists: Lists) -> None:
    lists.values["brand"][:] = b"lamp"


def new_shops(lists: Lists) -> None:
    lists.values["shop"][::4] += 100


def empty(lists: Lists) -> None:
    lists.values["price"][::4] = 0


def empty_brand(lists: Lists) -> None:
    lists.values["brand"][::4] = b""


def poor(lists: Lists) -> None:
    lists.values["grade"][:] = lists.values["grade"] > 1.5


def nothing_relevant(lists: Lists) -> None:
    lists.values["grade"][lists.list_of_document % 2 == 0] = 0


KINDS: dict[str, tuple[dict[str, float], dict[str, Any], str]] = {
    "numeric": (
        {"numeric": 0.1},
        {"change": shift},
        "feature 'price' drifted: Jensen-Shannon divergence 0.N from {}, allowed 0.1",
    ),
    "categorical": (
        {"categorical": 0.1},
        {"change": other_brand},
        "feature 'brand' drifted: L-infinity distance 0.7N from {}, allowed 0.1",
    ),
    "unseen": (
        {"unseen": 0.1},
        {"change": new_shops},
        "feature 'shop' drifted: a share of 0.25 of its values is new to {}, allowed 0.1",
    ),
    "label": (
        {"label": 0.1},
        {"change": poor},
        "label 'grade' drifted: Jensen-Shannon divergence 0.N from {}, allowed 0.1",
    ),
    "missing number": (
        {"missing": 0.1},
        {"change": empty},
        "feature 'price' drifted: share of missing values 0.25, 0 in {}: a rise of 0.25,"
        " allowed 0.1",
    ),
    "missing text": (
        {"missing": 0.1},
        {"change": empty_brand},
        "feature 'brand' drifted: share of missing values 0.25, 0 in {}: a rise of 0.25,"
        " allowed 0.1",
    ),
    "no_relevant": (
        {"no_relevant": 0.3},
        {"change": nothing_relevant},
        "lists drifted: share without a relevant document 0.N, 0.0N in {}: a rise of 0.4N,"
        " allowed 0.3",
    ),
    "list_length": (
        {"list_length": 0.3},
        {"sizes": (9,) * 300},
        "lists drifted: mean length 9, 6 in {}: a change of 0.5, allowed 0.3",
    ),
    "fewer lists": (
        {"lists": 0.3},
        {"sizes": SIZES[:60]},
        "lists drifted: 60, 300 in {}: a change of 0.8, allowed 0.3",
    ),
    "more lists": (
        {"lists": 0.3},
        {"sizes": SIZES * 5},
        "lists drifted: 1,500, 300 in {}: a change of 4, allowed 0.3",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_drift_is_found_by_its_threshold_alone(tmp_path: Path, kind: str) -> None:
    limits, day, expected = KINDS[kind]
    version = publish(tmp_path)
    (drifted,), _ = look(tmp_path, DriftConfig(**limits), **day)  # type: ignore[arg-type]
    line = re.escape(expected.format(f"the data of version {version}")).replace("N", r"\d+")
    assert re.fullmatch(f"train: {line}", drifted), drifted


def shops(first: int, count: int) -> Change:
    def change(lists: Lists) -> None:
        column = lists.values["shop"]
        column[:] = first + np.random.default_rng(len(column)).integers(0, count, column.shape)

    return change


def test_rare_values_are_not_new_by_chance(tmp_path: Path) -> None:
    many = shops(0, 4000)

    def some_new(lists: Lists) -> None:
        many(lists)
        lists.values["shop"][::4] = 5000

    publish(tmp_path, change=many)
    limits = DriftConfig(unseen=0.1)
    assert look(tmp_path, limits, change=many, sizes=SIZES * 2)[0] == []
    shutil.rmtree(tmp_path / "now")
    (line,), _ = look(tmp_path, limits, change=some_new, sizes=SIZES * 2)
    assert line.startswith("train: feature 'shop' drifted: a share of 0.25")


def test_values_that_are_all_new_are_counted_however_many(tmp_path: Path) -> None:
    publish(tmp_path, change=shops(0, 10))
    (line,), _ = look(tmp_path, DriftConfig(unseen=0.9), change=shops(10, 100_000))
    assert line.startswith("train: feature 'shop' drifted: a share of 0.99")


def test_new_identifiers_are_normal_unless_they_are_named(tmp_path: Path) -> None:
    version = publish(tmp_path)
    drifted, _ = look(tmp_path, DriftConfig(categorical=0.1, columns={"query": 0.002}))
    assert drifted == [
        "train: feature 'query' drifted: L-infinity distance 0.00333 from the data of version"
        f" {version}, allowed 0.002"
    ]


def test_a_column_may_have_a_limit_of_its_own(tmp_path: Path) -> None:
    publish(tmp_path)
    drifted, _ = look(tmp_path, DriftConfig(numeric=0.1, columns={"price": 0.9}), change=shift)
    assert drifted == []


def test_a_number_of_spans_is_no_drift(tmp_path: Path) -> None:
    publish(tmp_path, spans=1)
    drifted, told = look(tmp_path, DriftConfig(lists=0.3), sizes=SIZES * 3, spans=3)
    assert drifted == []
    assert "lists: 300 in a span, 300 in the data of version" in told[EVIDENCE]


def test_what_the_worst_is_comes_first(tmp_path: Path) -> None:
    publish(tmp_path)
    config = DriftConfig(numeric=0.1, list_length=0.3)
    drifted, _ = look(tmp_path, config, change=shift, sizes=(9,) * 300)
    assert [line.split(" drifted")[0] for line in drifted] == [
        "train: feature 'price'",
        "train: lists",
    ]


def test_a_column_that_is_new_or_of_another_kind_is_not_compared(tmp_path: Path) -> None:
    publish(tmp_path)
    statistics, examples = write(tmp_path / "now", seed=2)
    changed = FeatureSpec((*SPEC.columns, Feature("rating")), label="grade", list_id="query")
    job = drift.Job(DriftConfig(numeric=0.1), changed, str(tmp_path / "models"))
    drifted, told = drift.look(job, [statistics], examples)
    assert drifted == []
    assert told[COMPARED].startswith("3 figures ")  # price, clicks, age
