"""Reading the catalogue and what users have of it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from data.errors import InputError
from data.features import Feature
from data.features import FeatureSpec
from data.features import Transform
from data.sampling import catalogue as catalogue_lib
from data.transformed import TransformedSpec
from tests.data.sampling.samples import NAME
from tests.data.sampling.samples import SPEC
from tests.data.sampling.samples import TRANSFORMED
from tests.data.sampling.samples import example
from tests.data.sampling.samples import item_id
from tests.data.sampling.samples import write
from tests.data.sampling.samples import write_catalogue
from tests.data.sampling.samples import write_likes


def test_items_stand_in_the_order_of_their_ids(tmp_path: Path) -> None:
    found = catalogue_lib.load([write_catalogue(tmp_path / "items.gz", 5)], TRANSFORMED)
    assert found.size == 5
    assert found.ids.numpy().tolist() == [item_id(item) for item in range(5)]
    assert {name: column.numpy().tolist() for name, column in found.columns.items()} == {
        NAME: [[item / 2, 1900 + item] for item in range(5)],
        "item": [[item + 1] for item in range(5)],
    }


def test_ids_are_looked_up(tmp_path: Path) -> None:
    found = catalogue_lib.load([write_catalogue(tmp_path / "items.gz", 50)], TRANSFORMED)
    ids = tf.constant([item_id(item) for item in (7, 0, 49, 7, 50)] + [b""])
    assert found.look_up(ids).numpy().tolist() == [7, 0, 49, 7, -1, -1]
    assert found.look_up(ids[:0]).numpy().tolist() == []
    assert tf.function(found.look_up)(ids).numpy().tolist() == [7, 0, 49, 7, -1, -1]


def test_the_history_of_users_is_in_the_order_of_their_lists(tmp_path: Path) -> None:
    catalogue = catalogue_lib.load([write_catalogue(tmp_path / "items.gz", 5)], TRANSFORMED)
    files = [
        write_likes(tmp_path / "first.gz", {3: [4, 0, 2], 1: []}),
        write_likes(tmp_path / "second.gz", {2: [1]}),
    ]
    users, items = catalogue_lib.history(files, TRANSFORMED, catalogue)
    assert users.numpy().tolist() == [b"u3", b"u1", b"u2"]
    assert items.dtype == tf.int32
    assert items.to_list() == [[4, 0, 2], [], [1]]
    users, items = catalogue_lib.history([], TRANSFORMED, catalogue)
    assert (users.numpy().tolist(), items.to_list()) == ([], [])


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([[]], "catalogue: there are no items"),
        ([], "catalogue: there are no items"),
        ([[3, 1], [2, 3]], "catalogue: item 'i0003' is there twice"),
    ],
)
def test_a_catalogue_of_distinct_items_is_expected(
    tmp_path: Path, items: list[list[int]], message: str
) -> None:
    lists = [example(0, part, [0.0] * len(part)) for part in items]
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        catalogue_lib.load([write(tmp_path / "items.gz", lists)], TRANSFORMED)


def test_a_positive_outside_the_catalogue_is_named(tmp_path: Path) -> None:
    catalogue = catalogue_lib.load([write_catalogue(tmp_path / "items.gz", 5)], TRANSFORMED)
    train = write_likes(tmp_path / "train.gz", {0: [1], 7: [2, 3, 5]})
    message = (
        "train: list 'u7': document: found 'i0005', expected one of the 5 items of the catalogue"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        catalogue_lib.history([train], TRANSFORMED, catalogue)


@pytest.mark.parametrize("setting", ["list_id", "document_id"])
def test_users_and_items_need_ids(setting: str) -> None:
    unnamed: dict[str, Any] = {setting: ""}
    spec = dataclasses.replace(SPEC, **unnamed)
    message = f"features: '{setting}' must be named to draw negatives"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        catalogue_lib.load([], TransformedSpec(spec, {}))


def test_a_value_that_depends_on_the_list_is_refused() -> None:
    steps = (Transform.LOG1P, Transform.LIST_Z_SCORE)
    spec = FeatureSpec((Feature("x", transform=steps),), list_id="list", document_id="document")
    message = (
        "feature 'x': 'list_z_score' depends on the other documents of a list; expected a value"
        " that an item of the catalogue has alone"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        catalogue_lib.load([], TransformedSpec(spec, {}))
