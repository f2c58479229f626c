"""Criteo's click logs: a label, 13 integers and 26 hexadecimal categories per line, tab by tab.

As published the files have no header (Criteo Labs, Display Advertising Challenge, 2014); copies
with a header, their cells parted by tabs or commas, are read by the names of their columns.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.errors import InputError
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.lists import Lists
from data.readers import columns
from data.readers import files
from data.readers import numbered
from data.readers import runs
from data.readers.options import ReadOptions
from data.readers.options import shown

INTEGERS = tuple(f"I{number}" for number in range(1, 14))
CATEGORIES = tuple(f"C{number}" for number in range(1, 27))
LABEL = "label"

_DIGITS = np.zeros(256, dtype=bool)
_DIGITS[list(b"0123456789abcdefABCDEF")] = True
_MOST_DIGITS = 8
_HEXADECIMAL = f"1 to {_MOST_DIGITS} hexadecimal digits"
_HEADS = (LABEL, "id")
"""How the first cell of a header is spelled, in lower case."""


@dataclasses.dataclass(frozen=True)
class _Layout:
    """The names of a file's columns, and whether its first line says them."""

    names: list[str]
    delimiter: str
    headed: bool

    @property
    def unit(self) -> str:
        return "row" if self.headed else "line"


def read(
    path: str, *, spec: FeatureSpec, options: ReadOptions, refuse: runs.Refuse
) -> Iterator[Lists]:
    """Reads impressions; an empty cell is a missing value.

    The label, whatever the features call it, is 0 or 1. An integer may be negative and is read as
    `int` or `float`; a category is a string of 1 to 8 hexadecimal digits.
    """
    del options  # The file itself tells how it is written.
    layout = _layout(path, spec)
    found = _batches(path, layout, spec, refuse)
    return runs.impressions(found, path=path, unit=layout.unit, spec=spec, refuse=refuse)


def _layout(path: str, spec: FeatureSpec) -> _Layout:
    with files.explained(path), files.open_text(path, "text of Criteo's form") as file:
        start = file.readline(1 << 16)
    delimiter = "\t" if b"\t" in start else ","
    headed = start.decode("utf-8", "replace").split(delimiter)[0].strip('\ufeff"').lower() in _HEADS
    names = [spec.label, *INTEGERS, *CATEGORIES]
    if headed:
        header = numbered.header(path, delimiter)
        names = [spec.label if name.lower() == LABEL else name for name in header]
    elif delimiter == ",":
        raise InputError(
            f"{path}: line 1: found {shown(start.strip())}, expected a header or {len(names)} cells"
            " parted by tabs"
        )
    for feature in runs.stored(spec):
        if feature.name in names or feature.default is None or feature.name == spec.label:
            numbered.require(path, feature.name, names)
        _check_type(path, feature)
    return _Layout(names, delimiter, headed)


def _check_type(path: str, feature: Feature) -> None:
    where = f"{path}: feature '{feature.name}'"
    if feature.name in CATEGORIES and feature.dtype is not DType.STRING:
        raise InputError(f"{where}: categories are text; set dtype = 'string'")
    if feature.name in INTEGERS and feature.dtype is DType.STRING:
        raise InputError(f"{where}: integers are numbers; set dtype = 'int' or 'float'")


def _batches(
    path: str, layout: _Layout, spec: FeatureSpec, refuse: runs.Refuse
) -> Iterator[runs.Rows]:
    stored = runs.stored(spec)
    names = [feature.name for feature in stored if feature.name in layout.names]
    batches = numbered.csv_batches(
        path,
        names,
        delimiter=layout.delimiter,
        rows=runs.MAX_ROWS,
        refuse=refuse,
        header=layout.names,
        skip_rows=int(layout.headed),
    )
    with files.explained(path):
        for batch, numbers in batches:
            yield _rows(path, numbered.missing(batch), numbers, stored, spec)


def _rows(
    path: str,
    batch: pa.RecordBatch,
    numbers: np.ndarray,
    stored: Sequence[Feature],
    spec: FeatureSpec,
) -> runs.Rows:
    values: dict[str, np.ndarray] = {}
    reasons: dict[int, str] = {}
    for feature in stored:
        at = batch.schema.get_field_index(feature.name)
        if at < 0:
            values[feature.name] = columns.constant(feature, batch.num_rows)
            continue
        column = _convert(path, batch.column(at), feature, spec)
        values[feature.name] = column.values
        for i, reason in column.reasons.items():
            reasons.setdefault(i, reason)
    return runs.Rows(np.full(batch.num_rows, b"", object), numbers, values, reasons)


def _convert(path: str, array: pa.Array, feature: Feature, spec: FeatureSpec) -> columns.Column:
    try:
        if feature.name in INTEGERS and feature.dtype is DType.FLOAT:
            return _integers(array, feature)
        found = columns.convert(array, feature)
    except (InputError, pa.ArrowException) as error:
        raise InputError(f"{path}: {error}") from error
    wrong = np.zeros(0, dtype=np.int64)
    expected = "0 or 1"
    if feature.name == spec.label:
        wrong = np.flatnonzero(~np.isin(found.values[:, 0], [0, 1]) & ~np.isnan(found.values[:, 0]))
    elif feature.name in CATEGORIES:
        wrong, expected = _not_hexadecimal(array), _HEXADECIMAL
    reasons = dict(found.reasons)
    for i in wrong.tolist():
        cell = shown(array[i].as_py())
        reasons[i] = f"column '{feature.name}': found {cell}, expected {expected}"
    return columns.Column(found.values, reasons)


def _integers(array: pa.Array, feature: Feature) -> columns.Column:
    """Reads integers as floats."""
    default = None if feature.default is None else 0
    exact = dataclasses.replace(feature, dtype=DType.INT, default=default)
    found = columns.convert(array, exact)
    values = found.values.astype(np.float32)
    if feature.default is not None:
        values[array.is_null().to_numpy(zero_copy_only=False)] = feature.default
    return columns.Column(values, found.reasons)


def _not_hexadecimal(array: pa.Array) -> np.ndarray:
    """Returns the rows of cells `[n]`, binary or null, that are no categories."""
    filled = array.fill_null(b"0")
    lengths = pc.binary_length(filled).to_numpy(zero_copy_only=False)
    data = filled.buffers()[2]
    offsets = np.frombuffer(filled.buffers()[1], np.int32)[filled.offset :][: len(filled) + 1]
    start, stop = (int(offsets[0]), int(offsets[-1])) if len(filled) else (0, 0)
    text = np.frombuffer(data, np.uint8)[start:stop] if data else np.zeros(0, np.uint8)
    digits = _DIGITS[text]
    if digits.all() and (lengths <= _MOST_DIGITS).all():
        return np.zeros(0, dtype=np.int64)
    good = np.add.reduceat(np.append(digits, False), offsets[:-1] - start) == lengths
    return np.flatnonzero(~good | (lengths > _MOST_DIGITS))
