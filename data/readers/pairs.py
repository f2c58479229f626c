"""The `index:value` pairs of LibSVM lines -> dense columns."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from data.errors import InputError
from data.features import DType
from data.features import FeatureSpec
from data.readers import columns
from data.readers.options import ReadOptions
from data.readers.options import Repeated
from data.readers.options import shown
from data.readers.runs import stored

Parsed = tuple[np.ndarray, np.ndarray, np.ndarray]
"""`[n]` numbers of pairs; the index and the value of each pair."""

_LINE_PER_PAIR = bytes.maketrans(b" \t\r\v\f", b"\n\n\n\n\n")


class Table:
    """The columns that a LibSVM file fills.

    Raises:
      InputError: A column cannot be filled: it is text, has several values or has no index, or it
        is a further label.
    """

    def __init__(self, path: str, spec: FeatureSpec, options: ReadOptions) -> None:
        self._options = options
        if spec.tasks:
            raise InputError(
                f"{path}: LibSVM text has one label per document and no room for tasks,"
                f" found {', '.join(repr(name) for name in spec.tasks)}"
            )
        head, _, tail = options.index_name.partition("*")
        pattern = re.compile(re.escape(head) + r"(0|[1-9]\d*)" + re.escape(tail))
        elsewhere = {spec.label, spec.list_id, spec.document_id}
        self._features = tuple(f for f in stored(spec) if f.name not in elsewhere)
        place = {}
        for position, feature in enumerate(self._features):
            match = pattern.fullmatch(feature.name)
            if match:
                place[int(match.group(1))] = position
            elif feature.name != spec.weight:
                raise InputError(
                    f"{path}: feature '{feature.name}' has no index in LibSVM text:"
                    f" the columns are named '{options.index_name}'"
                )
            if feature.dtype is DType.STRING or feature.width > 1:
                kind = "a string" if feature.dtype is DType.STRING else f"{feature.width} values"
                raise InputError(
                    f"{path}: feature '{feature.name}' is {kind};"
                    " LibSVM text has one number per feature"
                )
        self._position = np.full(max(place, default=0) + 2, -1)
        self._position[list(place)] = list(place.values())
        self._defaults = np.array([float(f.default or 0) for f in self._features])

    def parse(self, lines: list[bytes]) -> tuple[dict[str, np.ndarray], dict[int, str]]:
        """Returns the columns `[n, 1]` of `n` lines of pairs, and what is wrong with bad lines."""
        reasons: dict[int, str] = {}
        parsed = _fast(lines)
        counts, index, value = _slow(lines, reasons) if parsed is None else parsed
        line = np.repeat(np.arange(len(lines)), counts)
        last = len(self._position) - 1
        position = self._position[np.where((index < 0) | (index > last), last, index)]
        self._find_unknown(line, index, position, reasons)
        if self._options.repeated_index is Repeated.REFUSE:
            _find_repeated(line, index, reasons)
        dense = np.repeat(self._defaults[:, np.newaxis], len(lines), axis=1)
        known = position >= 0
        if not known.all():
            line, position, value = line[known], position[known], value[known]
        dense[position, line] = value  # The last one counts where an index is repeated.
        return self._columns(dense, reasons), reasons

    def _columns(self, dense: np.ndarray, reasons: dict[int, str]) -> dict[str, np.ndarray]:
        found = {}
        for feature, column in zip(self._features, dense, strict=True):
            if feature.dtype is DType.INT:
                column, bad = columns.whole(column)
                for i, reason in bad.items():
                    reasons.setdefault(i, f"feature '{feature.name}': {reason}")
            with np.errstate(over="ignore"):  # Infinite is refused later.
                found[feature.name] = column.astype(columns.NUMPY[feature.dtype]).reshape(-1, 1)
        return found

    def _find_unknown(
        self, line: np.ndarray, index: np.ndarray, position: np.ndarray, reasons: dict[int, str]
    ) -> None:
        for i in np.flatnonzero(position < 0):
            name = self._options.index_name.replace("*", str(index[i]))
            reason = f"feature {index[i]}: the features name no column '{name}'"
            if index[i] < 0:
                reason = f"feature {index[i]}: expected an index of 0 or more"
            reasons.setdefault(int(line[i]), reason)


def _find_repeated(line: np.ndarray, index: np.ndarray, reasons: dict[int, str]) -> None:
    if ((line[1:] > line[:-1]) | (index[1:] > index[:-1])).all():
        return
    order = np.lexsort((index, line))
    line, index = line[order], index[order]
    for i in np.flatnonzero((line[1:] == line[:-1]) & (index[1:] == index[:-1])):
        reasons.setdefault(int(line[i]), f"feature {index[i]}: found twice")


def _fast(lines: list[bytes]) -> Parsed | None:
    """Parses the pairs as a CSV file of two columns; None where one is not as it should be."""
    counts = np.fromiter((line.count(b":") for line in lines), np.int64, len(lines))
    text = b"\n".join(lines).translate(_LINE_PER_PAIR)
    if not text.strip():
        return counts, np.zeros(0, np.int64), np.zeros(0)
    try:
        # Not `read_csv`: after each call it searches all objects of the process for references.
        reader = arrow_csv.open_csv(
            pa.BufferReader(text),
            arrow_csv.ReadOptions(
                use_threads=False, block_size=len(text) + 1, column_names=["index", "value"]
            ),
            arrow_csv.ParseOptions(delimiter=":", quote_char=False),
            arrow_csv.ConvertOptions(
                column_types={"index": pa.int64(), "value": pa.float64()}, null_values=[]
            ),
        )
        index, value = (column.to_numpy() for column in reader.read_next_batch().columns)
    except pa.ArrowInvalid:
        return None
    return (counts, index, value) if len(index) == counts.sum() else None


def _slow(lines: list[bytes], reasons: dict[int, str]) -> Parsed:
    counts, index, value = [], [], []
    for i, line in enumerate(lines):
        found = []
        for pair in line.split():
            try:
                found.append(_pair(pair))
            except ValueError as error:
                reasons[i] = str(error)
                found = []
                break
        counts.append(len(found))
        index += [pair[0] for pair in found]
        value += [pair[1] for pair in found]
    return np.array(counts), np.array(index, dtype=np.int64), np.array(value, dtype=np.float64)


def _pair(text: bytes) -> tuple[int, float]:
    index, colon, value = text.partition(b":")
    if not colon or not re.fullmatch(rb"[+-]?\d{1,18}", index):
        raise ValueError(f"found {shown(text)}, expected index:value")
    try:
        return int(index), columns.number(value, DType.FLOAT)
    except ValueError as error:
        raise ValueError(
            f"feature {int(index)}: found {shown(value)}, expected a number"
        ) from error
