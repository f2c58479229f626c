"""From keys to the numbers of their rows."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from data.errors import InputError
from data.keys import fingerprints
from models.sparse.rows import CHUNK
from models.sparse.settings import KeyType

EMPTY = -(2**63)
DELETED = EMPTY + 1
"""Two keys that the index keeps for itself."""
LOWEST = DELETED + 1
"""The lowest key, and that of all ids below it."""
LOAD = 0.8
"""The index doubles its buckets when so many of them are taken."""
FEWEST = 1024
ODD = 0x9E3779B97F4A7C15
INVERSE = pow(ODD, -1, 2**64)
HALF = 32


def mixed(keys: tf.Tensor, odd: int = ODD) -> tf.Tensor:
    """Returns other keys, one for each, whose low bits depend on all bits.

    The hash table takes the low bits of a key for its bucket: ids that differ in their high bits
    alone, such as times shifted to the left, would all meet there.

    Args:
      keys: The keys.
      odd: What they are multiplied by, an odd number.
    """
    product = tf.bitcast(keys, tf.uint64) * tf.constant(odd, tf.uint64)
    high = tf.bitwise.right_shift(product, tf.constant(HALF, tf.uint64))
    return tf.bitcast(tf.bitwise.bitwise_xor(product, high), tf.int64)


def unmixed(keys: np.ndarray) -> np.ndarray:
    """Returns the keys that `mixed` made these of, int64."""
    bits = keys.view(np.uint64)
    found: np.ndarray = (bits ^ (bits >> np.uint64(HALF))) * np.uint64(INVERSE)
    return found.view(np.int64)


def keys_of(ids: tf.Tensor, key_type: KeyType, table: str) -> tf.Tensor:
    """Returns the 64-bit keys of ids, of the same shape.

    Args:
      ids: Integers, or strings where the table's keys are strings.
      key_type: The type of the table's keys.
      table: The table's name, for the error.

    Raises:
      InputError: The ids are of another type.
    """
    numbers = numbers_of(ids, key_type, table)
    return numbers if key_type is KeyType.STRING else tf.maximum(numbers, LOWEST)


def numbers_of(ids: tf.Tensor, key_type: KeyType, table: str) -> tf.Tensor:
    """Returns what `keys_of` does, but for ids below `LOWEST`, which are not changed."""
    found = tf.as_dtype(ids.dtype)
    if not (found == tf.string if key_type is KeyType.STRING else found.is_integer):
        raise InputError(
            f"table '{table}': expected ids of type {key_type.value}, found {found.name}"
        )
    if key_type is KeyType.STRING:
        return fingerprints(ids)
    return tf.cast(ids, tf.int64)


def buckets_for(size: int) -> int:
    """Returns the buckets of an index of so many keys, a power of two.

    >>> buckets_for(10_000_000)
    16777216
    """
    least = max(size / LOAD + 1, FEWEST)
    return int(2 ** np.ceil(np.log2(least)))


class Index(tf.Module):
    """A hash table from keys to rows that the exported model can take along as it is.

    Args:
      size: The keys it should hold without growing.
    """

    def __init__(self, size: int = 0) -> None:
        super().__init__("index")
        self.table = tf.lookup.experimental.DenseHashTable(
            tf.int64,
            tf.int32,
            default_value=0,
            empty_key=int(mixed(tf.constant(EMPTY, tf.int64))),
            deleted_key=int(mixed(tf.constant(DELETED, tf.int64))),
            initial_num_buckets=buckets_for(size),
        )

    def rows(self, keys: tf.Tensor) -> tf.Tensor:
        """Returns the row of each key, 0 for those without one."""
        return tf.ensure_shape(self.table.lookup(mixed(keys)), keys.shape)

    def insert(self, keys: tf.Tensor, rows: tf.Tensor) -> None:
        """Gives keys their rows."""
        self.table.insert(mixed(tf.convert_to_tensor(keys, tf.int64)), rows)

    def size(self) -> tf.Tensor:
        """Returns the number of keys."""
        return self.table.size()

    def contents(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns all keys and their rows, in no order."""
        keys, rows = (column.numpy()[:, 0] for column in self.table.export())
        keys = unmixed(keys)
        used = keys > DELETED
        return keys[used], rows[used]

    def replace(self, keys: np.ndarray, rows: np.ndarray) -> None:
        """Forgets everything but these keys; what was erased leaves no traces that cost time."""
        shape = [buckets_for(len(keys)), 1]
        tf.raw_ops.LookupTableImportV2(
            table_handle=self.table.resource_handle,
            keys=tf.fill(shape, mixed(tf.constant(EMPTY, tf.int64))),
            values=tf.zeros(shape, tf.int32),
        )
        for first in range(0, len(keys), CHUNK):
            self.insert(keys[first : first + CHUNK], rows[first : first + CHUNK])
