"""From rows, one per document, to lists: each contiguous run of one list id is a list.

Impressions have no list id; each is a list of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping

import numpy as np

from data.features import UNLABELLED
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.lists import Lists
from data.lists import Places
from data.lists import scopes
from data.readers.options import Refusal
from data.readers.options import shown

MAX_LISTS = 64
MAX_ROWS = 20_000

NO_LABEL = float("nan")
"""Stands for a missing main label; one object, so that equal features compare equal."""

Refuse = Callable[[Refusal], None]


@dataclasses.dataclass(frozen=True)
class Rows:
    """Consecutive documents of one file.

    Attributes:
      ids: `[n]` the list id of each row, bytes.
      numbers: `[n]` the line or row number of each row, int64.
      values: For each column, context columns included, `[n, width]`.
      reasons: Why a row is refused, by its place in `ids`.
    """

    ids: np.ndarray
    numbers: np.ndarray
    values: Mapping[str, np.ndarray]
    reasons: Mapping[int, str]

    def cut(self, start: int, stop: int) -> Rows:
        """Returns the rows from `start` up to `stop`."""
        return Rows(
            self.ids[start:stop],
            self.numbers[start:stop],
            {name: column[start:stop] for name, column in self.values.items()},
            {i - start: reason for i, reason in self.reasons.items() if start <= i < stop},
        )

    def select(self, mask: np.ndarray) -> Rows:
        """Returns the rows where `mask` (`[n]`, bool) holds."""
        place = np.cumsum(mask) - 1
        return Rows(
            self.ids[mask],
            self.numbers[mask],
            {name: column[mask] for name, column in self.values.items()},
            {int(place[i]): reason for i, reason in self.reasons.items() if mask[i]},
        )


def stored(spec: FeatureSpec) -> tuple[Feature, ...]:
    """Returns every stored column; a missing label is NaN, a task's -1, a missing weight 1."""
    defaults = {spec.label: NO_LABEL, **dict.fromkeys(spec.tasks, UNLABELLED), spec.weight: 1.0}
    return spec.raw + tuple(Feature(name, default=defaults[name]) for name in spec.label_columns)


def objects(values: Iterable[bytes]) -> np.ndarray:
    """Returns an array of bytes objects, `[n]`."""
    values = list(values)
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def group(
    batches: Iterable[Rows], *, path: str, unit: str, spec: FeatureSpec, refuse: Refuse, once: bool
) -> Iterator[Lists]:
    """Groups rows into lists.

    Args:
      batches: The rows of the file, in order.
      path: The file, for messages.
      unit: What `Rows.numbers` counts: `"line"` or `"row"`.
      spec: Says which columns belong to the list and must be constant within it.
      refuse: Is told about each list with a refused row.
      once: Whether a list id that comes back after another one is refused.
    """
    grouper = _Grouper(path, unit, spec, refuse, {} if once else None)
    open_run: list[Rows] = []
    for rows in batches:
        if not len(rows.ids):
            continue
        last = _starts(rows.ids)[-1]
        if last == 0 and open_run and open_run[-1].ids[-1] == rows.ids[0]:
            open_run.append(rows)
            continue
        done = _concatenate([*open_run, rows.cut(0, last)])
        open_run = [rows.cut(last, len(rows.ids))]
        yield from grouper.lists(done)
    if open_run:
        yield from grouper.lists(_concatenate(open_run))


def impressions(
    batches: Iterable[Rows], *, path: str, unit: str, spec: FeatureSpec, refuse: Refuse
) -> Iterator[Lists]:
    """Yields rows without lists, each as a list of one document; see `group` for the arguments."""
    for rows in batches:
        good = np.ones(len(rows.numbers), dtype=bool)
        for place in sorted(rows.reasons):
            good[place] = False
            refuse(Refusal(path, f"{unit} {rows.numbers[place]}", rows.reasons[place]))
        kept = rows if good.all() else rows.select(good)
        size = len(kept.numbers)
        if size:
            places = Places(path, unit, kept.numbers)
            sizes = np.ones(size, dtype=np.int64)
            yield Lists([b""] * size, places, sizes, kept.values, scopes(spec))


