"""What a later training must have in common with the one before."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from data.embedding import Full
from models.warm.fit import architecture
from models.warm.fit import difference
from tests.models.warming import RICH
from tests.models.warming import made_job


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1}}, ""),
        ({"a": {"b": 1}}, {"a": {"b": [2]}}, "a.b was 1 and is [2]"),
        ({"a": {"b": 1}}, {"a": {}}, "a.b is gone"),
        ({}, {"a": 1}, "a is new"),
        ({"a": None}, {"a": {"b": 1}}, "a was None and is {'b': 1}"),
    ],
)
def test_the_first_difference_is_told(old: object, new: object, expected: str) -> None:
    assert difference(old, new) == expected


def test_what_changes_no_row_may_change() -> None:
    """Among it the room that a table of keys and a vocabulary have, and how training goes."""
    changes: dict[str, dict[str, Any]] = {
        "item": {"rows": 99, "min_count": 3, "evict_after": 5, "full": Full.EVICT},
        "word": {"size": 5, "min_count": 2, "default": ""},
    }
    columns = [dataclasses.replace(c, **changes.get(c.name, {})) for c in RICH.columns]
    spec = dataclasses.replace(RICH, columns=tuple(columns))
    one, other = made_job(spec=RICH), made_job(spec=spec, learning_rate=0.5, epochs=9, seed=3)
    assert difference(architecture(one), architecture(other)) == ""


def test_the_order_of_features_counts() -> None:
    spec = dataclasses.replace(RICH, columns=(*RICH.columns[1:], RICH.columns[0]))
    found = difference(architecture(made_job(spec=RICH)), architecture(made_job(spec=spec)))
    assert found.startswith("order of features was ['shop', 'price'")
