"""Files beside a log: what is known of users and items, and the negatives of test lists."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.errors import InputError
from data.features import DType
from data.features import Feature
from data.interactions import cells
from data.interactions import lines
from data.interactions import movielens
from data.interactions import sources
from data.interactions.kinds import MOVIELENS
from data.interactions.options import InteractionOptions
from data.readers import columns
from data.readers import files
from data.readers import numbered
from data.readers.numbered import Numbered
from data.readers.options import Refusal
from data.readers.options import shown
from data.readers.runs import Refuse

CANDIDATES = pa.schema(
    [
        ("user", pa.binary()),
        ("item", pa.binary()),
        ("negatives", pa.list_(pa.binary())),
        ("row", pa.int64()),
    ]
)
"""The columns of given candidates: ids, the negatives of the held-out item, the line's number."""

_FORM = "'(user,item)' and negatives parted by tabs"
_PAIR = r"^\((?P<user>.+),(?P<item>[^,]+)\)$"
_NEUTRAL: Mapping[DType, float | int | bytes] = {DType.FLOAT: 0.0, DType.INT: 0, DType.STRING: b""}


def neutral(feature: Feature, rows: int) -> np.ndarray:
    """Returns the column `[rows, width]` of what nothing is known of: the default, else 0 or `""`.

    >>> neutral(Feature("age"), 2)
    array([[0.],
           [0.]], dtype=float32)
    """
    if feature.default is None and (feature.width == 1 or feature.dtype is DType.FLOAT):
        kind = columns.NUMPY[feature.dtype]
        return np.full((rows, feature.width), _NEUTRAL[feature.dtype], dtype=kind)
    return columns.constant(feature, rows)


@dataclasses.dataclass(frozen=True)
class SideTable:
    """The features of `n` users or items.

    Attributes:
      ids: `[n]` their ids, binary, each once.
      values: The columns, `[n, width]` each.
      unknown: The columns of an id that is not there, `[1, width]` each.
    """

    ids: pa.Array
    values: Mapping[str, np.ndarray]
    unknown: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.ids)

    def look_up(self, ids: pa.Array) -> np.ndarray:
        """Returns for ids `[m]`, binary, their places `[m]`, int64, -1 where they are unknown."""
        found = pc.index_in(ids, value_set=self.ids).fill_null(-1)
        return found.to_numpy(zero_copy_only=False).astype(np.int64)

    def take(self, name: str, index: np.ndarray) -> np.ndarray:
        """Returns the values `[m, width]` at the places `[m]`; of -1, those of an unknown id."""
        known = self.values[name]
        if not len(known):
            return np.repeat(self.unknown[name], len(index), axis=0)
        found = known[index]
        found[index < 0] = self.unknown[name]
        return found


def read_users(
    path: str, options: InteractionOptions, features: Sequence[Feature], refuse: Refuse
) -> SideTable:
    """Reads the file of users.

    Of several rows with one id, the first counts; the others are refused.

    Args:
      path: A local path or a URI; gzip is recognised by its content.
      options: Say how the file is written.
      features: The columns to read.
      refuse: Is told about each row that is left out.

    Raises:
      InputError: The file cannot be read, is written in another way or lacks a column.
    """
    if options.side_layout in MOVIELENS:
        _require(path, features, movielens.USERS[options.side_layout])
        rows = movielens.users(path, options.side_layout, refuse)
        return _table(path, rows, options.user_column, "line", features, refuse)
    return _generic(path, options, options.user_column, features, refuse)


def read_items(
    path: str, options: InteractionOptions, features: Sequence[Feature], refuse: Refuse
) -> SideTable:
    """Reads the file of items, as `read_users` does that of users.

    MovieLens' genres are as many as the feature is wide, the first ones; a movie with fewer is
    padded.
    """
    if options.side_layout in MOVIELENS:
        _require(path, features, movielens.ITEMS)
        widths = {feature.name: feature.width for feature in features}
        rows = movielens.items(path, options.side_layout, refuse, genres=widths.get("genres", 1))
        unit = movielens.UNITS[options.side_layout]
        return _table(path, rows, options.item_column, unit, features, refuse)
    return _generic(path, options, options.item_column, features, refuse)


def _require(path: str, features: Sequence[Feature], names: Sequence[str]) -> list[str]:
    """Returns the features that a file with the columns `names` has; others need a default."""
    for feature in features:
        if feature.name in names or feature.default is None:
            numbered.require(path, feature.name, names)
    return [feature.name for feature in features if feature.name in names]


def _generic(
    path: str, options: InteractionOptions, name: str, features: Sequence[Feature], refuse: Refuse
) -> SideTable:
    def choose(found: Sequence[str]) -> list[str]:
        numbered.require(path, name, found)
        return list(dict.fromkeys([name, *_require(path, features, found)]))

    if sources.is_parquet(path):
        rows = sources.parquet(path, choose)
    else:
        wide = {feature.name for feature in features if feature.width > 1}
        delimiter = options.delimiter
        rows = sources.csv(path, choose, delimiter=delimiter, wide=wide, refuse=refuse)
    return _table(path, rows, name, "row", features, refuse)


