"""Thresholds of drift: what is refused, and how."""

from __future__ import annotations

from typing import Any

import pytest

from data import plain
from data.errors import InputError
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Transform
from pipeline.drift import DriftConfig

WORD = Feature("brand", dtype=DType.STRING, transform=(Transform.VOCABULARY,))
SPEC = FeatureSpec((Feature("price"), WORD), label="grade", list_id="query")


def message(table: dict[str, Any], spec: FeatureSpec = SPEC) -> str:
    with pytest.raises(InputError) as caught:
        plain.decode(DriftConfig, table, "my.toml: drift").require(spec)
    return str(caught.value)


def test_each_limit_may_stand_alone() -> None:
    for name in ("numeric", "categorical", "unseen", "label", "missing", "no_relevant"):
        plain.decode(DriftConfig, {name: 0.1}, "").require(SPEC)
        assert message({name: 1.5}) == f"my.toml: drift: {name} must be from 0 to 1, found 1.5"
        assert message({name: -1}) == f"my.toml: drift: {name} must be from 0 to 1, found -1"
    for name in ("list_length", "lists"):
        plain.decode(DriftConfig, {name: 2}, "").require(SPEC)
        assert message({name: -1}) == f"my.toml: drift: {name} must be 0 or more, found -1"
        assert (
            message({name: float("nan")}) == f"my.toml: drift: {name} must be 0 or more, found nan"
        )
    DriftConfig(columns={"brand": 0.2, "query": 0.5}).require(SPEC)


def test_a_table_without_a_limit_is_refused() -> None:
    assert message({}) == (
        "my.toml: drift: expected at least one of numeric, categorical, columns, unseen, label,"
        " missing, no_relevant, list_length, lists"
    )
    near = "Did you mean 'categorical'?"
    assert message({"categoric": 0.1}) == f"my.toml: drift: unknown key 'categoric'. {near}"


def test_columns_are_those_that_can_be_compared() -> None:
    assert message({"columns": {"prise": 0.1}}) == (
        "drift.columns: 'prise' is no feature. Did you mean 'price'?"
    )
    assert (
        message({"columns": {"grade": 0.1}}) == "drift.columns: 'grade' is a label; set drift.label"
    )
    assert message({"columns": {"price": 2}}) == (
        "my.toml: drift: columns: price must be from 0 to 1, found 2"
    )


def test_impressions_have_no_lists() -> None:
    spec = FeatureSpec((Feature("price"),), impressions=True)
    for name in ("no_relevant", "list_length"):
        expected = f"drift.{name}: impressions have no lists; leave it out"
        assert message({name: 0.1}, spec) == expected
    DriftConfig(lists=0.1).require(spec)
