"""Tables as an exported model has them: keys, rows, and stock operations."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from models.sparse.index import DELETED
from models.sparse.index import EMPTY
from models.sparse.index import LOWEST
from models.sparse.index import numbers_of
from models.sparse.layer import SparseEmbedding
from models.sparse.perfect import PerfectHash
from models.sparse.replaceable import Replaceable
from models.sparse.rows import PADDING
from models.sparse.rows import UNKNOWN
from models.sparse.rows import gathered
from models.sparse.table import SparseTable


class FrozenTable(Replaceable):
    """The rows that a table has for keys, and nothing that only training needs.

    A SavedModel holds its index and its rows as variables; any TensorFlow Serving loads them, as
    all operations are TensorFlow's own. Keys without a row get what the table's settings say of
    unknown keys.

    Args:
      table: The table to copy.
    """

    def __init__(self, table: SparseTable) -> None:
        super().__init__("frozen")
        self.config = table.config
        keys, rows = table.contents()
        if table.config.padding is not None:
            keys = np.append(keys, table.keys(tf.constant([table.config.padding])))
            rows = np.append(rows, np.int32(PADDING))
        lowest = rows[keys == LOWEST].repeat(2)  # lookups do not raise lower ids to it
        keys = np.append(keys, np.array([EMPTY, DELETED])[: len(lowest)])
        rows = np.append(rows, lowest)
        self.index = PerfectHash(keys)
        in_slots = np.full(self.index.n_slots, UNKNOWN, np.int32)
        in_slots[self.index.slots(tf.constant(keys))] = rows
        self.rows = tf.Variable(table.vectors(tf.constant(in_slots)), trainable=False, name="rows")

    def keys(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns the 64-bit keys of ids."""
        return numbers_of(ids, self.config.key_type, self.config.name)

    def serve(self, keys: tf.Tensor) -> tf.Tensor:
        """Returns the vectors of keys, `[n_keys, dim]`."""
        return self.vectors(self.index.slots(keys))

    def train(self, keys: tf.Tensor, now: tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the rows of keys and the places of these; nothing is counted."""
        unique, places = tf.unique(keys)
        return self.index.slots(unique), places

    def vectors(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns the vectors of rows, `[n_rows, dim]`."""
        return gathered(self.rows, rows)


@contextlib.contextmanager
def frozen(model: tf.Module) -> Iterator[None]:
    """Puts frozen copies in the place of a model's sparse tables, to save it while they are there.

    The copies are those of the moment of entry. What traced the model before still has its tables,
    so that the functions to save must be traced inside.

    Args:
      model: A Keras model or another module with `SparseEmbedding` layers in it.
    """
    found = [layer for layer in model.submodules if isinstance(layer, SparseEmbedding)]
    originals = [(layer, layer.table) for layer in found if isinstance(layer.table, SparseTable)]
    copies: dict[int, FrozenTable] = {}
    for layer, table in originals:
        if id(table) not in copies:
            copies[id(table)] = FrozenTable(table)
        layer.table = copies[id(table)]
    try:
        yield
    finally:
        for layer, table in originals:
            layer.table = table
