"""Text without a header and without quotes -> batches of rows, each with its line number."""

from __future__ import annotations

import codecs
import collections
import re
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from data.errors import InputError
from data.readers import files
from data.readers import utf8
from data.readers.numbered import Numbered
from data.readers.options import Refusal
from data.readers.options import shown
from data.readers.runs import Refuse

MAX_ROWS = 1 << 16
"""The most rows of a batch."""

_BLOCK = 4 << 20
"""How many bytes of whole lines are parsed at a time."""

_BLANK = re.compile(rb"(?:\A|\n)[ \t\v\f]*\n")

_UNIT_SEPARATOR = b"\x1f"
"""Stands for separators of several characters, which Arrow does not know."""


def blocks(path: str, kind: str, *, latin: bool = False) -> Iterator[tuple[bytes, int]]:
    """Yields parts of a text file, whole lines of UTF-8 that end with `\\n`.

    Args:
      path: The file.
      kind: What it should be, for messages.
      latin: Whether a part that is no UTF-8 is ISO-8859-1.

    Yields:
      A part and the number of its first line.

    Raises:
      InputError: The file cannot be read or is no text.
    """
    done = 0
    with files.explained(path, "line", lambda: done), files.open_text(path, kind) as file:
        while block := file.read(_BLOCK) + file.readline():
            if not done:
                block = block.removeprefix(codecs.BOM_UTF8)
            if not block.isascii():
                block = _decoded(path, block, done, latin).encode()
            block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n").removesuffix(b"\n")
            yield block + b"\n", done + 1
            done += block.count(b"\n") + 1


def _decoded(path: str, block: bytes, lines: int, latin: bool) -> str:
    try:
        return block.decode()
    except UnicodeDecodeError as error:
        if latin:
            return block.decode("iso-8859-1")
        raise utf8.no_text(path, block, error.start, lines) from None


def cells_of_most(path: str, separator: str, expected: Sequence[int]) -> int:
    """Returns how many cells most of the first lines have, of the numbers expected.

    Where no line has one of them, the last is returned.
    """
    kind = f"text with cells parted by {named(separator)}"
    with files.explained(path), files.open_text(path, kind) as file:
        start = file.readlines(1 << 14)
    counts = collections.Counter(line.count(separator.encode()) + 1 for line in start)
    return max(reversed(expected), key=lambda count: counts[count])


def read(
    path: str, names: list[str], *, separator: str, latin: bool = False, refuse: Refuse
) -> Numbered:
    """Reads the columns `names` as bytes; a line with too few or too many cells is refused.

    Lines without a letter are passed over.

    Raises:
      InputError: The file cannot be read, or its first lines, some megabytes of them, are all
        refused: they are written in another way.
    """
    refused: list[Refusal] = []
    read_any = False
    kind = f"text with cells parted by {named(separator)}"
    for block, first in blocks(path, kind, latin=latin):
        refused.clear()
        table, numbers = _parse(path, block, first, names, separator, refused)
        if refused and not read_any and not len(numbers):
            raise every(path, names, separator, refused[0])
        read_any = True
        for refusal in refused:
            refuse(refusal)
        for start in range(0, len(numbers), MAX_ROWS):
            batch = table.slice(start, MAX_ROWS).combine_chunks().to_batches()[0]
            yield batch, numbers[start : start + MAX_ROWS]


def every(path: str, names: list[str], separator: str, first: Refusal) -> InputError:
    """Returns the error for a file with no row that has the cells expected."""
    unit = first.record.partition(" ")[0]
    return InputError(
        f"{path}: no {unit} has the {len(names)} cells {', '.join(names)} parted by"
        f" {named(separator)}; {first.record}: {first.reason}"
    )


def named(separator: str) -> str:
    """Returns a separator as error texts show it."""
    return {"\t": "tabs", " ": "blanks"}.get(separator, shown(separator))


def _parse(
    path: str, block: bytes, first: int, names: list[str], separator: str, refused: list[Refusal]
) -> tuple[pa.Table, np.ndarray]:
    """Returns the rows of whole lines and their numbers; adds to `refused`."""
    block, numbers = _without_blank_lines(block, first)
    if len(separator) > 1:
        block = block.replace(separator.encode(), _UNIT_SEPARATOR)
    kept = np.ones(len(numbers), dtype=bool)

    def skip(row: arrow_csv.InvalidRow) -> str:
        kept[row.number - 1] = False
        text = shown(row.text.replace(_UNIT_SEPARATOR.decode(), separator))
        reason = f"found {text}, expected {len(names)} cells parted by {named(separator)}"
        refused.append(Refusal(path, f"line {numbers[row.number - 1]}", reason))
        return "skip"

    return _table(block, names, separator, skip), numbers[kept]


def _without_blank_lines(block: bytes, first: int) -> tuple[bytes, np.ndarray]:
    """Returns the other lines, and their numbers."""
    numbers = np.arange(first, first + block.count(b"\n"))
    if not _BLANK.search(block):
        return block, numbers
    lines = block.splitlines(keepends=True)
    filled = [i for i, line in enumerate(lines) if line.strip()]
    return b"".join(lines[i] for i in filled), numbers[filled]


def _table(block: bytes, names: list[str], separator: str, skip: object) -> pa.Table:
    if not block:
        return pa.table({name: pa.array([], pa.binary()) for name in names})
    delimiter = separator if len(separator) == 1 else _UNIT_SEPARATOR.decode()
    return arrow_csv.read_csv(
        pa.BufferReader(block),
        read_options=arrow_csv.ReadOptions(
            use_threads=False, column_names=names, block_size=len(block) + 1
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=delimiter,
            quote_char=False,
            double_quote=False,
            ignore_empty_lines=False,
            invalid_row_handler=skip,
        ),
        convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.binary())),
    )
