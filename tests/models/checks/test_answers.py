"""What holds for the answers of a sound model, and each kind of model that breaks it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data.storage import AnyPath
from models import recommend
from models import scoring
from models import serving
from models.checks import answers
from models.checks import served
from models.checks.served import Served
from tests.models import catalogues
from tests.models.checks import broken
from tests.samples import SPEC
from tests.samples import draw
from tests.samples import stored

TOLERANCE = 1e-4


def load(folder: AnyPath) -> Served:
    return Served(scoring.signatures(folder), scoring.read_spec(folder))


def failing(folder: Path, serialized: list[bytes]) -> dict[str, list[str]]:
    """The lines of each check that the model fails."""
    model = load(folder)
    lists = served.read(serialized, model.spec)
    found = {name: answers.run(name, model, lists, TOLERANCE) for name in answers.CHECKS}
    return {name: lines for name, lines in found.items() if lines}


def test_a_sound_model_passes(tmp_path: Path) -> None:
    assert failing(broken.export(tmp_path / "1"), broken.lists()) == {}


@pytest.mark.parametrize(
    ("change", "checks", "line"),
    [
        (
            broken.nan_below_zero,
            {"finite"},
            r"finite: 'predict': list \d \(\d documents\): document \d: found nan, expected a"
            r" finite number",
        ),
        (
            broken.by_length,
            {"batch", "signatures"},
            r"batch: 'predict': list 1 \(3 documents\): place 1: found \S+, each list alone gives"
            r" \S+",
        ),
        (
            broken.by_batch,
            {"batch", "signatures"},
            r"batch: 'predict': list 1 \(3 documents\): place 1: found \S+, each list alone gives"
            r" \S+",
        ),
        (
            broken.by_position,
            {"permutation", "signatures"},
            r"permutation: 'predict': list 1 \(3 documents\): place \d: found \S+, another order"
            r" gives \S+",
        ),
    ],
)
def test_a_broken_model_fails_its_check(
    tmp_path: Path, change: broken.Scores, checks: set[str], line: str
) -> None:
    """`signatures` too, since one of them scores documents alone."""
    found = failing(broken.export(tmp_path / "1", change), broken.lists())
    assert set(found) == checks
    lines = [line for of_check in found.values() for line in of_check]
    assert any(re.fullmatch(line, found) for found in lines), lines


def test_a_signature_that_counts_padding_is_refused(tmp_path: Path) -> None:
    model = broken.export(tmp_path / "1", kind=broken.PaddedSignature)
    found = failing(model, broken.lists())
    assert set(found) == {"batch", "padding", "signatures"}
    line = r"padding: 'raw': list 1 \(3 documents\): place 1: found \S+, less padding gives \S+"
    assert re.fullmatch(line, found["padding"][0])


@pytest.mark.parametrize("name", [serving.RAW, serving.COLUMNAR])
def test_a_signature_with_other_scores_is_named(tmp_path: Path, name: str) -> None:
    class Other(broken.OtherSignature):
        other = name

    found = failing(broken.export(tmp_path / "1", kind=Other), broken.lists())
    assert set(found) == {"signatures"}
    assert found["signatures"][0].startswith(
        f"signatures: '{name}': list 1 (3 documents): place 1: found "
    )


def test_a_signature_without_an_answer_is_named(tmp_path: Path) -> None:
    model = load(broken.export(tmp_path / "1"))
    lists = served.read(broken.lists(), model.spec)

    def refuse(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        raise tf.errors.InvalidArgumentError(None, None, "no such column\n\t [[node]]")

    def fewer(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        found = model.signatures[serving.RAW](**inputs)[serving.SCORES]
        return {serving.SCORES: found[:, :1]}

    for signature, line in (
        (refuse, "'raw' gives no answer: no such column"),
        (lambda **_: {"other": tf.zeros([])}, "'raw' has no output 'scores', only other"),
        (fewer, "'raw' gives (4, 1) scores for lists of [3, 1, 8, 5] documents"),
    ):
        other = Served({**model.signatures, serving.RAW: signature}, model.spec)
        assert answers.run("signatures", other, lists, TOLERANCE) == [f"signatures: {line}"]


@pytest.fixture(scope="module")
def recommender(tmp_path_factory: pytest.TempPathFactory) -> Served:
    folder = tmp_path_factory.mktemp("recommender") / "1"
    made = catalogues.servable(catalogues.Matched(), user="user_id")
    serving.export(made, folder, warmup=[])
    return load(folder)


def users_lists() -> list[bytes]:
    return stored(catalogues.lists_of([[3, 5], [1], [20, 2, 7], [5], [0, 4]]), catalogues.SPEC)


def test_a_sound_recommender_passes(recommender: Served) -> None:
    assert recommend.EVALUATE in recommender.scoring
    lists = served.read(users_lists(), recommender.spec)
    for name in answers.CHECKS:
        assert answers.run(name, recommender, lists, TOLERANCE) == []


def shifted(items: Any, scores: Any) -> dict[str, Any]:
    return {recommend.ITEMS: items, serving.SCORES: scores + 0.5}


def turned(items: Any, scores: Any) -> dict[str, Any]:
    return {recommend.ITEMS: items[:, ::-1], serving.SCORES: scores[:, ::-1]}


def twice(items: Any, scores: Any) -> dict[str, Any]:
    return {recommend.ITEMS: tf.tile(items[:, :1], [1, 5]), serving.SCORES: scores[:, :5]}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (shifted, r"'recommend': list 1 \(2 documents\): place 1: found \S+, predict gives \S+"),
        (
            turned,
            r"'recommend': list 1 \(2 documents\): item \d+ has a higher score than the one"
            r" before",
        ),
        (twice, r"'recommend': list 1 \(2 documents\): an item is there twice"),
    ],
)
def test_recommended_items_agree_with_lists(recommender: Served, change: Any, line: str) -> None:
    right = recommender.signatures[recommend.RECOMMEND]

    def wrong(**inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        found = right(**inputs)
        return dict(change(found[recommend.ITEMS], found[serving.SCORES]))

    other = Served({**recommender.signatures, recommend.RECOMMEND: wrong}, recommender.spec)
    lists = served.read(users_lists(), recommender.spec)
    [first, *_] = answers.run("recommend", other, lists, TOLERANCE)
    assert re.fullmatch(f"recommend: {line}", first), first


def test_a_long_list_is_asked_about_in_part() -> None:
    long = stored(draw((served.LONGEST + 20, 2)))
    lists = served.read(long, SPEC)
    assert lists.sizes.tolist() == [served.LONGEST, 2]
    assert lists.origins == [f"list 1 ({served.LONGEST + 20} documents)", "list 2 (2 documents)"]
    found = served.of_size(lists, 250)
    assert found.sizes.tolist() == [250]
    np.testing.assert_array_equal(found.values["price"][:102], lists.values["price"])
