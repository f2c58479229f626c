"""Arrow columns of ids and numbers, strictly: each bad cell gets a reason."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.errors import InputError
from data.features import DType
from data.readers import columns
from data.readers import utf8
from data.readers.options import shown

_NUMERIC = (pa.types.is_floating, pa.types.is_integer, pa.types.is_decimal, pa.types.is_null)


def column(batch: pa.RecordBatch, name: str) -> pa.Array:
    """Returns a column, `[n]`, not encoded by a dictionary."""
    array = batch.column(batch.schema.get_field_index(name))
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def ids(path: str, array: pa.Array, name: str, reasons: dict[int, str]) -> pa.Array:
    """Returns the ids of a column, `[n]` binary; an integer is the id that its digits spell.

    Args:
      path: The file, for messages.
      array: The column, `[n]`.
      name: Its name, for messages.
      reasons: Is told why a row is bad, by row, where no reason is known yet.

    Raises:
      InputError: The column has another type.
    """
    kind = array.type
    if pa.types.is_large_binary(kind):
        array = array.cast(pa.binary())
    elif not (pa.types.is_binary(kind) or pa.types.is_null(kind)):
        known = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if not (known or pa.types.is_integer(kind)):
            raise InputError(
                f"{path}: column '{name}': found type {kind}, expected a string or an integer"
            )
        array = array.cast(pa.string())
    array = array.cast(pa.binary()).fill_null(b"")
    for i in np.flatnonzero(pc.equal(array, b"").to_numpy(zero_copy_only=False)):
        reasons.setdefault(int(i), f"column '{name}': missing, expected an id")
    for i, cell in utf8.bad_cells(array):
        reasons.setdefault(i, f"column '{name}': found {shown(cell)}, expected UTF-8 text")
    return array


def numbers(
    path: str, array: pa.Array, name: str, dtype: type[np.floating], reasons: dict[int, str]
) -> np.ndarray:
    """Returns the finite numbers of a column, `[n]`; a date is its seconds since 1970 in UTC.

    Args:
      path: The file, for messages.
      array: The column, `[n]`.
      name: Its name, for messages.
      dtype: Of the result.
      reasons: Is told why a row is bad, by row, where no reason is known yet.

    Raises:
      InputError: The column has another type.
    """
    missing = array.is_null().to_numpy(zero_copy_only=False)
    floats, bad = _floats(path, array, name)
    with np.errstate(over="ignore"):  # Too large for 32 bits is infinite, which is refused.
        found = floats.astype(dtype)
    for i in np.flatnonzero(~np.isfinite(found) & ~missing).tolist():
        bad.setdefault(i, f"found {shown(array[i].as_py())}, expected a number")
    bad.update(dict.fromkeys(np.flatnonzero(missing).tolist(), "missing, expected a number"))
    for i, reason in bad.items():
        reasons.setdefault(i, f"column '{name}': {reason}")
    return found


def _floats(path: str, array: pa.Array, name: str) -> tuple[np.ndarray, dict[int, str]]:
    """Returns `[n]` float64 with 0 for nulls, dates as seconds since 1970; tells the bad ones."""
    kind = array.type
    if pa.types.is_binary(kind):
        return columns.parse_numbers(array.fill_null(b"0"), DType.FLOAT)
    seconds = 1.0
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        zone = kind.tz if pa.types.is_timestamp(kind) else None
        array = array.cast(pa.timestamp("us", zone), safe=False)
        array, seconds = array.cast(pa.int64()), 1e-6
    elif not any(is_kind(kind) for is_kind in _NUMERIC):
        raise InputError(f"{path}: column '{name}': found type {kind}, expected numbers")
    floats = array.cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False)
    return floats * seconds, {}
