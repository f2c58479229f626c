"""The check for leaks: what it finds, and that it passes what is sound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from data.errors import InputError
from data.interactions import InteractionOptions
from data.interactions import SplitRule
from data.interactions import leaks
from data.interactions.splitting import Divided
from data.interactions.splitting import Part
from tests.data.interactions.logs import Row
from tests.data.interactions.logs import divided
from tests.data.interactions.logs import one_of_each_pair
from tests.data.interactions.logs import random_log
from tests.data.interactions.logs import shard

TIMED: dict[str, Any] = {"split": SplitRule.TIME, "validation_from": 30.0, "test_from": 40.0}


def error(found: Divided, **settings: Any) -> str:
    with pytest.raises(InputError) as caught:
        leaks.check(found, InteractionOptions(time="t", **settings))
    return str(caught.value)


def of_parts(rows: Sequence[Row], *parts: Part) -> Divided:
    part = np.array(parts, dtype=np.int8)
    return Divided(shard(rows), part, part == Part.TRAIN)


@pytest.mark.parametrize(
    ("settings", "training"),
    [
        *((settings, training) for settings in ({}, TIMED) for training in (False, True)),
        ({"split": SplitRule.USER}, False),
    ],
)
def test_our_own_splits_pass(settings: dict[str, Any], training: bool) -> None:
    options = InteractionOptions(time="t", train_on_validation=training, **settings)
    log = one_of_each_pair(random_log(7, users=60))
    leaks.check(divided(shard(log), options), options)
    leaks.check(divided(shard([]), options), options)


def test_what_is_held_out_is_not_trained_on() -> None:
    rows = [("a", "x", 1, 5), ("a", "y", 1, 6), ("b", "x", 1, 7)]
    found = shard(rows, [("a", "x", 1, 1556668800.5)])
    options = InteractionOptions(time="t")
    assert error(divided(found, options, given=True)) == (
        "examples: leak: user 'a', item 'x': held out for test (time 1556668800.5, test.csv: row 1)"
        " and also a training interaction (time 5, log.csv: row 1)"
    )


def test_nor_is_it_validated_with() -> None:
    found = shard([("a", "x", 1, 5), ("a", "y", 1, 6)], [("a", "y", 1, 8)])
    assert error(divided(found, InteractionOptions(), given=True)) == (
        "examples: leak: user 'a', item 'y': held out for test (time 8, test.csv: row 1)"
        " and also a validation interaction (time 6, log.csv: row 2)"
    )


def test_training_comes_before_what_is_held_out() -> None:
    rows = [("a", "x", 1, 5), ("a", "z", 1, 6), ("a", "y", 1, 7), ("b", "z", 1, 9)]
    found = shard(rows, [("b", "x", 1, 1), ("a", "w", 1, 4)])
    assert error(divided(found, InteractionOptions(), given=True)) == (
        "examples: leak: user 'a': item 'x' is trained on (time 5, log.csv: row 1), but is later"
        " than item 'w', which is held out for test (time 4, test.csv: row 2)"
    )


def test_validation_may_be_later_than_test_unless_it_is_trained_on() -> None:
    found = shard([("a", "x", 1, 5), ("a", "z", 1, 6)], [("a", "w", 1, 5)])
    leaks.check(divided(found, InteractionOptions(), given=True), InteractionOptions())
    training = InteractionOptions(train_on_validation=True)
    assert error(divided(found, training, given=True)) == (
        "examples: leak: user 'a': item 'z' is trained on (time 6, log.csv: row 2), but is later"
        " than item 'w', which is held out for test (time 5, test.csv: row 1)"
    )


def test_given_interactions_without_times_pass() -> None:
    found = shard([("a", "x", 1, 5), ("a", "z", 1, 6)], [("a", "w", 1, 0)])
    leaks.check(divided(found, InteractionOptions(), given=True), InteractionOptions())


def test_time_cuts_training_off() -> None:
    rows = [("a", "x", 1, 29), ("a", "y", 1, 30), ("a", "z", 1, 41)]
    found = of_parts(rows, Part.TRAIN, Part.TRAIN, Part.TEST)
    assert error(found, **TIMED) == (
        "examples: leak: user 'a': item 'y' is trained on (time 30, log.csv: row 2), but validation"
        " begins at time 30"
    )


def test_a_held_out_user_is_in_one_split() -> None:
    rows = [("a", "x", 1, 1), ("b", "x", 1, 2), ("b", "y", 1, 3)]
    found = of_parts(rows, Part.TRAIN, Part.TRAIN, Part.TEST)
    assert error(found, split=SplitRule.USER) == (
        "examples: leak: user 'b' is in two splits: training (item 'x', time 2, log.csv: row 2) and"
        " test (item 'y', time 3, log.csv: row 3)"
    )
