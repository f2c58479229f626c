"""Shards: every interaction of a user, in order."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from data.interactions import Layout
from data.interactions import shard as shards
from tests.data.interactions.logs import batch
from tests.data.interactions.logs import random_log
from tests.data.interactions.logs import rows_of
from tests.data.interactions.logs import shard
from tests.data.interactions.logs import sharded


def test_a_user_is_in_one_shard_whatever_the_batches() -> None:
    rows = random_log(0)
    found = [set(part.users.to_pylist()) for part in sharded(rows, 5)]
    assert len(found) == 5
    assert sum(len(users) for users in found) == len(set.union(*found))
    assert sorted(row for part in sharded(rows, 5) for row in rows_of(part)) == sorted(rows)


def test_interactions_are_in_the_order_of_user_time_file_and_row() -> None:
    rows = random_log(1, times=3)
    files = {"part-10": rows[:200], "part-9": rows[200:450], "part-9.5": rows[450:]}
    batches = [batch(part, name) for name, part in files.items()]
    found = shards.gather([batches[2], batches[0].slice(100), batches[1], batches[0].slice(0, 100)])
    places = [
        (number, i)
        for number, name in ((10, "part-10"), (9, "part-9"), (9.5, "part-9.5"))
        for i in range(len(files[name]))
    ]
    expected = sorted(zip(rows, places, strict=True), key=lambda x: (x[0][0], x[0][3], x[1]))
    assert rows_of(found) == [row for row, _ in expected]
    origins = [f"part-{number}: row {i + 1}" for _, (number, i) in expected]
    assert [found.origin(row) for row in range(len(found))] == origins


def test_given_interactions_come_after_the_others_of_their_user() -> None:
    found = shard([("b", "x", 1, 9), ("a", "x", 1, 9)], [("a", "y", 1, 3), ("c", "z", 1, 0)])
    assert rows_of(found) == [
        ("a", "x", 1, 9),
        ("a", "y", 1, 3),
        ("b", "x", 1, 9),
        ("c", "z", 1, 0),
    ]
    assert found.given.tolist() == [False, True, False, True]
    assert found.origin(1) == "test.csv: row 1"
    assert found.sizes.tolist() == [2, 1, 1]


def test_an_empty_shard_is_one() -> None:
    found = shards.gather([], [])
    assert (len(found), len(found.users), found.sizes.tolist()) == (0, 0, [])


def test_layouts_without_a_header_count_lines() -> None:
    found = shards.gather([batch([("a", "x", 1, 0)], "u.data")], layout=Layout.ML_100K)
    assert str(found.refusal(0, "why")) == "u.data: line 1: why"


def test_positions_are_those_of_the_batch() -> None:
    users = pa.array([b"a", b"b", b"a", b"c", b"d", b"b"])
    found = {number: rows.tolist() for number, rows in shards.positions(users, 3)}
    assert sorted(row for rows in found.values() for row in rows) == list(range(6))
    together = [rows for rows in found.values() if 0 in rows]
    assert all(2 in rows for rows in together)
    assert list(shards.positions(pa.array([], pa.binary()), 3)) == []


def test_take_keeps_the_ids() -> None:
    whole = shard(random_log(2))
    assert whole.take(np.ones(len(whole), dtype=bool)) is whole
    some = np.arange(len(whole)) % 3 == 0
    assert rows_of(whole.take(some)) == rows_of(whole)[::3]
    assert whole.take(some).users is whole.users
