"""LambdaMART: what it sees of the lists, and that it learns from them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from data.errors import InputError
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform
from models import trees

lightgbm = pytest.importorskip("lightgbm")

HASH: dict[str, Any] = {"dtype": DType.STRING, "transform": (Transform.HASH,), "buckets": 5}
SPEC = FeatureSpec(
    (
        Feature("price", width=2),
        Feature("device", scope=Scope.CONTEXT, **HASH),
        Feature("words", width=3, **HASH),
        Feature("brand", dtype=DType.INT, transform=(Transform.HASH,), buckets=5),
    )
)
SIZES = np.array([2, 1])
COLUMNS = {
    "price": np.arange(6.0),
    "device": np.array([b"phone", b"desk"], object),
    "words": np.array([b""] * 9, object),
    "brand": np.array([7, 8, 7]),
}


def test_a_row_has_the_numbers_of_its_document_and_codes_of_its_categories() -> None:
    found = trees.matrix(SPEC, COLUMNS, SIZES)
    assert (found.shape, found.dtype) == ((3, 4), np.float32)
    np.testing.assert_array_equal(found[:, :2], np.arange(6).reshape(3, 2))
    device, brand = found[:, 2], found[:, 3]
    assert device[0] == device[1] != device[2]
    assert brand[0] == brand[2] != brand[1]
    assert found[:, 2:].max() < trees.CATEGORIES
    assert trees._categorical(SPEC) == [2, 3]


def test_a_list_alone_has_the_rows_it_has_among_others() -> None:
    last = {name: values[-len(values) // 3 :] for name, values in COLUMNS.items()}
    last["device"] = COLUMNS["device"][-1:]
    whole, alone = (trees.matrix(SPEC, c, s) for c, s in ((COLUMNS, SIZES), (last, SIZES[1:])))
    np.testing.assert_array_equal(whole[2:], alone)


def test_numbers_that_the_model_puts_into_buckets_stay_numbers() -> None:
    bucketize: dict[str, Any] = {"transform": (Transform.BUCKETIZE,), "buckets": 4}
    spec = FeatureSpec((Feature("score", width=2, **bucketize),))
    scores = np.array([0.1, 0.5, 0.2, 0.9, 0.3, 0.7], np.float32)
    found = trees.matrix(spec, {"score": scores}, SIZES)
    np.testing.assert_array_equal(found, scores.reshape(3, 2))
    assert trees._categorical(spec) == []


def test_what_lightgbm_cannot_rank_is_named() -> None:
    words = FeatureSpec((Feature("words", width=3, **HASH),))
    with pytest.raises(InputError, match="lightgbm needs a number or a single category"):
        trees.matrix(words, COLUMNS, SIZES)
    n = 10_001
    long = trees.Part({"x": np.zeros(n)}, np.zeros(n), np.array([n]))
    with pytest.raises(InputError) as caught:
        trees.train(FeatureSpec((Feature("x"),)), long, long)
    assert str(caught.value) == (
        "yardsticks: lightgbm ranks lists of at most 10,000 documents, found 10,001"
    )


def part(seed: int, n_lists: int = 150) -> trees.Part:
    """Lists in which a category and the second number make the grade."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 12, n_lists)
    n = sizes.sum()
    brands, prices = rng.integers(0, 6, n), rng.normal(size=(n, 2))
    columns = {
        "price": prices.ravel(),
        "device": rng.choice(np.array([b"phone", b"desk"], object), n_lists),
        "words": np.array([b""] * (3 * n), object),
        "brand": brands,
    }
    return trees.Part(columns, np.digitize((brands % 2) + prices[:, 1], [0.5, 1.5]), sizes)


def test_it_learns_and_comes_out_the_same_again() -> None:
    text = trees.train(SPEC, part(1), part(2))
    assert trees.train(SPEC, part(1), part(2)) == text
    booster, unseen = lightgbm.Booster(model_str=text), part(3)
    assert 1 < booster.num_trees() < trees.MOST_TREES
    scores = booster.predict(trees.matrix(SPEC, unseen.columns, unseen.sizes))
    assert np.corrcoef(scores, unseen.labels)[0, 1] > 0.8


@pytest.mark.parametrize("label", [0.5, 31.0])
def test_labels_are_grades(label: float) -> None:
    found = trees.Part(COLUMNS, np.array([0.0, label, 1.0]), SIZES)
    with pytest.raises(InputError) as error:
        trees.train(SPEC, found, found)
    assert str(error.value) == (
        f"yardsticks: lightgbm ranks by whole grades from 0 to 30, found a label of {label:g}"
    )
