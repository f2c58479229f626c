"""A file of interactions -> batches of user, item, value and time, in bounded memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from data.errors import InputError
from data.interactions import cells
from data.interactions import lines
from data.interactions import sources
from data.interactions.kinds import Layout
from data.interactions.kinds import SplitRule
from data.interactions.options import InteractionOptions
from data.readers import files
from data.readers import numbered
from data.readers.numbered import Numbered
from data.readers.options import Refusal
from data.readers.runs import Refuse

SCHEMA = pa.schema(
    [
        ("user", pa.binary()),
        ("item", pa.binary()),
        ("value", pa.float32()),
        ("time", pa.float64()),
        ("row", pa.int64()),
        ("file", pa.dictionary(pa.int32(), pa.string())),
    ]
)
"""The columns of interactions: ids in UTF-8, the value (1 where the log has none), the time (0
where it has none; then the rows are in the order of time), and where each was read."""

_TEXT = {Layout.ML_100K: "\t", Layout.ML_1M: "::", Layout.NCF: "\t"}
"""The separators of the layouts without a header."""

_NAMES = ("user_id", "movie_id", "rating", "timestamp")


@dataclasses.dataclass(frozen=True)
class _Source:
    """An open log: the columns of user, item, value and time (empty: none), and its rows."""

    names: Sequence[str]
    unit: str
    batches: Numbered


def read_log(path: str, options: InteractionOptions, refuse: Refuse) -> Iterator[pa.RecordBatch]:
    """Reads a log.

    Args:
      path: A local path or a URI; gzip is recognised by its content.
      options: Say how the log is written.
      refuse: Is told about each row that is left out.

    Yields:
      Batches of at most 65,536 interactions, with the columns of `SCHEMA`.

    Raises:
      InputError: The file cannot be read, or is written in another way.
    """
    source = _open(path, options, refuse)
    for batch, numbers in source.batches:
        with files.explained(path):
            found = _interactions(path, batch, numbers, source, refuse)
        if found.num_rows:
            yield found


def _open(path: str, options: InteractionOptions, refuse: Refuse) -> _Source:
    layout = options.layout
    if layout in _TEXT:
        return _open_text(path, options, refuse)
    names = (options.user, options.item, options.value, options.time)
    if layout is Layout.ML_CSV:
        names = ("userId", "movieId", "rating", "timestamp")

    def choose(found: Sequence[str]) -> list[str]:
        wanted = [name for name in names if name]
        for name in wanted:
            numbered.require(path, name, found)
        return wanted

    if layout is Layout.PARQUET:
        return _Source(names, "row", sources.parquet(path, choose))
    delimiter = options.delimiter if layout is Layout.CSV else ","
    return _Source(names, "row", sources.csv(path, choose, delimiter=delimiter, refuse=refuse))


def _open_text(path: str, options: InteractionOptions, refuse: Refuse) -> _Source:
    names: tuple[str, ...] = _NAMES
    separator = _TEXT[options.layout]
    if options.layout is Layout.NCF:
        names = (options.user, options.item, "rating", "timestamp")
        if lines.cells_of_most(path, separator, (3, 4)) == 3:
            names = (*names[:3], "")
    if options.split is SplitRule.TIME and not names[3]:
        raise InputError(f"{path}: found 3 columns, expected a fourth of times for split = 'time'")
    wanted = [name for name in names if name]
    batches = sources.text(path, wanted, separator=separator, refuse=refuse)
    return _Source(names, "line", batches)


def _interactions(
    path: str, batch: pa.RecordBatch, numbers: np.ndarray, source: _Source, refuse: Refuse
) -> pa.RecordBatch:
    user, item, value, time = source.names
    reasons: dict[int, str] = {}
    ids = [cells.ids(path, cells.column(batch, name), name, reasons) for name in (user, item)]
    amounts = _numbers(path, batch, value, 1.0, np.float32, reasons)
    times = _numbers(path, batch, time, 0.0, np.float64, reasons)
    for i in sorted(reasons):
        refuse(Refusal(path, f"{source.unit} {numbers[i]}", reasons[i]))
    file = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(numbers), np.int32)), [path])
    arrays = [*ids, pa.array(amounts), pa.array(times), pa.array(numbers, pa.int64()), file]
    found = pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
    if not reasons:
        return found
    kept = np.ones(len(numbers), dtype=bool)
    kept[list(reasons)] = False
    return found.filter(pa.array(kept))


def _numbers(
    path: str,
    batch: pa.RecordBatch,
    name: str,
    constant: float,
    dtype: type[np.floating],
    reasons: dict[int, str],
) -> np.ndarray:
    if not name:
        return np.full(batch.num_rows, constant, dtype)
    return cells.numbers(path, cells.column(batch, name), name, dtype, reasons)
