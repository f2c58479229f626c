"""Ranked lists in memory: filters, merging and the way to Arrow."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform
from data.lists import BLOCK
from data.lists import Lists
from data.lists import Places
from data.lists import dtypes
from data.lists import merge
from data.lists import scopes
from data.lists import to_arrow
from data.lists import to_blocks
from tests.samples import SPEC
from tests.samples import draw

SIZES = (2, 0, 3, 1)


def by_list(lists: Lists) -> dict[bytes, dict[str, list[object]]]:
    """Every list by its id, column by column; the plain restatement of the flat layout."""
    found = {}
    starts = np.cumsum(lists.sizes) - lists.sizes
    for i, key in enumerate(lists.ids):
        rows = slice(starts[i], starts[i] + lists.sizes[i])
        found[key] = {
            name: column[rows if lists.scopes[name] is Scope.DOCUMENT else [i]].tolist()
            for name, column in lists.values.items()
        }
    return found


def test_each_document_knows_its_list() -> None:
    assert draw(SIZES).list_of_document.tolist() == [0, 0, 2, 2, 2, 3]


@pytest.mark.parametrize("mask", [[True] * 4, [False] * 4, [True, True, False, True]])
def test_lists_are_kept_whole(mask: list[bool]) -> None:
    lists = draw(SIZES)
    kept = lists.keep_lists(np.array(mask))
    expected = {key: x for key, x, keep in zip(lists.ids, SIZES, mask, strict=True) if keep}
    assert dict(zip(kept.ids, kept.sizes.tolist(), strict=True)) == expected
    assert by_list(kept) == {key: by_list(lists)[key] for key in expected}
    assert list(kept.origins) == [o for o, k in zip(lists.origins, mask, strict=True) if k]


def test_documents_are_dropped_and_lists_stay() -> None:
    lists = draw(SIZES)
    mask = np.array([True, False, False, True, True, False])
    kept = lists.keep_documents(mask)
    assert kept.sizes.tolist() == [1, 0, 2, 0]
    assert kept.sizes.dtype == np.int64
    assert kept.ids == lists.ids
    assert np.array_equal(kept.values["price"], lists.values["price"][mask])
    assert np.array_equal(kept.values["age"], lists.values["age"])


def test_merged_parts_follow_each_other() -> None:
    first, second = draw(SIZES), draw((1, 4), seed=1, prefix="r")
    merged = merge([first, second])
    assert by_list(merged) == by_list(first) | by_list(second)
    assert list(merged.origins) == [*first.origins, *second.origins]
    assert len(merged) == 6


def test_columns_are_those_of_the_spec_with_label_and_weight() -> None:
    assert set(scopes(SPEC)) == {f.name for f in SPEC.raw} | {"grade", "importance"}
    assert scopes(SPEC)["grade"] is scopes(SPEC)["importance"] is Scope.DOCUMENT
    assert scopes(SPEC)["query_id"] is Scope.CONTEXT
    assert dtypes(SPEC)["grade"] is DType.FLOAT
    assert dtypes(SPEC)["tags"] is DType.INT
    several = FeatureSpec((Feature("x"),), tasks=("bought",))
    assert (scopes(several)["bought"], dtypes(several)["bought"]) == (Scope.DOCUMENT, DType.FLOAT)
    without = FeatureSpec((Feature("x"),))
    assert set(scopes(without)) == set(dtypes(without)) == {"x", "label"}


def test_arrow_has_a_row_per_list_and_a_column_per_feature() -> None:
    spec = FeatureSpec(
        (
            Feature("x", width=2),
            Feature("c", scope=Scope.CONTEXT, dtype=DType.INT),
            Feature("s", dtype=DType.STRING, transform=(Transform.VOCABULARY,)),
        )
    )
    lists = draw((1, 2), spec=spec)
    lists.values["x"][:] = [[1, 2], [3, 4], [5, 6]]
    lists.values["c"][:] = [[7], [8]]
    lists.values["s"][:, 0] = [b"a", b"", b"\xff"]
    lists.values["label"][:, 0] = [0, 1, 2]
    batch = to_arrow(lists, spec)
    assert batch.to_pydict() == {
        "c": [[7], [8]],
        "label": [[0], [1, 2]],
        "s": [[b"a"], [b"", b"\xff"]],
        "x": [[1, 2], [3, 4, 5, 6]],
    }
    assert batch.schema.field("x").type == pa.list_(pa.float32())
    assert batch.schema.field("c").type == pa.list_(pa.int64())
    assert batch.schema.field("s").type == pa.list_(pa.binary())


def test_places_are_texts_that_can_be_chosen() -> None:
    places = Places("a.csv", "row", np.array([2, 5, 9]))
    assert len(places) == 3
    assert places[-1] == "a.csv: row 9"
    assert list(places[1:]) == list(places.select(np.array([False, True, True])))
    assert list(reversed(places)) == ["a.csv: row 9", "a.csv: row 5", "a.csv: row 2"]


@pytest.mark.parametrize("rows", [0, 1, BLOCK, BLOCK + 1, 5 * BLOCK - 3])
def test_impressions_are_stored_in_blocks(rows: int) -> None:
    values = {"x": np.arange(rows, dtype=np.float32).reshape(-1, 1)}
    places = Places("a", "row", np.arange(1, rows + 1))
    ones = np.ones(rows, dtype=np.int64)
    blocks = to_blocks(Lists([b""] * rows, places, ones, values, {"x": Scope.DOCUMENT}))
    assert len(blocks) == len(blocks.ids) == len(blocks.origins) == math.ceil(rows / BLOCK)
    assert blocks.sizes.sum() == rows
    assert blocks.sizes.max(initial=0) <= BLOCK
    assert np.ptp(blocks.sizes) <= 1 if rows else True
    assert blocks.values is values
    starts = np.cumsum(blocks.sizes) - blocks.sizes
    assert list(blocks.origins) == [f"a: row {start + 1}" for start in starts]