def _starts(ids: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.flatnonzero(ids[1:] != ids[:-1]) + 1])


def _concatenate(parts: list[Rows]) -> Rows:
    if len(parts) == 1:
        return parts[0]
    reasons, offset = {}, 0
    for part in parts:
        reasons.update({i + offset: reason for i, reason in part.reasons.items()})
        offset += len(part.ids)
    return Rows(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.numbers for part in parts]),
        {n: np.concatenate([part.values[n] for part in parts]) for n in parts[0].values},
        reasons,
    )


@dataclasses.dataclass(frozen=True)
class _Grouper:
    path: str
    unit: str
    spec: FeatureSpec
    refuse: Refuse
    seen: dict[bytes, int] | None
    """The line where each list began, where no list may come back."""

    def lists(self, rows: Rows) -> Iterator[Lists]:
        """Yields batches of lists; every run in `rows` is complete."""
        if not len(rows.ids):
            return
        starts = _starts(rows.ids)
        sizes = np.diff(np.append(starts, len(rows.ids)))
        kept = np.ones(len(starts), dtype=bool)
        for run, (place, reason) in self._refused(rows, starts, sizes).items():
            kept[run] = False
            record = f"{self.unit} {rows.numbers[place]}"
            self.refuse(Refusal(self.path, record, reason, rows.ids[place]))
        for first in range(0, len(starts), MAX_LISTS):
            runs = slice(first, first + MAX_LISTS)
            if kept[runs].any():
                yield self._build(rows, starts[runs], sizes[runs]).keep_lists(kept[runs])

    def _refused(
        self, rows: Rows, starts: np.ndarray, sizes: np.ndarray
    ) -> dict[int, tuple[int, str]]:
        """Returns the first refused row of each run that has one, and why."""
        run_of_row = np.repeat(np.arange(len(starts)), sizes)
        reasons = dict(rows.reasons)
        for place, reason in self._changes(rows, starts[run_of_row]):
            reasons.setdefault(place, reason)
        for place, reason in self._returns(rows, starts):
            reasons[place] = reason
        first: dict[int, tuple[int, str]] = {}
        for place in sorted(reasons):
            first.setdefault(int(run_of_row[place]), (place, reasons[place]))
        return first

    def _changes(self, rows: Rows, first_row: np.ndarray) -> Iterator[tuple[int, str]]:
        for feature in self.spec.raw:
            if feature.scope is Scope.DOCUMENT:
                continue
            column = rows.values[feature.name]
            first = column[first_row]
            # NaN differs from itself; two of them are the same value here.
            changed = ((column != first) & ((column == column) | (first == first))).any(axis=1)
            for place in np.flatnonzero(changed):
                yield (
                    int(place),
                    (
                        f"column '{feature.name}': found {_cell(column[place])} after"
                        f" {_cell(first[place])}, expected one value within a list"
                    ),
                )

    def _returns(self, rows: Rows, starts: np.ndarray) -> Iterator[tuple[int, str]]:
        if self.seen is None:
            return
        for start in starts:
            before = self.seen.setdefault(rows.ids[start], int(rows.numbers[start]))
            if before != rows.numbers[start]:
                yield (
                    int(start),
                    (
                        f"qid {shown(rows.ids[start])} comes back, its list began at"
                        f" {self.unit} {before}; expected the lines of a list together"
                    ),
                )

    def _build(self, rows: Rows, starts: np.ndarray, sizes: np.ndarray) -> Lists:
        scope_of = scopes(self.spec)
        span = slice(starts[0], starts[-1] + sizes[-1])
        return Lists(
            ids=list(rows.ids[starts]),
            origins=[f"{self.path}: {self.unit} {number}" for number in rows.numbers[starts]],
            sizes=sizes.astype(np.int64),
            values={
                name: rows.values[name][span if scope is Scope.DOCUMENT else starts]
                for name, scope in scope_of.items()
            },
            scopes=scope_of,
        )


def _cell(values: np.ndarray) -> str:
    joined = b" ".join(values) if values.dtype == object else " ".join(map(str, values))
    return shown(joined)
