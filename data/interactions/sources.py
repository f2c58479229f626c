"""Files of interactions, users and items -> batches of named columns, each row with its number.

Cells of text are binary, null where they are empty; those of Parquet have the types of the file.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Sequence

from data.errors import InputError
from data.interactions import lines
from data.readers import files
from data.readers import numbered
from data.readers.numbered import Numbered
from data.readers.options import Refusal
from data.readers.options import shown
from data.readers.runs import Refuse

Choose = Callable[[Sequence[str]], list[str]]
"""Returns which of a file's columns are read; raises InputError where one is missing."""

_PARQUET = b"PAR1"
_MARKS = frozenset(",;:|\t ")
"""What may part cells; the header of a file of one column has none of them."""


def text(
    path: str, names: list[str], *, separator: str, latin: bool = False, refuse: Refuse
) -> Numbered:
    """Reads text without a header; see `lines.read`."""
    found = lines.read(path, names, separator=separator, latin=latin, refuse=refuse)
    return ((numbered.missing(batch), numbers) for batch, numbers in found)


def csv(
    path: str, choose: Choose, *, delimiter: str, wide: Collection[str] = (), refuse: Refuse
) -> Numbered:
    """Reads text with a header.

    Args:
      path: The file.
      choose: Chooses the columns.
      delimiter: The character between two cells.
      wide: The columns whose cells hold several values parted by blanks.
      refuse: Is told about each row with too few or too many cells.

    Raises:
      InputError: The file cannot be read, or no row of it has as many cells as the header.
    """
    header = numbered.header(path, delimiter)
    if len(header) == 1 and _MARKS.intersection(header[0]):
        raise InputError(
            f"{path}: found one column, {shown(header[0])}, expected a header with cells parted by"
            f" {lines.named(delimiter)}"
        )
    refused: list[Refusal] = []
    rows = 0

    def note(refusal: Refusal) -> None:
        if not refused:
            refused.append(refusal)
        refuse(refusal)

    found = numbered.csv_batches(
        path, choose(header), delimiter=delimiter, rows=lines.MAX_ROWS, refuse=note
    )
    with files.explained(path):
        for batch, numbers in found:
            rows += batch.num_rows
            yield numbered.missing(batch, wide), numbers
    if refused and not rows:
        raise lines.every(path, header, delimiter, refused[0])


def parquet(path: str, choose: Choose) -> Numbered:
    """Reads a Parquet table."""
    table = numbered.open_parquet(path)
    names = choose(table.schema_arrow.names)
    return numbered.parquet_batches(path, table, names, rows=lines.MAX_ROWS)


def is_parquet(path: str) -> bool:
    """Returns whether the file starts as Parquet does."""
    with files.open_binary(path) as file:
        return file.peek(len(_PARQUET))[: len(_PARQUET)] == _PARQUET
