"""Lists that no model should see."""

from __future__ import annotations

import dataclasses

import numpy as np

from data.checks import check
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.lists import Lists
from data.lists import scopes
from data.readers import Refusal

SPEC = FeatureSpec(
    columns=(
        Feature("c", scope=Scope.CONTEXT),
        Feature("x"),
        Feature("pair", width=2),
        Feature("n", dtype=DType.INT),
    ),
    weight="w",
)
SIZES = [2, 0, 1, 3]


def lists(**changes: tuple[int, float]) -> Lists:
    """Four lists; `name=(row, value)` changes one value (the last one of the row)."""
    values: dict[str, np.ndarray] = {
        "c": np.zeros((4, 1), np.float32),
        "x": np.zeros((6, 1), np.float32),
        "pair": np.zeros((6, 2), np.float32),
        "n": np.zeros((6, 1), np.int64),
        "label": np.zeros((6, 1), np.float32),
        "w": np.ones((6, 1), np.float32),
    }
    for name, (row, value) in changes.items():
        values[name][row, -1] = value
    origins = [f"C: disk/a.txt: line {i}" for i in range(4)]
    return Lists([b"a", b"b", b"c", b"d"], origins, np.array(SIZES), values, scopes(SPEC))


def texts(batch: Lists) -> tuple[list[str], list[bytes]]:
    refusals: list[Refusal] = []
    kept = check(batch, SPEC, refusals.append)
    assert [r.list_id for r in refusals] == [k for k in batch.ids if k not in kept.ids]
    return [str(r) for r in refusals], list(kept.ids)


EMPTY = "C: disk/a.txt: line 1: no documents"


def test_empty_lists_are_refused() -> None:
    assert texts(lists()) == ([EMPTY], [b"a", b"c", b"d"])


def test_each_list_is_refused_for_its_first_fault() -> None:
    nan, inf = float("nan"), float("inf")
    batch = lists(c=(2, nan), x=(1, inf), pair=(4, -inf), label=(5, inf))
    assert texts(batch) == (
        [
            "C: disk/a.txt: line 0: document 2: feature 'x': found 'inf', expected a finite number",
            EMPTY,
            "C: disk/a.txt: line 2: context: feature 'c': found 'nan', expected a finite number",
            "C: disk/a.txt: line 3: document 2: feature 'pair': found '-inf',"
            " expected a finite number",
        ],
        [],
    )


def test_a_missing_label_is_left_to_the_policies() -> None:
    assert texts(lists(label=(0, float("nan"))))[0] == [EMPTY]


def test_weights_are_numbers_of_0_or_more() -> None:
    assert texts(lists(w=(0, -1)))[0][0] == (
        "C: disk/a.txt: line 0: document 1: feature 'w': found '-1.0',"
        " expected a number of 0 or more"
    )
    assert texts(lists(w=(0, 0)))[0] == [EMPTY]


def test_lists_without_an_id_are_refused_where_the_spec_names_one() -> None:
    named = dataclasses.replace(SPEC, list_id="q")
    batch = dataclasses.replace(lists(), ids=[b"a", b"b", b"", b"d"])
    refusals: list[Refusal] = []
    values = {**batch.values, "q": np.array([[key] for key in batch.ids], object)}
    kept = check(
        dataclasses.replace(batch, values=values, scopes=scopes(named)), named, refusals.append
    )
    assert kept.ids == [b"a", b"d"]
    assert [str(refusal) for refusal in refusals] == [
        EMPTY,
        "C: disk/a.txt: line 2: context: feature 'q': missing, expected an id",
    ]
