"""Small logs of interactions, and what is said of them."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform
from data.interactions import InteractionOptions
from data.interactions import shard as shards
from data.interactions.log import SCHEMA
from data.interactions.shard import Shard
from data.interactions.splitting import Divided
from data.interactions.splitting import divide
from data.readers import Refusal

Row = tuple[str, str, float, float]
"""User, item, value, time."""

SPEC = FeatureSpec(
    (
        Feature("item_id", dtype=DType.STRING, transform=(Transform.VOCABULARY,)),
        Feature("popularity"),
        Feature(
            "user_id",
            scope=Scope.CONTEXT,
            dtype=DType.STRING,
            transform=(Transform.VOCABULARY,),
        ),
    ),
    list_id="user",
    document_id="item",
)


@dataclasses.dataclass
class Told:
    """Collects refusals and counts."""

    refusals: list[Refusal] = dataclasses.field(default_factory=list)
    counts: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def refuse(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)

    def count(self, name: str, number: int) -> None:
        assert number > 0
        self.counts[name] += number

    @property
    def texts(self) -> list[str]:
        return [str(refusal) for refusal in self.refusals]


def batch(rows: Sequence[Row], file: str = "log.csv", first: int = 1) -> pa.RecordBatch:
    """Returns rows of a file as its reader gives them."""
    users, items, values, times = zip(*rows, strict=True) if rows else ((), (), (), ())
    columns = {
        "user": pa.array([user.encode() for user in users], pa.binary()),
        "item": pa.array([item.encode() for item in items], pa.binary()),
        "value": pa.array(values, pa.float32()),
        "time": pa.array(times, pa.float64()),
        "row": pa.array(range(first, first + len(rows)), pa.int64()),
        "file": pa.DictionaryArray.from_arrays(
            pa.array([0] * len(rows), pa.int32()), pa.array([file])
        ),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), schema=SCHEMA)


def shard(rows: Sequence[Row], given: Sequence[Row] = ()) -> Shard:
    """Returns one shard of a log, and of a file of test interactions."""
    return shards.gather([batch(rows)], [batch(given, "test.csv")])


def sharded(rows: Sequence[Row], number: int) -> list[Shard]:
    """Returns the log in shards; some may be missing."""
    parts: dict[int, list[pa.RecordBatch]] = collections.defaultdict(list)
    for start in range(0, len(rows), 50):
        for i, part in shards.parts(batch(rows[start : start + 50], first=start + 1), number):
            parts[i].append(part)
    return [shards.gather(parts[i]) for i in sorted(parts)]


def rows_of(found: Shard) -> list[Row]:
    """Returns the interactions in the order of the shard."""
    users = [key.decode() for key in found.users.take(pa.array(found.user)).to_pylist()]
    items = [key.decode() for key in found.items.take(pa.array(found.item)).to_pylist()]
    return list(zip(users, items, found.value.tolist(), found.time.tolist(), strict=True))


def random_log(
    seed: int, *, users: int = 30, items: int = 40, number: int = 600, times: int = 50
) -> list[Row]:
    """Returns a log with repeated pairs and equal times; some users have few rows, some items."""
    rng = np.random.default_rng(seed)
    user = (users * rng.random(number) ** 2).astype(int)
    item = (items * rng.random(number) ** 2).astype(int)
    value, time = rng.integers(1, 6, number), rng.integers(0, times, number)
    columns = (value.astype(float).tolist(), time.astype(float).tolist())
    return [
        (f"u{u}", f"i{i}", v, t)
        for u, i, v, t in zip(user.tolist(), item.tolist(), *columns, strict=True)
    ]


def one_of_each_pair(rows: Sequence[Row]) -> list[Row]:
    """Returns the first row of each pair of user and item."""
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        found.setdefault((row[0], row[1]), row)
    return list(found.values())


def divided(found: Shard, options: InteractionOptions, *, given: bool = False) -> Divided:
    """Returns the interactions divided, where none is refused."""
    told = Told()
    result = divide(found, options, given, told.refuse, told.count)
    assert told.texts == []
    return result
