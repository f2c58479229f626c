"""CSV and Parquet files -> batches of rows, each with its number in the file."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from data.errors import InputError
from data.errors import did_you_mean
from data.readers import files
from data.readers import utf8
from data.readers.options import Refusal
from data.readers.options import shown
from data.readers.runs import Refuse

_BLOCK = 4 << 20
"""How many bytes of CSV are parsed at a time; a row must fit."""

Numbered = Iterator[tuple[pa.RecordBatch, np.ndarray]]
"""Batches of rows, and the number of each row in the file, from 1."""


def require(path: str, name: str, names: Sequence[str]) -> None:
    """Makes sure that a file with the columns `names` has the column `name`, and once.

    Raises:
      InputError: It has not.
    """
    if name not in names:
        few = ", ".join(shown(name) for name in names[:8]) + (", ..." if names[8:] else "")
        raise InputError(f"{path}: no column '{name}'; found {few}.{did_you_mean(name, names)}")
    if list(names).count(name) > 1:
        raise InputError(f"{path}: column '{name}' is there twice")


def header(path: str, delimiter: str) -> list[str]:
    """Returns the names of a CSV file's columns."""
    with files.explained(path), files.open_text(path, "CSV text with a header") as file:
        line = file.readline(1 << 20).removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error as error:
        raise InputError(f"{path}: the header cannot be read: {error}") from error


def csv_batches(
    path: str,
    names: list[str],
    *,
    delimiter: str,
    rows: int,
    refuse: Refuse,
    header: list[str] | None = None,
    skip_rows: int = 0,
) -> Numbered:
    """Reads columns of a CSV file as bytes; rows with too few or too many cells are refused.

    Args:
      path: The file.
      names: The columns to read.
      delimiter: The character between two cells.
      rows: The most rows of a batch.
      refuse: Is told about each row that is left out.
      header: The names of all columns, where they are known; nothing is quoted then.
      skip_rows: The lines before the rows, where the header is given.
    """
    above = skip_rows if header else 1
    unit = "line" if header and not skip_rows else "row"
    skipped: list[int] = []
    told: list[Refusal] = []

    def skip(row: arrow_csv.InvalidRow) -> str:
        if "\n" in row.text:
            return "error"  # A quote that is never closed has swallowed the rows after it.
        skipped.append(row.number - above)  # Arrow counts the header as row 1.
        reason = f"found {row.actual_columns} cells, expected {row.expected_columns}"
        told.append(Refusal(path, f"{unit} {skipped[-1]}", reason))
        return "skip"

    def tell() -> None:  # not in `skip`: that runs in a thread of Arrow's, where none can count
        while told:
            refuse(told.pop(0))

    done = 0
    with files.explained(path, unit, lambda: done), files.open_binary(path) as file:
        for block in _open_csv(utf8.Checked(path, file), names, delimiter, skip, header, skip_rows):
            tell()
            for start in range(0, block.num_rows, rows):
                batch = block.slice(start, rows)
                window = np.arange(done + 1, done + 1 + batch.num_rows + len(skipped))
                numbers = np.setdiff1d(window, skipped)[: batch.num_rows]
                if len(numbers):
                    done = int(numbers[-1])
                    skipped[:] = [row for row in skipped if row > done]
                yield batch, numbers
        tell()


def _open_csv(
    file: object,
    names: list[str],
    delimiter: str,
    skip: object,
    header: list[str] | None,
    skip_rows: int,
) -> arrow_csv.CSVStreamingReader:
    return arrow_csv.open_csv(
        file,
        read_options=arrow_csv.ReadOptions(
            use_threads=False, block_size=_BLOCK, column_names=header, skip_rows=skip_rows
        ),
        parse_options=arrow_csv.ParseOptions(
            delimiter=delimiter,
            quote_char=False if header else '"',
            newlines_in_values=not header,
            invalid_row_handler=skip,
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.binary()), include_columns=names
        ),
    )


def missing(batch: pa.RecordBatch, wide: Collection[str] = ()) -> pa.RecordBatch:
    """Makes empty cells null, and splits those of the columns `wide` that hold several values."""
    arrays = []
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        array = pc.if_else(pc.equal(array, b""), pa.scalar(None, pa.binary()), array)
        if name in wide:
            trimmed = pc.ascii_trim_whitespace(array.cast(pa.string()))
            array = pc.ascii_split_whitespace(trimmed).cast(pa.list_(pa.binary()))
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, batch.schema.names)


def open_parquet(path: str) -> parquet.ParquetFile:
    """Opens a Parquet file; `schema_arrow` says what columns it has."""
    with files.explained(path):
        try:
            return parquet.ParquetFile(files.open_random(path))
        except pa.ArrowInvalid as error:
            raise InputError(f"{path}: not a Parquet file, or a truncated one") from error


def parquet_batches(
    path: str, table: parquet.ParquetFile, names: list[str], *, rows: int
) -> Numbered:
    """Reads columns of an open Parquet file in batches of at most so many rows."""
    done = 0
    with files.explained(path, "row", lambda: done):
        for batch in table.iter_batches(batch_size=rows, columns=names):
            yield batch, np.arange(done + 1, done + 1 + batch.num_rows)
            done += batch.num_rows
