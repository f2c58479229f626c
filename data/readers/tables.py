"""CSV and Parquet: one document per row; rows with one list id that lie together are a list.

Impressions have no list id: each row stands for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from data.errors import InputError
from data.features import FeatureSpec
from data.lists import Lists
from data.readers import columns
from data.readers import files
from data.readers import numbered
from data.readers import runs
from data.readers.options import ReadOptions
from data.readers.options import Refusal


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


def _group(
    path: str, batches: numbered.Numbered, spec: FeatureSpec, refuse: runs.Refuse
) -> Iterator[Lists]:
    if not (spec.list_id or spec.impressions):
        raise InputError(f"{path}: rows need a list id, but the features name no 'list_id'")
    rows = (_rows(path, batch, numbers, spec, refuse) for batch, numbers in batches)
    if spec.impressions:
        return runs.impressions(rows, path=path, unit="row", spec=spec, refuse=refuse)
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
    if spec.impressions:
        return runs.Rows(np.full(batch.num_rows, b"", object), numbers, values, reasons)
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
        if feature.name in names or feature.default is None or feature.name in named:
            numbered.require(path, feature.name, names)
    return [feature.name for feature in runs.stored(spec) if feature.name in names]


def _parquet_batches(path: str, spec: FeatureSpec) -> numbered.Numbered:
    table = numbered.open_parquet(path)
    names = _needed(path, spec, table.schema_arrow.names)
    return numbered.parquet_batches(path, table, names, rows=runs.MAX_ROWS)


def _csv_batches(
    path: str, spec: FeatureSpec, options: ReadOptions, refuse: runs.Refuse
) -> numbered.Numbered:
    names = _needed(path, spec, numbered.header(path, options.delimiter))
    wide = {feature.name for feature in runs.stored(spec) if feature.width > 1}
    read = numbered.csv_batches(
        path, names, delimiter=options.delimiter, rows=runs.MAX_ROWS, refuse=refuse
    )
    with files.explained(path):
        for batch, numbers in read:
            yield numbered.missing(batch, wide), numbers
