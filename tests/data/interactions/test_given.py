"""Given candidates: what becomes of duplicates, of strangers and of lists without any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Transform
from data.interactions import InteractionOptions
from data.interactions import UnknownItems
from data.interactions import given
from data.interactions.catalogue import Catalogue
from data.interactions.filters import COUNTS
from data.interactions.tables import CANDIDATES
from tests.data.interactions.logs import SPEC
from tests.data.interactions.logs import Told
from tests.data.interactions.logs import divided
from tests.data.interactions.logs import shard
from tests.data.interactions.test_lists import in_words

OPTIONS = InteractionOptions(candidates_file="negatives")
LOG = [(user, f"i{n}", 1.0, float(n)) for user in "abc" for n in range(3)]
HELD = [("a", "x", 1.0, 9.0), ("b", "y", 1.0, 9.0), ("b", "z", 1.0, 9.0)]
ITEMS = ["i0", "i1", "i2", "x", "y", "z", *(f"n{n}" for n in range(6))]

Line = tuple[str, str, list[str]]


def lines(*rows: Line) -> pa.RecordBatch:
    encoded = [
        {
            "user": user.encode(),
            "item": item.encode(),
            "negatives": [negative.encode() for negative in negatives],
            "row": i + 1,
        }
        for i, (user, item, negatives) in enumerate(rows)
    ]
    return pa.Table.from_pylist(encoded, CANDIDATES).combine_chunks().to_batches()[0]


def made(batches: Sequence[pa.RecordBatch], told: Told) -> dict[str, Any]:
    part = divided(shard(LOG, HELD), OPTIONS, given=True)
    ids = pa.array([item.encode() for item in sorted(ITEMS)])
    counts = pa.table([ids, pa.array([0] * len(ids))], COUNTS)
    catalogue = Catalogue(ids, counts["count"].to_numpy(), {})
    found = given.lists(part, batches, "negatives", catalogue, OPTIONS, told.refuse, told.count)
    return in_words(found, part, catalogue)


def test_negatives_follow_the_held_out_items_in_the_order_of_the_file() -> None:
    told = Told()
    batches = [lines(("b", "z", ["n3", "n1"])), lines(("a", "x", ["n5"]), ("b", "y", ["n0"]))]
    assert made(batches, told) == {
        "a": [("x", 1), ("n5", 0)],
        "b": [("y", 1), ("z", 1), ("n3", 0), ("n1", 0), ("n0", 0)],
    }
    assert (told.texts, told.counts) == ([], {})


def test_an_item_is_once_in_its_list() -> None:
    told = Told()
    negatives = ["n1", "x", "n1", "n2", "i0"]
    batch = lines(("a", "x", negatives), ("b", "y", ["z", "n1"]))
    assert made([batch], told) == {
        "a": [("x", 1), ("n1", 0), ("n2", 0), ("i0", 0)],
        "b": [("y", 1), ("z", 1), ("n1", 0)],
    }
    assert told.counts == {
        "given candidates that came before in their list dropped": 3,
        "given candidates that are training positives of their user": 1,
    }


def test_lines_and_lists_without_their_counterparts() -> None:
    told = Told()
    batch = lines(
        ("a", "y", ["n1"]),
        ("b", "y", ["n1", "what", "ever"]),
        ("c", "x", ["n1"]),
        ("d", "x", ["n1"]),
        ("b", "z", ["n2"]),
    )
    assert made([batch], told) == {"b": [("y", 1), ("z", 1), ("n2", 0)]}
    assert told.texts == [
        "negatives: line 1: user 'a': item 'y' is not held out for the user",
        "negatives: line 2: user 'b': candidate 'what' is no item of the catalogue",
        "test.csv: row 1: user 'a' has no candidates in negatives",
    ]
    assert told.counts == {"given candidates of users without a test list: lines dropped": 2}


def test_without_a_line_every_list_is_refused() -> None:
    told = Told()
    assert made([], told) == {}
    assert told.texts == [
        "test.csv: row 1: user 'a' has no candidates in negatives",
        "test.csv: row 2: user 'b' has no candidates in negatives",
    ]


def test_items_that_may_enter_the_catalogue() -> None:
    batch = lines(("a", "x", ["n2", "n1"]), ("b", "y", ["n2", "7"]))
    ids = given.distinct([given.items(batch), pa.array([b"n1"])])
    assert ids.to_pylist() == [b"n2", b"n1", b"7"]
    assert given.distinct([]).to_pylist() == []
    known = pa.array([b"n1", b"7"])
    assert given.usable(ids, None, OPTIONS, SPEC).to_pylist() == [b"n2", b"n1", b"7"]
    assert given.usable(ids, known, OPTIONS, SPEC).to_pylist() == [b"n1", b"7"]
    lenient = InteractionOptions(unknown_items=UnknownItems.DEFAULT)
    assert given.usable(ids, known, lenient, SPEC).to_pylist() == [b"n2", b"n1", b"7"]
    number = Feature("item_id", dtype=DType.INT, transform=(Transform.HASH,), buckets=9)
    spec = FeatureSpec((number,), list_id="user", document_id="item")
    assert given.usable(ids, None, OPTIONS, spec).to_pylist() == [b"7"]
