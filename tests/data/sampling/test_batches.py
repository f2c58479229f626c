"""Batches of a positive and its negatives: which, in what order, and in what form."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data.dataset import Counts
from data.errors import InputError
from data.sampling import NegativeKind
from data.sampling import Negatives
from data.sampling import batches
from data.sampling import catalogue as catalogue_lib
from data.sampling.catalogue import Catalogue
from data.transformed import MASK
from data.transformed import TRANSFORM_SUFFIX
from data.transformed import TransformedSpec
from tests.data.sampling.samples import NAME
from tests.data.sampling.samples import SPEC
from tests.data.sampling.samples import TRANSFORMED
from tests.data.sampling.samples import Drawn
from tests.data.sampling.samples import chi_square_limit
from tests.data.sampling.samples import drawn
from tests.data.sampling.samples import example
from tests.data.sampling.samples import random_likes
from tests.data.sampling.samples import write
from tests.data.sampling.samples import write_catalogue
from tests.data.sampling.samples import write_likes

N_ITEMS = 30
LIKES = random_likes(1, N_ITEMS, (5, 29, 12, 1, 30, 3, 20, 8, 15, 28, 2))
TOTAL = sum(map(len, LIKES.values()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sampling")


@pytest.fixture(scope="module")
def catalogue(folder: Path) -> Catalogue:
    return catalogue_lib.load([write_catalogue(folder / "items.gz", N_ITEMS)], TRANSFORMED)


@pytest.fixture(scope="module")
def files(folder: Path) -> list[str]:
    users = list(LIKES)
    parts = (users[:4], users[4:])
    return [
        write_likes(folder / f"{number}.gz", {user: LIKES[user] for user in part})
        for number, part in enumerate(parts)
    ]


def training(
    files: list[str],
    catalogue: Catalogue,
    kind: NegativeKind = NegativeKind.UNIFORM,
    *,
    n: int = 3,
    **settings: Any,
) -> tf.data.Dataset:
    settings = {"batch_size": 16, "static": False, "seed": 1, **settings}
    return batches.training(files, TRANSFORMED, catalogue, Negatives(kind, n), **settings)


def one_epoch(*arguments: Any, **settings: Any) -> Drawn:
    return drawn(training(*arguments, **settings), TOTAL)[0]


@pytest.fixture(scope="module")
def popular(files: list[str], catalogue: Catalogue) -> Drawn:
    """The negatives by popularity of the first epoch."""
    return one_epoch(files, catalogue, NegativeKind.POPULARITY)


def order(found: tf.data.Dataset, lists: int) -> list[tuple[int, int]]:
    """User and positive of so many lists."""
    pairs: list[tuple[int, int]] = []
    for inputs, _ in found:
        users, items = inputs["user"][:, 0].numpy() - 1, inputs["item"][:, 0, 0].numpy() - 1
        pairs += zip(users.tolist(), items.tolist(), strict=True)
        if len(pairs) >= lists:
            break
    return pairs[:lists]


def check_epoch(found: Drawn) -> None:
    """Each positive is there, and has three negatives that its user does not know."""
    assert sorted(found) == sorted((user, item) for user in LIKES for item in LIKES[user])
    for (user, _), items in found.items():
        kept = [item for item in items if item >= 0]
        assert {*kept}.isdisjoint(LIKES[user])
        assert len(kept) == (0 if len(LIKES[user]) == N_ITEMS else 3)


def test_an_epoch_has_each_positive_once_and_no_known_negative(popular: Drawn) -> None:
    check_epoch(popular)


SETTINGS: list[dict[str, Any]] = [{"batch_size": 7, "block": 10}, {"static": True}]


@pytest.mark.parametrize("settings", SETTINGS)
def test_the_same_negatives_in_any_batch_and_block(
    files: list[str], catalogue: Catalogue, popular: Drawn, settings: dict[str, Any]
) -> None:
    assert one_epoch(files, catalogue, NegativeKind.POPULARITY, **settings) == popular


def test_the_same_negatives_in_any_order_of_the_lists(
    folder: Path, catalogue: Catalogue, popular: Drawn
) -> None:
    moved = {user: LIKES[user][::-1] for user in reversed(LIKES)}
    files = [write_likes(folder / "moved.gz", moved)]
    assert one_epoch(files, catalogue, NegativeKind.POPULARITY) == popular


def test_the_same_negatives_for_one_worker_and_for_two(
    files: list[str], catalogue: Catalogue, popular: Drawn
) -> None:
    found: Drawn = {}
    for index in range(2):
        users = list(LIKES)[index::2]
        part = training(files, catalogue, NegativeKind.POPULARITY, shard=(2, index))
        found |= drawn(part, sum(len(LIKES[user]) for user in users))[0]
    assert found == popular


def test_other_negatives_in_another_epoch_and_for_another_seed(
    files: list[str], catalogue: Catalogue
) -> None:
    epochs = drawn(training(files, catalogue), TOTAL, 3)
    later = training(files, catalogue, first_epoch=tf.constant(2))
    assert drawn(later, TOTAL) == epochs[2:]
    epochs += drawn(training(files, catalogue, seed=2), TOTAL)
    for number, one in enumerate(epochs):
        check_epoch(one)
        for other in epochs[:number]:
            assert sum(one[key] == other[key] for key in one) < 0.5 * TOTAL


def test_the_seed_and_the_epoch_fix_the_order(files: list[str], catalogue: Catalogue) -> None:
    one, same = (order(training(files, catalogue, block=40), 2 * TOTAL) for _ in range(2))
    other = order(training(files, catalogue, block=40, seed=2), TOTAL)
    assert one == same
    orders = (one[:TOTAL], one[TOTAL:], other)
    assert [sorted(part) == sorted(one[:TOTAL]) for part in orders] == [True] * 3
    assert len({tuple(part) for part in orders}) == 3


@pytest.mark.parametrize("power", [0.0, 0.75])
def test_negatives_of_many_epochs_are_as_frequent_as_they_should_be(
    files: list[str], catalogue: Catalogue, power: float
) -> None:
    """Expected is, over all positives, what each user's unknown items weigh among themselves."""
    counts = np.bincount([item for items in LIKES.values() for item in items], minlength=N_ITEMS)
    expected = np.zeros(N_ITEMS)
    for items in LIKES.values():
        weights = counts**power
        weights[items] = 0
        expected += len(items) * weights / max(weights.sum(), 1)
    settings = Negatives(NegativeKind.POPULARITY if power else NegativeKind.UNIFORM, 20, power)
    found = batches.training(
        files, TRANSFORMED, catalogue, settings, batch_size=TOTAL, static=True, seed=3
    )
    observed = np.zeros(N_ITEMS, np.int64)
    for inputs, _ in found.take(10):
        items = (inputs["item"][:, 1:, 0].numpy() - 1)[inputs[MASK][:, 1:]]
        observed += np.bincount(items, minlength=N_ITEMS)
    expected *= 200
    assert observed.sum() == round(expected.sum())
    statistic = ((observed - expected) ** 2 / expected).sum()
    assert statistic < chi_square_limit(N_ITEMS - 1)


