"""The synthetic lists: reproducible, as their spec says, and hard for what ignores the query."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from data.errors import InputError
from data.features import DType
from data.features import Scope
from data.features import Transform
from data.lists import dtypes
from data.lists import scopes
from data.synthetic import Synthetic
from data.synthetic import generate
from data.synthetic import levels
from data.synthetic import spec

SMALL = Synthetic(train=300, validation=40, test=100)


def test_the_same_configuration_gives_the_same_lists() -> None:
    first, second = generate(SMALL, "train"), generate(SMALL, "train")
    for name, column in first.lists.values.items():
        np.testing.assert_array_equal(column, second.lists.values[name])
    np.testing.assert_array_equal(first.utility, second.utility)


def test_another_seed_gives_other_lists() -> None:
    other = generate(Synthetic(train=300, seed=21), "train")
    assert not np.array_equal(other.lists.sizes, generate(SMALL, "train").lists.sizes)


def test_a_split_does_not_depend_on_the_size_of_another() -> None:
    fewer = generate(Synthetic(train=10, validation=40, test=100), "test")
    np.testing.assert_array_equal(fewer.utility, generate(SMALL, "test").utility)


def test_list_ids_are_unique_over_all_splits() -> None:
    ids = [i for split in SMALL.splits for i in generate(SMALL, split).lists.ids]
    assert ids == [b"q%06d" % index for index in range(440)]


def test_columns_are_those_of_the_spec() -> None:
    lists = generate(SMALL, "train").lists
    kinds = {DType.FLOAT: np.float32, DType.INT: np.int64, DType.STRING: object}
    widths = {feature.name: feature.width for feature in spec().raw} | {"relevance": 1}
    assert lists.values.keys() == dtypes(spec()).keys()
    assert lists.scopes == scopes(spec())
    for name, column in lists.values.items():
        rows = len(lists) if lists.scopes[name] is Scope.CONTEXT else lists.sizes.sum()
        assert column.shape == (rows, widths[name])
        assert column.dtype == kinds[dtypes(spec())[name]]


def test_values_are_in_range() -> None:
    lists = generate(SMALL, "train").lists
    assert set(lists.sizes) == set(range(5, 26))
    assert set(lists.values["relevance"].ravel()) == {0.0, 1.0, 2.0, 3.0, 4.0}
    assert set(lists.values["brand"].ravel()) <= set(range(50))
    assert 0 <= lists.values["clicks"].min() <= lists.values["clicks"].max() <= 100_000
    assert np.median(lists.values["clicks"]) < lists.values["clicks"].mean() / 3  # heavy tail
    assert lists.values["quality"].min() >= 0
    assert lists.values["quality"].max() <= 1


def test_every_list_has_a_relevant_document() -> None:
    lists = generate(Synthetic(train=500, min_documents=1, max_documents=2), "train").lists
    best = np.maximum.reduceat(
        lists.values["relevance"][:, 0], np.cumsum(lists.sizes) - lists.sizes
    )
    assert best.min() == 1


def test_tokens_fill_their_width_from_the_left() -> None:
    for name, least in (("query_tokens", 2), ("title_tokens", 3)):
        present = generate(SMALL, "train").lists.values[name] != b""
        assert set(present.sum(axis=1)) == set(range(least, present.shape[1] + 1))
        assert (np.diff(present.astype(int), axis=1) <= 0).all()


def test_grades_follow_the_utility() -> None:
    found = generate(SMALL, "train")
    grades = found.lists.values["relevance"][:, 0]
    means = [found.utility[grades == grade].mean() for grade in range(5)]
    assert means == sorted(means)


def test_document_numbers_mean_something_else_for_each_intent() -> None:
    found = generate(Synthetic(train=1200), "train")
    lists = found.lists
    intent = lists.values["intent"][lists.list_of_document, 0]
    price = np.log1p(lists.values["price"][:, 0])
    signs = {
        name: np.sign(np.corrcoef(price[intent == name], found.utility[intent == name])[0, 1])
        for name in (b"buy", b"browse")
    }
    assert signs == {b"buy": -1, b"browse": 1}


def test_every_kind_of_column_occurs() -> None:
    used = {step for feature in spec().features for step in feature.transform}
    assert used >= {
        Transform.LOG1P,
        Transform.Z_SCORE,
        Transform.MIN_MAX,
        Transform.VOCABULARY,
        Transform.HASH,
        Transform.INTEGER,
    }


@pytest.mark.parametrize("seed", [20, 1, 2])
@pytest.mark.parametrize("split", ["validation", "test"])
def test_levels_leave_room_above_what_ignores_the_query(seed: int, split: str) -> None:
    found = levels(Synthetic(seed=seed), split)
    assert 0.99 < found.best <= 1
    assert 0.60 < found.query_blind < 0.70
    assert 0.44 < found.random < 0.50


def test_the_random_level_is_the_mean_over_orders() -> None:
    config = Synthetic(test=30)
    lists = generate(config, "test").lists
    rng = np.random.default_rng(0)
    of = lists.list_of_document
    gains = 2.0 ** lists.values["relevance"][:, 0] - 1
    ratios = []
    for index in range(len(lists)):
        gain = gains[of == index]
        discounts = [1 / math.log2(1 + rank) for rank in range(1, min(10, len(gain)) + 1)]
        dcgs = [np.dot(rng.permutation(gain)[:10], discounts) for _ in range(300)]
        ratios.append(np.mean(dcgs) / np.dot(np.sort(gain)[::-1][:10], discounts))
    assert levels(config, "test").random == pytest.approx(np.mean(ratios), abs=0.01)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train": 0}, "synthetic: train must be at least 1, found 0"),
        ({"min_documents": 0}, "synthetic: min_documents must be at least 1, found 0"),
        (
            {"min_documents": 5, "max_documents": 4},
            "synthetic: max_documents must be at least min_documents (5), found 4",
        ),
    ],
)
def test_impossible_counts_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Synthetic(**settings)
