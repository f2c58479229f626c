"""The interactions of some of the users, sorted: what is filtered, divided and made lists of.

Users and items are numbers here, indices into the shard's own ids. Nothing is done interaction by
interaction.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.interactions.kinds import Layout
from data.interactions.log import SCHEMA
from data.readers import files
from data.readers.options import Refusal
from data.readers.options import shown


@dataclasses.dataclass(frozen=True)
class Shard:
    """`n` interactions, by user; a user's are sorted by time, and by file and row where it is one.

    Attributes:
      users: `[n_users]` distinct ids, sorted, binary; some may have no interaction left.
      items: `[n_items]` distinct ids, sorted, binary; likewise.
      files: The names of the files.
      user: `[n]` indices of users, ascending.
      item: `[n]` indices of items.
      value: `[n]` float32.
      time: `[n]` float64, 0 where it is unknown.
      file: `[n]` indices of files.
      row: `[n]` the number of the row or line in its file.
      given: `[n]` bool: whether the interaction comes from a file of test interactions; a user's
        come after the others.
      unit: What a row is called: "row" or "line".
    """

    users: pa.Array
    items: pa.Array
    files: Sequence[str]
    user: np.ndarray
    item: np.ndarray
    value: np.ndarray
    time: np.ndarray
    file: np.ndarray
    row: np.ndarray
    given: np.ndarray
    unit: str = "row"

    def __len__(self) -> int:
        return len(self.user)

    @property
    def sizes(self) -> np.ndarray:
        """`[n_users]` the number of interactions of each user."""
        return np.bincount(self.user, minlength=len(self.users))

    @property
    def pairs(self) -> np.ndarray:
        """`[n]` int64, one number for each pair of user and item."""
        return self.user.astype(np.int64) * len(self.items) + self.item

    def take(self, rows: np.ndarray) -> Shard:
        """Returns the interactions where `rows` (`[n]`, bool) holds, or these rows in order."""
        if rows.dtype == bool and rows.all():
            return self
        per_row = {name: getattr(self, name)[rows] for name in _PER_ROW}
        return dataclasses.replace(self, **per_row)

    def origin(self, row: int) -> str:
        """Returns where an interaction was read: file and row."""
        return f"{self.files[self.file[row]]}: {self.unit} {self.row[row]}"

    def refusal(self, row: int, reason: str) -> Refusal:
        """Returns the refusal of one interaction."""
        return Refusal.at(self.origin(row), reason)

    def user_of(self, row: int) -> str:
        """Returns the user's id as error texts show it."""
        return shown(self.users[int(self.user[row])].as_py())

    def item_of(self, row: int) -> str:
        """Returns the item's id as error texts show it."""
        return shown(self.items[int(self.item[row])].as_py())


_WITHOUT_HEADER = frozenset({Layout.ML_100K, Layout.ML_1M, Layout.NCF})
"""The layouts whose rows are counted as lines of the file."""

_PER_ROW = ("user", "item", "value", "time", "file", "row", "given")


def parts(batch: pa.RecordBatch, shards: int) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yields the rows of a batch that fall to each shard, with its number, by hash of the user."""
    for shard, rows in positions(batch.column(batch.schema.get_field_index("user")), shards):
        yield shard, batch.take(pa.array(rows))


def positions(users: pa.Array, shards: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the numbers of the shards that users fall to, each with its users' positions."""
    encoded = users.dictionary_encode()
    buckets = [zlib.crc32(user) % shards for user in encoded.dictionary.to_pylist()]
    shard = np.array(buckets, dtype=np.int64)[encoded.indices.to_numpy()]
    order = np.argsort(shard, kind="stable")
    bounds = np.searchsorted(shard[order], np.arange(shards + 1))
    for number in range(shards):
        rows = order[bounds[number] : bounds[number + 1]]
        if len(rows):
            yield number, rows


def gather(
    log: Iterable[pa.RecordBatch],
    given: Iterable[pa.RecordBatch] = (),
    *,
    layout: Layout = Layout.CSV,
) -> Shard:
    """Returns the shard of these batches, in whatever order they come.

    Args:
      log: Batches of interactions, as `data.interactions.log.SCHEMA` says.
      given: Those that were read from the files of test interactions.
      layout: Of the files; says whether their rows or their lines are counted.
    """
    tables = [pa.Table.from_batches(batches, SCHEMA) for batches in (list(log), list(given))]
    table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    users, user = _encode(table["user"])
    items, item = _encode(table["item"])
    file = table["file"].combine_chunks()
    names = file.dictionary.to_pylist() if len(table) else []
    ordered = sorted(names, key=files.natural)
    ranks = np.array([ordered.index(name) for name in names], dtype=np.int64)
    found = Shard(
        users=users,
        items=items,
        files=names,
        user=user,
        item=item,
        value=table["value"].to_numpy(),
        time=table["time"].to_numpy(),
        file=file.indices.to_numpy() if len(table) else np.zeros(0, np.int32),
        row=table["row"].to_numpy(),
        given=np.arange(len(table)) >= len(tables[0]),
        unit="line" if layout in _WITHOUT_HEADER else "row",
    )
    by = (found.row, ranks[found.file], found.time, found.given, found.user)
    return found.take(np.lexsort(by))


def _encode(column: pa.ChunkedArray) -> tuple[pa.Array, np.ndarray]:
    """Returns the sorted distinct ids, and each row's index among them."""
    encoded = column.combine_chunks().dictionary_encode()
    order = pc.array_sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    return encoded.dictionary.take(pa.array(order)), rank[encoded.indices.to_numpy()]