def test_lists_have_a_positive_and_its_negatives_in_the_models_form(
    files: list[str], catalogue: Catalogue
) -> None:
    for inputs, labels in training(files, catalogue).take(-(-TOTAL // 16)):
        size = labels.shape[0]
        mask = inputs[MASK].numpy()
        assert {name: tuple(value.shape) for name, value in inputs.items()} == {
            MASK: (size, 4),
            "user": (size, 1),
            "item": (size, 4, 1),
            NAME: (size, 4, 2),
        }
        assert (inputs["user"].dtype, inputs["item"].dtype) == (tf.int64, tf.int64)
        assert np.array_equal(labels, np.where(mask, [1, 0, 0, 0], -1))
        everything = inputs["user"][:, 0].numpy() - 1 == 4
        assert np.array_equal(mask[:, 1:].any(axis=1), ~everything)
        item = inputs["item"][..., 0].numpy() - 1
        expected = np.stack([item / 2, 1900 + item], axis=-1)
        assert np.array_equal(inputs[NAME], np.where(mask[..., np.newaxis], expected, 0))


def test_an_epochs_last_batch_alone_is_smaller(files: list[str], catalogue: Catalogue) -> None:
    whole, rest = divmod(TOTAL, 16)
    found = training(files, catalogue, block=25).take(2 * (whole + 1))
    sizes = [labels.shape[0] for _, labels in found]
    assert sizes == [*[16] * whole, rest] * 2


def test_batches_of_one_shape_run_on_from_epoch_to_epoch(
    files: list[str], catalogue: Catalogue
) -> None:
    size = TOTAL // 2 + 5
    found = training(files, catalogue, static=True, block=25, batch_size=size)
    inputs, labels = found.element_spec
    assert {name: spec.shape.as_list() for name, spec in inputs.items()} == {
        MASK: [size, 4],
        "user": [size, 1],
        "item": [size, 4, 1],
        NAME: [size, 4, 2],
    }
    assert (inputs["user"].dtype, inputs["item"].dtype) == (tf.int32, tf.int32)
    assert labels.shape == (size, 4)
    pairs = order(found, 3 * TOTAL)
    first = sorted(pairs[:TOTAL])
    assert [sorted(pairs[at : at + TOTAL]) for at in (TOTAL, 2 * TOTAL)] == [first] * 2


def test_a_batch_may_be_larger_than_an_epoch(files: list[str], catalogue: Catalogue) -> None:
    for _, labels in training(files, catalogue, static=True, batch_size=3 * TOTAL).take(2):
        assert labels.shape == (3 * TOTAL, 4)
    _, labels = next(iter(training(files, catalogue, batch_size=3 * TOTAL)))
    assert labels.shape == (TOTAL, 4)


def test_the_next_lists_of_the_batch_give_its_negatives(
    files: list[str], catalogue: Catalogue
) -> None:
    found = training(files, catalogue, NegativeKind.IN_BATCH, batch_size=6, block=30)
    for inputs, labels in found.take(-(-TOTAL // 6)):
        mask = inputs[MASK].numpy()
        items = np.where(mask, inputs["item"][..., 0] - 1, -1).tolist()
        assert np.array_equal(labels, np.where(mask, [1, 0, 0, 0], -1))
        for place, user in enumerate(inputs["user"][:, 0].numpy() - 1):
            expected: list[int] = []
            for step in (1, 2, 3):
                other = items[(place + step) % len(items)][0]
                unfit = other in LIKES[int(user)] or other in expected
                expected.append(-1 if unfit else other)
            assert items[place][1:] == expected


def test_stored_labels_and_weights_are_those_of_the_positive(
    tmp_path: Path, catalogue: Catalogue
) -> None:
    spec = dataclasses.replace(SPEC, weight="w", tasks=("click",))
    serialized = tf.train.Example.FromString(example(0, [7, 2], [3.0, 2.0]))
    for name, values in (("w", (0.5, 4.0)), ("click", (-1.0, 1.0))):
        column = serialized.features.feature[name + TRANSFORM_SUFFIX].float_list
        column.value.extend(values)
    train = write(tmp_path / "train.gz", [serialized.SerializeToString()])
    transformed = TransformedSpec(spec, {})
    found = batches.training(
        [train], transformed, catalogue, Negatives(), batch_size=2, static=False, seed=1
    )
    inputs, labels, weights = next(iter(found))
    places = np.argsort(inputs["item"][:, 0, 0].numpy())
    assert labels["label"].numpy()[places].tolist() == [[2, 0, 0, 0, 0], [3, 0, 0, 0, 0]]
    assert labels["click"].numpy()[places].tolist() == [[1, 0, 0, 0, 0], [-1, 0, 0, 0, 0]]
    assert weights.numpy()[places].tolist() == [[4.0] * 5, [0.5] * 5]


def test_a_worker_makes_its_batches_in_a_graph(
    folder: Path, files: list[str], popular: Drawn
) -> None:
    @tf.function
    def made() -> tf.data.Dataset:
        again = catalogue_lib.load([str(folder / "items.gz")], TRANSFORMED)
        return training(files, again, NegativeKind.POPULARITY)

    assert drawn(made(), TOTAL) == [popular]


def test_positives_are_counted_as_lists(files: list[str]) -> None:
    assert batches.count(files, TRANSFORMED) == Counts(TOTAL, TOTAL, 1)
    assert batches.count(files, TRANSFORMED, per_positive=4) == Counts(TOTAL, 5 * TOTAL, 5)


@pytest.mark.parametrize(
    ("lists", "found"),
    [
        ([], "there are no documents"),
        ([[]], "there are no documents"),
        ([[0.0, 0.0], [-1.0]], "none of 3 labels is above 0"),
    ],
)
def test_lists_without_a_positive_are_refused(
    tmp_path: Path, lists: list[list[float]], found: str
) -> None:
    examples = [example(0, list(range(len(labels))), labels) for labels in lists]
    train = write(tmp_path / "train.gz", examples)
    message = f"train: label 'label': {found}; expected positives to draw for"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        batches.count([train], TRANSFORMED)


def test_training_on_what_cannot_be_drawn_for_is_refused(
    tmp_path: Path, files: list[str], catalogue: Catalogue
) -> None:
    empty = write_likes(tmp_path / "empty.gz", {})
    outside = write_likes(tmp_path / "outside.gz", {5: [3, N_ITEMS]})
    expected = "expected one of the 30 items of the catalogue"
    for paths, shard, message in (
        ([empty], (1, 0), "train: there are no documents; expected positives to draw for"),
        ([outside], (1, 0), f"train: list 'u5': document: found 'i0030', {expected}"),
        (files, (12, 11), "train: 11 users are too few for 12 parts; expected one in each"),
    ):
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            training(paths, catalogue, shard=shard)
