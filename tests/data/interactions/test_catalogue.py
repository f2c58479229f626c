"""The catalogue: which items, with which features."""

from __future__ import annotations

import dataclasses
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
from data.interactions import CatalogueOf
from data.interactions import InteractionOptions
from data.interactions import catalogue as catalogues
from data.interactions.catalogue import Catalogue
from data.interactions.filters import COUNTS
from data.interactions.tables import SideTable

TEXT: dict[str, Any] = {"dtype": DType.STRING, "transform": (Transform.VOCABULARY,)}
SPEC = FeatureSpec(
    (
        Feature("item_id", dtype=DType.INT, transform=(Transform.HASH,), buckets=9),
        Feature("price", default=-1.0),
        Feature("genres", width=2, **TEXT),
        Feature("popularity", dtype=DType.INT),
        Feature("user_id", scope=Scope.CONTEXT, **TEXT),
        Feature("age", scope=Scope.CONTEXT, default=30.0),
    ),
    weight="importance",
    list_id="user",
    document_id="item",
    tasks=("bought",),
)
COUNTED = pa.table([pa.array([b"7", b"10", b"2"]), pa.array([5, 0, 3])], COUNTS)
ITEMS = SideTable(
    ids=pa.array([b"2", b"3", b"7"]),
    values={
        "price": np.array([[2.5], [3.5], [7.5]], np.float32),
        "genres": np.array([[b"a", b""], [b"b", b"c"], [b"d", b""]], object),
    },
    unknown={
        "price": np.array([[-1]], np.float32),
        "genres": np.array([[b"", b""]], object),
    },
)


def build(more: tuple[bytes, ...] = (), **settings: Any) -> Catalogue:
    options = InteractionOptions(items="items.csv", **settings)
    return catalogues.build(COUNTED, pa.array(more, pa.binary()), ITEMS, options, SPEC)


def test_items_of_the_log_and_of_candidates_are_the_catalogue() -> None:
    found = build((b"7", b"11"))
    assert found.ids.to_pylist() == [b"10", b"11", b"2", b"7"]
    assert found.popularity.tolist() == [0, 0, 3, 5]
    assert {name: column.tolist() for name, column in found.columns.items()} == {
        "item": [[b"10"], [b"11"], [b"2"], [b"7"]],
        "item_id": [[10], [11], [2], [7]],
        "price": [[-1], [-1], [2.5], [7.5]],
        "genres": [[b"", b""], [b"", b""], [b"a", b""], [b"d", b""]],
        "popularity": [[0], [0], [3], [5]],
    }
    assert found.columns["popularity"].dtype == np.int64
    assert found.look_up(pa.array([b"7", b"8", b"10"])).tolist() == [3, -1, 0]


def test_the_items_file_may_add_items() -> None:
    found = build(catalogue=CatalogueOf.ITEMS)
    assert found.ids.to_pylist() == [b"10", b"2", b"3", b"7"]
    assert found.popularity.tolist() == [0, 3, 0, 5]


def test_numbers_of_side_files_are_finite() -> None:
    ITEMS.values["price"][2] = np.nan
    message = (
        "^examples.interactions: feature 'price' of '7': found 'nan', expected a finite number$"
    )
    with pytest.raises(InputError, match=message):
        build()
    ITEMS.values["price"][2] = 7.5


def test_the_lists_of_the_catalogue_are_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogues, "LIST_SIZE", 3)
    found = list(catalogues.to_lists(build((b"11",)), SPEC))
    assert [batch.sizes.tolist() for batch in found] == [[3], [1]]
    assert [batch.ids for batch in found] == [[b""], [b""]]
    for batch in found:
        assert set(batch.values) == set(batch.scopes)
        assert batch.values["user"].tolist() == [[b""]]
        assert batch.values["user_id"].tolist() == [[b""]]
        assert batch.values["age"].tolist() == [[30]]
        for name, value in (("label", 0), ("importance", 1), ("bought", -1)):
            assert batch.values[name].tolist() == [[value]] * int(batch.sizes[0])
    stored = [x for batch in found for x in batch.values["item"][:, 0].tolist()]
    assert stored == [b"10", b"11", b"2", b"7"]


def test_what_side_files_must_have() -> None:
    own = [catalogues.side_features(SPEC, Scope.DOCUMENT, "item_id")]
    own += [catalogues.side_features(SPEC, Scope.CONTEXT, "user_id")]
    assert [[feature.name for feature in part] for part in own] == [["price", "genres"], ["age"]]


def test_without_a_file_features_are_neutral() -> None:
    users = pa.array([b"a", b"b"])
    found = catalogues.side_columns(users, None, "user_id", Scope.CONTEXT, SPEC)
    assert {name: column.tolist() for name, column in found.items()} == {
        "user_id": [[b"a"], [b"b"]],
        "age": [[30], [30]],
    }


def test_users_without_a_row_need_defaults() -> None:
    spec = dataclasses.replace(
        SPEC, columns=(*SPEC.columns, Feature("income", scope=Scope.CONTEXT))
    )
    column = np.zeros((1, 1), np.float32)
    columns = {"age": column, "income": column}
    table = SideTable(ids=pa.array([b"a"]), values=columns, unknown=columns)
    known = catalogues.side_columns(pa.array([b"a"]), table, "user_id", Scope.CONTEXT, spec)
    assert known["income"].tolist() == [[0]]
    message = "examples.interactions: nothing is known of 'b', and feature 'income' has no default"
    with pytest.raises(InputError, match=f"^{message}$"):
        catalogues.side_columns(pa.array([b"a", b"b"]), table, "user_id", Scope.CONTEXT, spec)
