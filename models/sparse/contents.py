"""The contents of a table by key: read in pieces, and put into another table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from data.embedding import Full
from data.errors import InputError
from models.sparse.maintenance import Optimizer
from models.sparse.maintenance import evict_rows
from models.sparse.maintenance import grow
from models.sparse.rows import PADDING
from models.sparse.rows import RESERVED
from models.sparse.rows import UNKNOWN
from models.sparse.rows import scatter
from models.sparse.slots import slots_of
from models.sparse.table import SparseTable

PIECE = 2**20
"""The rows of a piece."""
WEIGHTS = "weights"
USED = "last_used"
KEYS = "keys"
STATE = ("clock", "counts", "waiting", "values")
"""What belongs to no row."""

Piece = dict[str, tf.Tensor]
"""Keys, when they were used last, and by name the weights and slots, all in one order."""


@dataclasses.dataclass(frozen=True)
class Owner:
    """A table and the optimizer that keeps slots for its rows.

    Attributes:
      table: The table.
      optimizer: The optimizer, built; none where the slots do not matter.
    """

    table: SparseTable
    optimizer: Optimizer | None = None

    def parts(self) -> dict[str, tuple[tf.Variable, ...]]:
        """Returns the variables that hold something per row, by name."""
        slots = slots_of(self.table, self.optimizer)
        return {WEIGHTS: self.table.rows.parts, **{f"slot/{n}": v for n, v in slots.items()}}

    def pieces(self, since: int) -> Iterator[Piece]:
        """Yields what was used at a time or later, key by key."""
        keys, rows = self.table.contents()
        used = tf.gather(self.table.last_used, rows).numpy()
        keys, rows, used = (column[used >= since] for column in (keys, rows, used))
        for first in range(0, len(keys), PIECE):
            some = slice(first, first + PIECE)
            yield {
                KEYS: tf.constant(keys[some]),
                USED: tf.constant(used[some]),
                **self._read(tf.constant(rows[some])),
            }

    def unknown(self) -> Piece:
        """Returns the row that keys without one share."""
        return self._read(tf.constant([UNKNOWN]))

    def put(self, piece: Piece) -> None:
        """Replaces rows, or gives keys rows and fills them.

        Raises:
          InputError: There is no room, or the piece is of another table or optimizer.
        """
        table, keys = self.table, piece[KEYS]
        rows = table.index.rows(keys).numpy()
        new, size = rows == UNKNOWN, table.size
        missing = size + int(new.sum()) - table.capacity
        if missing > 0 and table.config.full is Full.GROW:
            grow(table, missing, self.optimizer)
        elif missing > 0:
            raise InputError(
                f"table '{table.config.name}': found {size + int(new.sum())} keys to restore,"
                f" expected at most {table.capacity}, its capacity"
            )
        rows[new] = RESERVED + size + np.arange(new.sum())
        table.index.insert(keys, rows)
        self._write(tf.constant(rows), piece)
        with table.strategy.scope():
            scatter(table.last_used, tf.constant(rows), piece[USED])

    def with_new_slots(self, piece: Piece) -> Piece:
        """Returns a piece with slots as rows have that no step has changed yet."""
        blank = self._read(tf.constant([PADDING]))
        times = tf.shape(piece[WEIGHTS])[0]
        old = {name: piece[name] for name in (KEYS, USED, WEIGHTS) if name in piece}
        return {n: tf.repeat(blank[n], times, axis=0) for n in blank} | old

    def put_unknown(self, piece: Piece) -> None:
        """Replaces the row that keys without one share, unless the settings state its value."""
        if self.table.config.unknown is None:
            self._write(tf.constant([UNKNOWN]), piece)

    def state(self) -> Piece:
        """Returns what belongs to no row: clock, counts, and the keys that wait for a row."""
        waiting, values = self.table.pending.export()
        clock, counts = (tf.convert_to_tensor(v) for v in (self.table.clock, self.table.counts))
        return dict(zip(STATE, (clock, counts, waiting, values), strict=True))

    def put_state(self, state: Mapping[str, tf.Tensor]) -> None:
        """Replaces what belongs to no row."""
        table = self.table
        table.pending.remove(table.pending.export()[0])
        table.pending.insert(state["waiting"], state["values"])
        with table.strategy.scope():
            table.clock.assign(state["clock"])
            table.counts.assign(state["counts"])

    def drop(self, keys: np.ndarray) -> None:
        """Takes their rows from keys."""
        of_rows, _ = self.table.contents()
        evict_rows(self.table, np.isin(of_rows, keys), self.optimizer)

    def _read(self, rows: tf.Tensor) -> Piece:
        return {n: self.table.rows.read(rows, parts) for n, parts in self.parts().items()}

    def _write(self, rows: tf.Tensor, piece: Piece) -> None:
        parts = self.parts()
        found = _widths({name: piece[name] for name in piece if name not in (KEYS, USED)})
        expected = _widths({name: own[0] for name, own in parts.items()})
        if found != expected:
            raise InputError(
                f"table '{self.table.config.name}': found {found} to restore, expected {expected}"
            )
        with self.table.strategy.scope():
            for name, own in parts.items():
                self.table.rows.write(rows, piece[name], own)


def _widths(columns: Mapping[str, tf.Tensor | tf.Variable]) -> str:
    return ", ".join(f"{n} of {columns[n].shape[1:].num_elements()}" for n in sorted(columns))