def _table(
    path: str, rows: Numbered, name: str, unit: str, features: Sequence[Feature], refuse: Refuse
) -> SideTable:
    ids: list[pa.Array] = [pa.array([], pa.binary())]
    places = [np.empty(0, np.int64)]
    unknown = {feature.name: neutral(feature, 1) for feature in features}
    parts = {n: [column[:0]] for n, column in unknown.items()}
    for batch, numbers in rows:
        reasons: dict[int, str] = {}
        with files.explained(path):
            found = cells.ids(path, cells.column(batch, name), name, reasons)
            values = {f.name: _values(path, batch, f, reasons) for f in features}
        for i in sorted(reasons):
            refuse(Refusal(path, f"{unit} {numbers[i]}", reasons[i]))
        kept = np.ones(len(numbers), dtype=bool)
        kept[list(reasons)] = False
        ids.append(found.filter(pa.array(kept)))
        places.append(numbers[kept])
        for n, column in values.items():
            parts[n].append(column[kept])
    first = _first(path, pa.concat_arrays(ids), np.concatenate(places), name, unit, refuse)
    whole = {n: np.concatenate(part)[first] for n, part in parts.items()}
    return SideTable(pa.concat_arrays(ids).take(pa.array(first)), whole, unknown)


def _values(
    path: str, batch: pa.RecordBatch, feature: Feature, reasons: dict[int, str]
) -> np.ndarray:
    if feature.name not in batch.schema.names:
        return columns.constant(feature, batch.num_rows)
    try:
        found = columns.convert(cells.column(batch, feature.name), feature)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    for i, reason in found.reasons.items():
        reasons.setdefault(i, reason)
    return found.values


def _first(
    path: str, ids: pa.Array, numbers: np.ndarray, name: str, unit: str, refuse: Refuse
) -> np.ndarray:
    """Returns the places of the ids that did not come before; the others are refused."""
    codes = ids.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    _, first = np.unique(codes, return_index=True)
    repeated = np.flatnonzero(first[codes] != np.arange(len(codes)))
    for i in repeated.tolist():
        reason = f"column '{name}': found {shown(ids[i].as_py())} again, first in {unit}"
        before = numbers[first[codes[i]]]
        refuse(Refusal(path, f"{unit} {numbers[i]}", f"{reason} {before}; expected each id once"))
    return first


def read_candidates(path: str, refuse: Refuse) -> Iterator[pa.RecordBatch]:
    """Reads the negatives of test lists: lines of `(user,item)` and negatives, parted by tabs.

    Yields:
      Batches with the columns of `CANDIDATES`.

    Raises:
      InputError: The file cannot be read, or none of its first lines has this form.
    """
    for block, first in lines.blocks(path, f"lines of {_FORM}"):
        whole = pc.utf8_rtrim_whitespace(pa.array(block.decode().split("\n")[:-1], pa.string()))
        filled = pc.not_equal(whole, "").to_numpy(zero_copy_only=False)
        numbers = np.arange(first, first + len(whole))[filled]
        batch, reasons = _candidates(whole.filter(pa.array(filled)), numbers)
        if first == 1 and reasons and not batch.num_rows:
            place, reason = next(iter(reasons.items()))
            raise InputError(f"{path}: no line is {_FORM}; line {numbers[place]}: {reason}")
        for place, reason in reasons.items():
            refuse(Refusal(path, f"line {numbers[place]}", reason))
        if batch.num_rows:
            yield batch


def _candidates(whole: pa.Array, numbers: np.ndarray) -> tuple[pa.RecordBatch, Mapping[int, str]]:
    """Takes lines `[n]` apart; tells what is wrong with the bad ones."""
    parted = pc.split_pattern(whole, "\t")
    lengths = parted.value_lengths().to_numpy(zero_copy_only=False)
    texts = parted.flatten()
    starts = np.cumsum(lengths) - lengths
    pair = pc.extract_regex(texts.take(pa.array(starts)), _PAIR)
    no_pair = pair.is_null().to_numpy(zero_copy_only=False)
    empty = pc.equal(texts, "").to_numpy(zero_copy_only=False)
    bad = no_pair | (lengths == 1) | (np.add.reduceat(empty, starts) > 0 if len(starts) else False)
    reasons = {}
    for i in np.flatnonzero(bad).tolist():
        found = shown(texts[int(starts[i])].as_py()) if no_pair[i] else "no negatives"
        found = found if no_pair[i] or lengths[i] == 1 else "an empty cell"
        reasons[i] = f"found {found}, expected {_FORM}"
    kept = ~np.repeat(bad, lengths)
    kept[starts] = False
    offsets = np.append(0, np.cumsum(lengths[~bad] - 1)).astype(np.int32)
    negatives = texts.filter(pa.array(kept)).cast(pa.binary())
    ids = [part.filter(pa.array(~bad)).cast(pa.binary()) for part in pair.flatten()]
    lists = pa.ListArray.from_arrays(pa.array(offsets), negatives)
    rows = pa.array(numbers[~bad], pa.int64())
    return pa.RecordBatch.from_arrays([*ids, lists, rows], schema=CANDIDATES), reasons
