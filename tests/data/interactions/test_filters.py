"""Filters of interactions, beside plain restatements."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from data.errors import InputError
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform
from data.interactions import InteractionOptions
from data.interactions import Labels
from data.interactions import Repeats
from data.interactions import UnknownItems
from data.interactions import filters
from data.interactions.shard import Shard
from tests.data.interactions.logs import SPEC
from tests.data.interactions.logs import Row
from tests.data.interactions.logs import Told
from tests.data.interactions.logs import one_of_each_pair
from tests.data.interactions.logs import random_log
from tests.data.interactions.logs import rows_of
from tests.data.interactions.logs import shard
from tests.data.interactions.logs import sharded

LOG: Sequence[Row] = [("a", "x", 3, 1), ("b", "y", 4, 1), ("a", "y", 0, 2), ("a", "x", 5, 3)]


def sound(
    found: Shard, told: Told, *, spec: FeatureSpec = SPEC, known: Any = None, **settings: Any
) -> list[Row]:
    options = InteractionOptions(value="v", **settings)
    return rows_of(filters.sound(found, options, spec, known, told.refuse, told.count))


def test_unknown_items_are_refused_one_by_one() -> None:
    told = Told()
    assert sound(shard(LOG), told, known=pa.array([b"y", b"z"])) == [
        ("a", "y", 0, 2),
        ("b", "y", 4, 1),
    ]
    reason = "column 'item_id': found 'x', which the items file does not have"
    assert told.texts == [f"log.csv: row 1: {reason}", f"log.csv: row 4: {reason}"]
    assert not told.counts


def test_unknown_items_may_be_counted() -> None:
    told = Told()
    settings = {"known": pa.array([b"y"]), "unknown_items": UnknownItems.DEFAULT}
    assert sound(shard(LOG), told, **settings) == rows_of(shard(LOG))
    assert told.texts == []
    assert told.counts == {"interactions with items that the items file does not have": 2}


@pytest.mark.parametrize(("scope", "name"), [("context", "user_id"), ("document", "item_id")])
def test_an_id_must_fit_its_feature(scope: str, name: str) -> None:
    number = Feature(
        name, scope=Scope(scope), dtype=DType.INT, transform=(Transform.HASH,), buckets=9
    )
    others = tuple(feature for feature in SPEC.columns if feature.name != name)
    told = Told()
    rows = [("1", "2", 1, 1), ("1", "3", 1, 2), ("x", "y", 1, 3)]
    spec = dataclasses.replace(SPEC, columns=(number, *others))
    assert sound(shard(rows), told, spec=spec) == rows[:2]
    value = "x" if scope == "context" else "y"
    assert told.texts == [f"log.csv: row 3: column '{name}': found '{value}', expected an integer"]


def test_a_graded_label_is_above_0() -> None:
    told = Told()
    assert len(sound(shard(LOG), told)) == 4
    assert len(sound(shard(LOG), told, labels=Labels.GRADED)) == 3
    assert told.texts == [
        "log.csv: row 3: found value '0.0', expected one above 0, as it is the label; min_value"
        " leaves smaller ones out"
    ]


@pytest.mark.parametrize("policy", [Repeats.LAST, Repeats.FIRST])
def test_of_repeated_interactions_one_counts(policy: Repeats) -> None:
    whole, told = shard(random_log(3)), Told()
    found = filters.distinct(whole, policy, told.refuse, told.count)
    rows = rows_of(whole)
    if policy is Repeats.FIRST:
        expected = one_of_each_pair(rows)
    else:
        expected = one_of_each_pair(rows[::-1])[::-1]
    assert rows_of(found) == expected
    assert told.counts == {"repeated interactions dropped": len(rows) - len(expected)}
    assert told.texts == []


def test_repeated_interactions_may_be_refused() -> None:
    told = Told()
    found = filters.distinct(shard(LOG), Repeats.REFUSE, told.refuse, told.count)
    assert rows_of(found) == [("a", "x", 3, 1), ("a", "y", 0, 2), ("b", "y", 4, 1)]
    assert told.texts == [
        "log.csv: row 4: user 'a' has item 'x' as in log.csv: row 1; expected each pair once"
    ]


def test_a_given_interaction_repeats_no_other() -> None:
    whole, told = shard(LOG[:3], [("a", "x", 1, 9), ("a", "x", 2, 9)]), Told()
    found = filters.distinct(whole, Repeats.LAST, told.refuse, told.count)
    assert rows_of(found) == [LOG[0], LOG[2], ("a", "x", 2, 9), LOG[1]]


def test_small_values_and_inactive_users_are_left_out() -> None:
    rows, told = random_log(4), Told()
    found = filters.with_value(shard(rows), 3, told.count)
    kept = [row for row in rows if row[2] >= 3]
    assert sorted(rows_of(found)) == sorted(kept)
    often = collections.Counter(row[0] for row in kept)
    active = filters.with_users(found, 12, "inactive", told.count)
    expected = [row for row in kept if often[row[0]] >= 12]
    assert sorted(rows_of(active)) == sorted(expected)
    assert told.counts == {
        "interactions below min_value dropped": len(rows) - len(kept),
        "inactive": len(kept) - len(expected),
    }
    assert filters.with_value(found, None, told.count) is found


def core_of(rows: Sequence[Row], core: int) -> list[Row]:
    kept: list[Row] = []
    left = list(rows)
    while kept != left:
        kept = left
        users = collections.Counter(row[0] for row in kept)
        left = [row for row in kept if users[row[0]] >= core]
        items = collections.Counter(row[1] for row in left)
        left = [row for row in left if items[row[1]] >= core]
    return kept


@pytest.mark.parametrize("number", [1, 4])
@pytest.mark.parametrize("core", [3, 7])
def test_the_core_is_the_same_in_any_number_of_shards(core: int, number: int) -> None:
    rows, told = random_log(5, number=350), Told()
    parts = sharded(rows, number)
    for _ in range(20):
        parts = [filters.with_users(part, core, "outside", told.count) for part in parts]
        counts = filters.add_counts(filters.item_counts(part) for part in parts)
        parts = [filters.with_items(part, counts, core, "outside", told.count) for part in parts]
    found = [row for part in parts for row in rows_of(part)]
    assert sorted(found) == sorted(core_of(rows, core))
    assert 0 < len(found) < len(rows)
    assert told.counts == {"outside": len(rows) - len(found)}
    for part in parts:
        assert filters.require_core(part, InteractionOptions(core=core)) is part


def test_too_few_rounds_are_an_error() -> None:
    options = InteractionOptions(core=2, core_rounds=7)
    message = (
        "^examples.interactions.core: 7 rounds did not find the 2-core; allow more by core_rounds$"
    )
    with pytest.raises(InputError, match=message):
        filters.require_core(shard(LOG), options)


def test_items_that_are_not_counted_have_0() -> None:
    whole = shard(LOG)
    assert filters.item_counts(whole, whole.value > 4).to_pydict() == {
        "item": [b"x", b"y"],
        "count": [1, 0],
    }
    assert filters.add_counts([]).to_pydict() == {"item": [], "count": []}
