"""Interactions as impressions: options, labels, division, and rows of users and items."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from data.errors import InputError
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform
from data.interactions import CandidateKind
from data.interactions import InteractionOptions
from data.interactions import Labels
from data.interactions import Layout
from data.interactions import SplitRule
from data.interactions import filters
from data.interactions import impressions
from data.interactions.catalogue import Catalogue
from data.interactions.lists import Documents
from data.interactions.lists import positives
from data.interactions.splitting import Part
from tests.data.interactions.logs import Row
from tests.data.interactions.logs import Told
from tests.data.interactions.logs import divided
from tests.data.interactions.logs import one_of_each_pair
from tests.data.interactions.logs import random_log
from tests.data.interactions.logs import rows_of
from tests.data.interactions.logs import shard
from tests.data.interactions.logs import sharded

CLICKS: dict[str, Any] = {
    "value": "rating",
    "split": SplitRule.IMPRESSION,
    "labels": Labels.THRESHOLD,
    "positive_from": 4.0,
    "negative_to": 2.0,
}
OPTIONS = InteractionOptions(**CLICKS)
LOG = one_of_each_pair(random_log(1, users=200, items=200, number=4000))
TEXT: dict[str, Any] = {"dtype": DType.STRING, "transform": (Transform.VOCABULARY,)}
ROWS = FeatureSpec(
    tuple(Feature(name, **TEXT) for name in ("user_id", "movie_id", "age", "genres")),
    impressions=True,
)

BOTH = "positive_from, negative_to: both are needed for labels = 'threshold', and for none else"
NO_LISTS = "split = 'impression' makes no lists; leave it out"
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"positive_from": None}, BOTH),
    ({"labels": Labels.GRADED}, BOTH),
    ({"negative_to": 4.0}, "negative_to must be below positive_from, found 4.0 and 4.0"),
    (
        {"value": ""},
        "labels = 'threshold': needs 'value', the column of values",
    ),
    (
        {"split": SplitRule.USER},
        "labels = 'threshold' are for split = 'impression'; a list is made of positives",
    ),
    ({"candidates": 5}, f"candidates: {NO_LISTS}"),
    ({"candidates_file": "x"}, f"candidates_file: {NO_LISTS}"),
    ({"candidate_kind": CandidateKind.POPULARITY}, f"candidate_kind: {NO_LISTS}"),
    ({"held_out": 2}, f"held_out: {NO_LISTS}"),
    ({"recency": 1.0}, f"recency: {NO_LISTS}"),
    (
        {"sides": Layout.ML_1M},
        "sides: 'ml-1m' calls its columns 'user_id' and 'movie_id', found ('user_id', 'item_id')",
    ),
    ({"sides": Layout.NCF}, "sides: found 'ncf', expected csv, parquet or a layout of MovieLens"),
]


@pytest.mark.parametrize(("settings", "message"), WRONG, ids=[text for _, text in WRONG])
def test_contradictions_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        InteractionOptions(**{**CLICKS, **settings})
    assert str(caught.value) == message


def test_user_features_are_for_impressions() -> None:
    with pytest.raises(InputError, match=r"^user_features is for split = 'impression'$"):
        InteractionOptions(user_features=("age",))


def test_values_between_the_thresholds_have_no_label() -> None:
    told = Told()
    rows: list[Row] = [("a", f"i{value}", value, 0) for value in (1, 2, 2.5, 3, 4, 5)]
    kept = filters.with_label(shard(rows), OPTIONS, told.count)
    assert [row[2] for row in rows_of(kept)] == [1, 2, 4, 5]
    assert told.counts == {"interactions between negative_to and positive_from dropped": 2}
    items = Catalogue(kept.items, np.zeros(len(kept.items), np.int64), {})
    found = positives(divided(kept, OPTIONS), np.ones(4, bool), items, OPTIONS)
    assert found.label.tolist() == [0, 0, 1, 1]


def parts(rows: list[Row], options: InteractionOptions, shards: int = 1) -> dict[Row, int]:
    found = [divided(one, options) for one in sharded(rows, shards)]
    return {row: int(p) for x in found for row, p in zip(rows_of(x.shard), x.part, strict=True)}


def test_interactions_are_divided_by_shares() -> None:
    options = InteractionOptions(**CLICKS, validation_share=20, test_share=10)
    sizes = np.bincount(list(parts(LOG, options).values()), minlength=4)
    for part, share in ((Part.TRAIN, 0.7), (Part.VALIDATION, 0.2), (Part.TEST, 0.1)):
        expected = share * len(LOG)
        assert sizes[part] == pytest.approx(expected, abs=4 * expected**0.5)


def test_the_part_depends_on_user_item_and_seed_alone() -> None:
    found = parts(LOG, OPTIONS)
    assert parts(LOG[::-1], OPTIONS, shards=5) == found
    assert parts(LOG[:50], OPTIONS) == {row: found[row] for row in LOG[:50]}
    assert parts(LOG, InteractionOptions(**CLICKS, seed=1)) != found


def test_users_and_items_are_told_apart() -> None:
    options = InteractionOptions(**CLICKS, item="movie_id", user_features=("age",))
    spec = impressions.of_lists(ROWS, options)
    context = [feature.name for feature in spec.features if feature.scope is Scope.CONTEXT]
    assert context == ["user_id", "age"]
    assert not spec.impressions
    known = InteractionOptions(**{**CLICKS, "value": "", "layout": Layout.ML_1M})
    assert impressions.of_lists(ROWS, known) == spec


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (("ages",), "user_features: no feature 'ages'. Did you mean 'age'?"),
        (("movie_id", "age", "genres"), "at least one feature of the item is needed"),
    ],
)
def test_features_that_do_not_fit(features: tuple[str, ...], message: str) -> None:
    options = InteractionOptions(**CLICKS, user_features=features)
    with pytest.raises(InputError) as caught:
        impressions.of_lists(ROWS, options)
    assert str(caught.value).removeprefix("examples.interactions").lstrip(".: ") == message


def test_rows_have_what_is_known_of_user_and_item(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(impressions, "MAX_ROWS", 3)
    spec = FeatureSpec((Feature("age"), Feature("price")), impressions=True, weight="w")
    items = Catalogue(
        pa.array([b"i", b"j"]), np.zeros(2, np.int64), {"price": np.array([[5], [6]])}
    )
    documents = Documents(
        np.array([0, 0, 1, 1]), np.array([1, 0, 0, 1]), np.array([0, 1, 1, 0]), np.ones(4)
    )
    users = {"age": np.array([[20], [30]])}
    batches = list(impressions.to_rows(documents, items, users, "shard 1", spec))
    assert [batch.sizes.tolist() for batch in batches] == [[1, 1, 1], [1]]
    values = {
        name: np.concatenate([batch.values[name] for batch in batches])[:, 0].tolist()
        for name in batches[0].values
    }
    assert values == {
        "age": [20, 20, 30, 30],
        "price": [6, 5, 5, 6],
        "label": [0, 1, 1, 0],
        "w": [1, 1, 1, 1],
    }
    assert batches[0].ids == [b""] * 3
