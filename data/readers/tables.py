"""CSV and Parquet: one document per row; rows with one list id that lie together are a list."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from data.errors import InputError
from data.errors import did_you_mean
from data.features import Feature
from data.features import FeatureSpec
from data.lists import Lists
from data.readers import columns
from data.readers import files
from data.readers import runs
from data.readers.options import ReadOptions
from data.readers.options import Refusal
from data.readers.options import shown

_BLOCK = 4 << 20
"""How many bytes of CSV are parsed at a time; a row must fit."""

Numbered = Iterator[tuple[pa.RecordBatch, np.ndarray]]
"""Batches of rows, and the number of each row in the file, from 1."""


def read_csv(
    path: str, *, spec: FeatureSpec, options: ReadOptions, refuse: runs.Refuse
) -> Iterator[Lists]:
    """Reads text with a header; an empty cell is a missing value."""
    return _group(path, _csv_batches(path, spec, options, refuse), spec, refuse)


def read_parquet(
    path: str, *, spec: FeatureSpec, options: ReadOptions, refuse: runs.Refuse
) -> Iterator[Lists]:
    """Reads a Parquet table; null is a missing value."""
    del options  # Parquet has one spelling.
    return _group(path, _parquet_batches(path, spec), spec, refuse)


def _group(path: str, batches: Numbered, spec: FeatureSpec, refuse: runs.Refuse) -> Iterator[Lists]:
    if not spec.list_id:
        raise InputError(f"{path}: rows need a list id, but the features name no 'list_id'")
    rows = (_rows(path, batch, numbers, spec, refuse) for batch, numbers in batches)
    return runs.group(rows, path=path, unit="row", spec=spec, refuse=refuse, once=False)


def _rows(
    path: str, batch: pa.RecordBatch, numbers: np.ndarray, spec: FeatureSpec, refuse: runs.Refuse
) -> runs.Rows:
    values: dict[str, np.ndarray] = {}
    reasons: dict[int, str] = {}
    for feature in runs.stored(spec):
        at = batch.schema.get_field_index(feature.name)
        if at < 0:
            values[feature.name] = columns.constant(feature, batch.num_rows)
            continue
        try:
            column = columns.convert(batch.column(at), feature)
        except (InputError, pa.ArrowException) as error:
            raise InputError(f"{path}: {error}") from error
        values[feature.name] = column.values
        for i, reason in column.reasons.items():
            reasons.setdefault(i, reason)
    ids = values[spec.list_id][:, 0]
    homeless = ids == b""
    for i in np.flatnonzero(homeless):
        reason = f"column '{spec.list_id}': missing, expected a list id"
        refuse(Refusal(path, f"row {numbers[i]}", reason))
    found = runs.Rows(ids, numbers, values, reasons)
    return found.select(~homeless) if homeless.any() else found


def _needed(path: str, spec: FeatureSpec, names: Sequence[str]) -> list[str]:
    """Returns the columns to read; a column without a default must be there."""
    named = {*spec.label_columns, spec.list_id, spec.document_id}
    for feature in runs.stored(spec):
        if feature.name not in names and (feature.default is None or feature.name in named):
            few = ", ".join(shown(name) for name in names[:8]) + (", ..." if names[8:] else "")
            raise InputError(
                f"{path}: no column '{feature.name}'; found {few}."
                f"{did_you_mean(feature.name, names)}"
            )
        if list(names).count(feature.name) > 1:
            raise InputError(f"{path}: column '{feature.name}' is there twice")
    return [feature.name for feature in runs.stored(spec) if feature.name in names]


def _slices(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, runs.MAX_ROWS):
        yield batch.slice(start, runs.MAX_ROWS)


def _parquet_batches(path: str, spec: FeatureSpec) -> Numbered:
    with files.explained(path):
        try:
            table = parquet.ParquetFile(files.open_random(path))
        except pa.ArrowInvalid as error:
            raise InputError(f"{path}: not a Parquet file, or a truncated one") from error
    names = _needed(path, spec, table.schema_arrow.names)
    done = 0
    with files.explained(path, "row", lambda: done):
        for batch in table.iter_batches(batch_size=runs.MAX_ROWS, columns=names):
            yield batch, np.arange(done + 1, done + 1 + batch.num_rows)
            done += batch.num_rows


def _csv_batches(
    path: str, spec: FeatureSpec, options: ReadOptions, refuse: runs.Refuse
) -> Numbered:
    names = _needed(path, spec, _header(path, options.delimiter))
    skipped: list[int] = []

    def skip(row: arrow_csv.InvalidRow) -> str:
        if "\n" in row.text:
            return "error"  # A quote that is never closed has swallowed the rows after it.
        skipped.append(row.number - 1)  # Arrow counts the header as row 1.
        reason = f"found {row.actual_columns} cells, expected {row.expected_columns}"
        refuse(Refusal(path, f"row {row.number - 1}", reason))
        return "skip"

    done = 0
    wide = {feature.name: feature for feature in runs.stored(spec) if feature.width > 1}
    with files.explained(path, "row", lambda: done), files.open_binary(path) as file:
        for block in _open_csv(file, names, options.delimiter, skip):
            for batch in _slices(block):
                window = np.arange(done + 1, done + 1 + batch.num_rows + len(skipped))
                numbers = np.setdiff1d(window, skipped)[: batch.num_rows]
                if len(numbers):
                    done = int(numbers[-1])
                    skipped[:] = [row for row in skipped if row > done]
                yield _missing(batch, wide), numbers


def _open_csv(
    file: object, names: list[str], delimiter: str, skip: object
) -> arrow_csv.CSVStreamingReader:
    return arrow_csv.open_csv(
        file,
        read_options=arrow_csv.ReadOptions(use_threads=False, block_size=_BLOCK),
        parse_options=arrow_csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=skip
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.binary()), include_columns=names
        ),
    )


def _header(path: str, delimiter: str) -> list[str]:
    with files.explained(path), files.open_text(path, "CSV text with a header") as file:
        line = file.readline(1 << 20).removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error as error:
        raise InputError(f"{path}: the header cannot be read: {error}") from error


def _missing(batch: pa.RecordBatch, wide: dict[str, Feature]) -> pa.RecordBatch:
    """Makes empty cells null and splits the cells of columns that hold several values."""
    arrays = []
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        array = pc.if_else(pc.equal(array, b""), pa.scalar(None, pa.binary()), array)
        if name in wide:
            trimmed = pc.ascii_trim_whitespace(array.cast(pa.string()))
            array = pc.ascii_split_whitespace(trimmed).cast(pa.list_(pa.binary()))
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, batch.schema.names)
