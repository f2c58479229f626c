"""Refuses lists that no model should see: without documents, or with numbers that are none."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from data.features import DType
from data.features import FeatureSpec
from data.features import Scope
from data.lists import Lists
from data.lists import dtypes
from data.readers.options import Refusal
from data.readers.options import shown


def check(lists: Lists, spec: FeatureSpec, refuse: Callable[[Refusal], None]) -> Lists:
    """Returns the lists that are sound; the others are refused, each for its first fault.

    A list is refused if it has no document, or no id though the spec names one, if a feature, the
    label or a task is infinite, a feature is NaN, or a weight is not a number of 0 or more. A NaN
    label is a missing one: `data.policies` decides about it.
    """
    faults = _faults(lists, spec)
    reasons: dict[int, str] = {}
    if spec.list_id:
        nameless = [i for i, key in enumerate(lists.ids) if not key]
        reasons = dict.fromkeys(
            nameless, f"context: feature '{spec.list_id}': missing, expected an id"
        )
    reasons |= dict.fromkeys(np.flatnonzero(lists.sizes == 0).tolist(), "no documents")
    reasons |= {i: fault.reason for i, fault in faults.items()}
    for i in sorted(reasons):
        refuse(Refusal.at(lists.origins[i], reasons[i], lists.ids[i]))
    kept = np.ones(len(lists), dtype=bool)
    kept[list(reasons)] = False
    return lists.keep_lists(kept)


@dataclasses.dataclass(frozen=True)
class _Fault:
    document: int
    """The place in the list, from 0; -1 for the context."""
    reason: str


def _faults(lists: Lists, spec: FeatureSpec) -> dict[int, _Fault]:
    """Returns the first fault of each list that has one, by list."""
    found: dict[int, _Fault] = {}
    starts = np.cumsum(lists.sizes) - lists.sizes
    for name, dtype in dtypes(spec).items():
        if dtype is not DType.FLOAT:
            continue
        column = lists.values[name]
        bad = ~np.isfinite(column)
        expected = "a finite number"
        if name in spec.targets:
            bad = np.isinf(column)
        if name == spec.weight:
            bad, expected = bad | (column < 0), "a number of 0 or more"
        if not bad.any():
            continue
        in_context = lists.scopes[name] is Scope.CONTEXT
        rows = np.flatnonzero(bad.any(axis=1))
        owners = rows if in_context else lists.list_of_document[rows]
        for i, first in zip(*np.unique(owners, return_index=True), strict=True):
            row = rows[first]
            document = -1 if in_context else int(row - starts[i])
            part = "context: " if in_context else f"document {document + 1}: "
            part = "" if spec.impressions else part
            value = shown(column[row][bad[row]][0])
            reason = f"{part}feature '{name}': found {value}, expected {expected}"
            fault = _Fault(document, reason)
            if i not in found or document < found[i].document:
                found[int(i)] = fault
    return found
