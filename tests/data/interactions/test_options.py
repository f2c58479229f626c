"""Each contradiction in the options is one clear line."""

from __future__ import annotations

import math
from typing import Any

import pytest

from data.errors import InputError
from data.interactions import CatalogueOf
from data.interactions import InteractionOptions
from data.interactions import Labels
from data.interactions import Layout
from data.interactions import SplitRule

ML, NCF = Layout.ML_1M, Layout.NCF
TIME = SplitRule.TIME

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"user": ""}, "user: the name of a column must not be empty"),
    ({"item": ""}, "item: the name of a column must not be empty"),
    ({"user": "u", "time": "u"}, "user, item, value, time: 'u' is named twice"),
    (
        {"layout": ML, "user": "u"},
        "user: layout 'ml-1m' calls its columns 'user_id' and 'movie_id', found 'u'",
    ),
    (
        {"layout": ML, "item": "i"},
        "item: layout 'ml-1m' calls its columns 'user_id' and 'movie_id', found 'i'",
    ),
    (
        {"layout": Layout.ML_CSV, "users": "users.csv"},
        "users: layout 'ml-csv' has no file of users, found 'users.csv'",
    ),
    ({"layout": NCF, "value": "v"}, "value: layout 'ncf' knows its columns itself, found 'v'"),
    ({"layout": ML, "time": "t"}, "time: layout 'ml-1m' knows its columns itself, found 't'"),
    ({"delimiter": "::"}, "delimiter: found '::', expected one ASCII character"),
    ({"min_value": 3.0}, "min_value: needs 'value', the column of values"),
    ({"labels": Labels.GRADED}, "labels = 'graded': needs 'value', the column of values"),
    ({"min_user": 0}, "min_user must be at least 1, found 0"),
    ({"min_item": 0}, "min_item must be at least 1, found 0"),
    ({"core": -1}, "core must be at least 0, found -1"),
    ({"core_rounds": 0}, "core_rounds must be at least 1, found 0"),
    ({"held_out": 0}, "held_out must be at least 1, found 0"),
    (
        {"split": SplitRule.USER, "train_on_validation": True},
        "train_on_validation is not for split = 'user', whose users are apart",
    ),
    ({"recency": -1.0}, "recency must be 0 or more, found -1.0"),
    ({"candidates": 0}, "candidates must be at least 1, found 0"),
    ({"seed": -1}, "seed must be at least 0, found -1"),
    ({"shards": 0}, "shards must be at least 1, found 0"),
    ({"validation_share": 0}, "validation_share must be at least 1, found 0"),
    ({"test_share": 0}, "test_share must be at least 1, found 0"),
    (
        {"validation_share": 50, "test_share": 50},
        "validation_share and test_share must leave users to train on, found 100 %",
    ),
    ({"test_from": math.inf}, "test_from must be a finite number, found inf"),
    ({"split": TIME, "test_from": 1.0}, "split = 'time': needs 'time', the column of times"),
    (
        {"split": TIME, "time": "t", "validation_from": 5.0, "test_from": 5.0},
        "validation_from must be before test_from, found 5.0 and 5.0",
    ),
    ({"validation_from": 5.0}, "validation_from is for split = 'time', found 5.0"),
    ({"test_from": 5.0}, "test_from is for split = 'time', found 5.0"),
    (
        {"catalogue": CatalogueOf.ITEMS},
        "catalogue = 'items': needs 'items', the file of items",
    ),
]


@pytest.mark.parametrize(("settings", "message"), WRONG, ids=[text for _, text in WRONG])
def test_contradictions_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        InteractionOptions(**settings)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"layout": ML, "item": "movie_id", "min_value": 4.0, "labels": Labels.GRADED},
        {"layout": ML, "split": TIME, "validation_from": 8.0, "test_from": 9.0},
        {"layout": NCF, "user": "u", "item": "i", "users": "users.csv"},
        {"value": "v", "min_value": 0.0, "delimiter": "\t"},
    ],
)
def test_what_fits_together_is_taken(settings: dict[str, Any]) -> None:
    assert InteractionOptions(**settings).layout is settings.get("layout", Layout.CSV)


@pytest.mark.parametrize("layout", list(Layout))
def test_names_of_the_id_columns(layout: Layout) -> None:
    options = InteractionOptions(layout=layout)
    movielens = layout.value.startswith("ml-")
    assert options.user_column == "user_id"
    assert options.item_column == ("movie_id" if movielens else "item_id")
    assert options.has_value == options.has_time == (layout not in (Layout.CSV, Layout.PARQUET))
