"""Splits, beside scripts that follow their rules user by user."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from data.interactions import InteractionOptions
from data.interactions import ShortUsers
from data.interactions import SplitRule
from data.interactions.shard import Shard
from data.interactions.splitting import Divided
from data.interactions.splitting import Part
from data.interactions.splitting import divide
from tests.data.interactions.logs import Row
from tests.data.interactions.logs import Told
from tests.data.interactions.logs import one_of_each_pair
from tests.data.interactions.logs import random_log
from tests.data.interactions.logs import rows_of
from tests.data.interactions.logs import shard
from tests.data.interactions.logs import sharded

Split = dict[Part, list[Row]]

LOG = one_of_each_pair(random_log(0, users=80))
SHORT: Sequence[Row] = [
    (user, f"i{n}", 1, n) for user, size in (("a", 2), ("b", 3)) for n in range(size)
]


def options(rule: SplitRule, **settings: Any) -> InteractionOptions:
    return InteractionOptions(split=rule, time="t", **settings)


def split_of(found: Divided) -> Split:
    rows = rows_of(found.shard)
    return {
        part: [row for row, own in zip(rows, found.part, strict=True) if own == part]
        for part in (Part.TRAIN, Part.VALIDATION, Part.TEST)
    }


def done(
    found: Shard, settings: InteractionOptions, told: Told | None = None, *, given: bool = False
) -> Split:
    told = told or Told()
    return split_of(divide(found, settings, given, told.refuse, told.count))


def by_user(rows: list[Row]) -> dict[str, list[Row]]:
    ordered = sorted(rows, key=lambda row: (row[0], row[3]))
    return {user: list(own) for user, own in itertools.groupby(ordered, lambda row: row[0])}


def last_out(rows: list[Row], held: int) -> Split:
    split: Split = {Part.TRAIN: [], Part.VALIDATION: [], Part.TEST: []}
    for own in by_user(rows).values():
        if len(own) < 2 * held + 1:
            split[Part.TRAIN] += own
            continue
        split[Part.TRAIN] += own[: -2 * held]
        split[Part.VALIDATION] += own[-2 * held : -held]
        split[Part.TEST] += own[-held:]
    return split


@pytest.mark.parametrize("held", [1, 2])
def test_the_last_ones_are_left_out(held: int) -> None:
    found = done(shard(LOG), options(SplitRule.LEAVE_LAST_OUT, held_out=held))
    assert found == last_out(LOG, held)
    assert all(found.values())


@pytest.mark.parametrize("rule", SplitRule)
def test_shards_give_the_same(rule: SplitRule) -> None:
    cuts: dict[str, Any] = {"validation_from": 30.0, "test_from": 40.0}
    settings = options(rule, **(cuts if rule is SplitRule.TIME else {}))
    whole = done(shard(LOG), settings)
    parts = [done(part, settings) for part in sharded(LOG, 4)]
    assert {part: sorted(rows) for part, rows in whole.items()} == {
        part: sorted(row for found in parts for row in found[part]) for part in whole
    }


def test_where_test_is_given_validation_alone_is_cut() -> None:
    held = last_out(LOG, 1)[Part.TEST]
    log = [row for row in LOG if row not in held]
    found = done(shard(log, held), options(SplitRule.LEAVE_LAST_OUT), given=True)
    expected = {Part.TRAIN: [], Part.VALIDATION: [], Part.TEST: sorted(held)}
    for own in by_user(log).values():
        cut = len(own) - 1 if len(own) > 1 else len(own)
        expected[Part.TRAIN] += own[:cut]
        expected[Part.VALIDATION] += own[cut:]
    assert found == expected


def test_a_shard_without_given_interactions_is_cut_as_the_others_are() -> None:
    found = done(shard(SHORT), options(SplitRule.LEAVE_LAST_OUT), given=True)
    assert [len(rows) for rows in found.values()] == [3, 2, 0]


def test_time_divides_all_users_at_once() -> None:
    settings = options(SplitRule.TIME, validation_from=30, test_from=40)
    found = done(shard(LOG), settings)
    assert {part: sorted(rows) for part, rows in found.items()} == {
        Part.TRAIN: sorted(row for row in LOG if row[3] < 30),
        Part.VALIDATION: sorted(row for row in LOG if 30 <= row[3] < 40),
        Part.TEST: sorted(row for row in LOG if row[3] >= 40),
    }


@pytest.mark.parametrize("held", [1, 2])
def test_of_some_users_nothing_is_trained_on(held: int) -> None:
    settings = options(SplitRule.USER, validation_share=20, test_share=30, held_out=held)
    expected: Split = {Part.TRAIN: [], Part.VALIDATION: [], Part.TEST: []}
    early = 0
    for user, own in by_user(LOG).items():
        bucket = int.from_bytes(hashlib.sha256(user.encode()).digest()[:8], "big") % 100
        part = Part.VALIDATION if bucket < 20 else Part.TEST if bucket < 50 else Part.TRAIN
        if part is Part.TRAIN or len(own) < held:
            expected[Part.TRAIN] += own
        else:
            expected[part] += own[-held:]
            early += len(own[:-held])
    told = Told()
    assert done(shard(LOG), settings, told) == expected
    assert all(expected.values())
    assert told.counts["earlier interactions of held-out users dropped"] == early > 0


def test_validation_may_be_trained_on_as_well() -> None:
    told = Told()
    settings = options(SplitRule.LEAVE_LAST_OUT, train_on_validation=True)
    found = divide(shard(LOG), settings, False, told.refuse, told.count)
    assert split_of(found) == last_out(LOG, 1)
    assert found.trained.tolist() == (found.part != Part.TEST).tolist()
    without = divide(shard(LOG), options(SplitRule.LEAVE_LAST_OUT), False, told.refuse, told.count)
    assert without.trained.tolist() == (found.part == Part.TRAIN).tolist()


def test_short_users_are_trained_on_dropped_or_refused() -> None:
    name = "users with too few interactions to hold some out"
    found, told = shard(SHORT), {policy: Told() for policy in ShortUsers}
    split = {
        policy: done(found, options(SplitRule.LEAVE_LAST_OUT, short_users=policy), told[policy])
        for policy in ShortUsers
    }
    rest = {Part.TRAIN: [SHORT[2]], Part.VALIDATION: [SHORT[3]], Part.TEST: [SHORT[4]]}
    assert split[ShortUsers.TRAIN] == {**rest, Part.TRAIN: list(SHORT[:3])}
    assert split[ShortUsers.DROP] == split[ShortUsers.REFUSE] == rest
    assert told[ShortUsers.TRAIN].counts == {f"{name}, trained on": 1}
    assert told[ShortUsers.DROP].counts == {f"{name}, dropped": 1}
    assert told[ShortUsers.REFUSE].texts == [
        "log.csv: row 1: user 'a' has 2 interactions to divide, expected at least 3"
    ]


def test_a_short_user_of_given_test_interactions_is_dropped_whole() -> None:
    found = shard([("a", "x", 1, 1), *SHORT[2:]], [("a", "y", 1, 9), ("b", "y", 1, 9)])
    kept = done(found, options(SplitRule.LEAVE_LAST_OUT), given=True)
    assert kept[Part.TEST] == [("a", "y", 1, 9), ("b", "y", 1, 9)]
    drop = options(SplitRule.LEAVE_LAST_OUT, short_users=ShortUsers.DROP)
    assert {row[0] for rows in done(found, drop, given=True).values() for row in rows} == {"b"}


def test_an_empty_shard_divides() -> None:
    for rule in SplitRule:
        cuts = {"validation_from": 1.0, "test_from": 2.0} if rule is SplitRule.TIME else {}
        assert not any(done(shard([]), options(rule, **cuts)).values())
