"""What is done about long lists, duplicates, and lists or documents without a usable label."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from data import hashing
from data.errors import InputError
from data.features import UNLABELLED
from data.features import FeatureSpec
from data.lists import Lists
from data.readers.options import Refusal
from data.readers.options import shown

Count = Callable[[str, int], None]
"""Adds a number of lists or documents to a named counter."""
NO_RELEVANT = "lists without a relevant document"
"""The counter of lists in which no label is above 0; of those dropped it says so."""


class Keep(str, enum.Enum):
    """Which documents of a list above `max_list_size` stay; they keep their order."""

    FIRST = "first"
    RELEVANT = "relevant"
    """Those with the highest labels, the first ones among equals."""
    SAMPLE = "sample"
    """A random choice that depends on the seed, the list id and the place in the list only."""


class Duplicates(str, enum.Enum):
    """What becomes of documents whose id came before in their list."""

    KEEP = "keep"
    FIRST = "first"
    """The first one stays."""
    REFUSE = "refuse"
    """The list is refused."""


class NoRelevant(str, enum.Enum):
    """What becomes of a list in which no label is above 0."""

    KEEP = "keep"
    DROP = "drop"


class BadLabel(str, enum.Enum):
    """What becomes of a document whose label is missing or negative."""

    REFUSE = "refuse"
    """The list is refused."""
    DROP_DOCUMENT = "drop_document"
    ZERO = "zero"
    """The label becomes 0."""


@dataclasses.dataclass(frozen=True)
class ListPolicy:
    """The policies, in the order in which they are applied; a label is the main one, of no task.

    Attributes:
      bad_label: About documents with a missing or negative label.
      duplicates: About documents whose id came before in their list; an empty id is no id.
      max_list_size: The most documents a list keeps, 0 for no limit.
      keep: Which documents those are.
      no_relevant: About lists in which (by now) no label is above 0.
      binary_labels: Whether each label above 0 becomes 1 in the end, those of tasks as well; what
        TF-Ranking calls `convert_labels_to_binary`.
      seed: Of the samples, and of what splits impressions.
    """

    bad_label: BadLabel = BadLabel.REFUSE
    duplicates: Duplicates = Duplicates.KEEP
    max_list_size: int = 0
    keep: Keep = Keep.FIRST
    no_relevant: NoRelevant = NoRelevant.KEEP
    binary_labels: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_list_size < 0:
            raise InputError(f"max_list_size: found {self.max_list_size}, expected 0 or more")

    def require(self, spec: FeatureSpec) -> None:
        """Raises InputError where the policy needs a column that the spec does not name."""
        if self.duplicates is not Duplicates.KEEP and not spec.document_id:
            raise InputError(
                f"duplicates: '{self.duplicates.value}' needs a 'document_id' among the features"
            )
        for setting, default in (
            ("duplicates", Duplicates.KEEP),
            ("max_list_size", 0),
            ("no_relevant", NoRelevant.KEEP),
        ):
            if spec.impressions and vars(self)[setting] != default:
                raise InputError(f"{setting}: impressions have no lists; leave it out")


def apply(
    lists: Lists,
    policy: ListPolicy,
    spec: FeatureSpec,
    refuse: Callable[[Refusal], None],
    count: Count,
) -> Lists:
    """Returns the lists after the policies.

    Args:
      lists: Whole lists that passed `data.checks`.
      policy: The policies.
      spec: Names the label, the tasks and the document id.
      refuse: Is told about each list that is refused.
      count: Is told how many lists and documents were dropped or changed, and why.
    """
    policy.require(spec)
    for step in (_labels, _duplicates, _cut, _relevance, _targets):
        lists = step(lists, policy, spec, refuse, count)
        lists = _drop_lists(lists, lists.sizes > 0, "lists without a document left dropped", count)
    return lists


def _labels(
    lists: Lists,
    policy: ListPolicy,
    spec: FeatureSpec,
    refuse: Callable[[Refusal], None],
    count: Count,
) -> Lists:
    labels = lists.values[spec.label]
    good = labels[:, 0] >= 0  # NaN compares false.
    if good.all():
        return lists
    if policy.bad_label is BadLabel.DROP_DOCUMENT:
        return _drop_documents(lists, good, "documents without a valid label dropped", count)
    if policy.bad_label is BadLabel.ZERO:
        count("labels set to 0", int((~good).sum()))
        zeroed = np.where(good[:, np.newaxis], labels, np.float32(0))
        return dataclasses.replace(lists, values={**lists.values, spec.label: zeroed})

    def reason(row: int) -> str:
        label = labels[row, 0]
        found = "missing" if np.isnan(label) else f"found {shown(label)}"
        return f"feature '{spec.label}': {found}, expected a label of 0 or more"

    return _refuse_lists(lists, good, reason, spec, refuse)


def _duplicates(
    lists: Lists,
    policy: ListPolicy,
    spec: FeatureSpec,
    refuse: Callable[[Refusal], None],
    count: Count,
) -> Lists:
    if policy.duplicates is Duplicates.KEEP or not len(lists):
        return lists
    ids = lists.values[spec.document_id][:, 0]
    codes = pa.array(ids, pa.binary()).dictionary_encode().indices.to_numpy()
    keys = lists.list_of_document * (codes.max(initial=0) + 1) + codes
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    first_of_row = first[inverse]
    good = (first_of_row == np.arange(len(keys))) | (ids == b"")
    if policy.duplicates is Duplicates.FIRST:
        return _drop_documents(lists, good, "duplicate documents dropped", count)
    starts = np.repeat(np.cumsum(lists.sizes) - lists.sizes, lists.sizes)

    def reason(row: int) -> str:
        before = first_of_row[row] - starts[row] + 1
        return (
            f"feature '{spec.document_id}': found {shown(ids[row])} as in document {before},"
            " expected each document once"
        )

    return _refuse_lists(lists, good, reason, spec, refuse)


def _cut(
    lists: Lists,
    policy: ListPolicy,
    spec: FeatureSpec,
    refuse: Callable[[Refusal], None],
    count: Count,
) -> Lists:
    del refuse
    if not policy.max_list_size or (lists.sizes <= policy.max_list_size).all():
        return lists
    labels = lists.values[spec.label][:, 0]
    order = np.lexsort((_priority(lists, policy, labels), lists.list_of_document))
    rank = _places(lists)  # The rows of a list stay together in `order`.
    kept = np.empty(len(order), dtype=bool)
    kept[order] = rank < policy.max_list_size
    relevant = int((~kept & (labels > 0)).sum())
    if relevant:
        count("relevant documents cut by max_list_size", relevant)
    count("lists cut by max_list_size", int((lists.sizes > policy.max_list_size).sum()))
    return _drop_documents(lists, kept, "documents cut by max_list_size", count)


def _relevance(
    lists: Lists,
    policy: ListPolicy,
    spec: FeatureSpec,
    refuse: Callable[[Refusal], None],
    count: Count,
) -> Lists:
    del refuse
    if policy.no_relevant is NoRelevant.KEEP:
        return lists
    return _drop_lists(lists, has_relevant(lists, spec), f"{NO_RELEVANT} dropped", count)


def has_relevant(lists: Lists, spec: FeatureSpec) -> np.ndarray:
    """Returns for each list whether a label in it is above 0."""
    relevant = lists.values[spec.label][:, 0] > 0
    return np.bincount(lists.list_of_document, weights=relevant, minlength=len(lists)) > 0


def _targets(
    lists: Lists,
    policy: ListPolicy,
    spec: FeatureSpec,
    refuse: Callable[[Refusal], None],
    count: Count,
) -> Lists:
    del refuse
    found = {name: lists.values[name] for name in spec.targets}
    for name in spec.tasks:
        labelled = found[name] >= 0  # NaN compares false.
        found[name] = np.where(labelled, found[name], np.float32(UNLABELLED))
        if not labelled.all():
            count(f"documents without a label '{name}'", int((~labelled).sum()))
    if policy.binary_labels:
        found = {name: np.where(x > 0, np.float32(1), x) for name, x in found.items()}
    return dataclasses.replace(lists, values={**lists.values, **found})


def _places(lists: Lists) -> np.ndarray:
    """Returns each document's place in its list, from 0."""
    starts = np.repeat(np.cumsum(lists.sizes) - lists.sizes, lists.sizes)
    return np.arange(len(starts)) - starts


def _priority(lists: Lists, policy: ListPolicy, labels: np.ndarray) -> np.ndarray:
    """Returns what documents are sorted by; those with the lowest values stay."""
    if policy.keep is Keep.RELEVANT:
        return -labels
    if policy.keep is Keep.SAMPLE:
        seeds = hashing.seeds(lists.ids, b"%d:" % policy.seed)
        return hashing.mix(np.repeat(seeds, lists.sizes) + _places(lists).astype(np.uint64))
    return _places(lists)


def _refuse_lists(
    lists: Lists,
    good: np.ndarray,
    reason: Callable[[int], str],
    spec: FeatureSpec,
    refuse: Callable[[Refusal], None],
) -> Lists:
    """Refuses the lists with a document that is not good, each for its first such document."""
    rows = np.flatnonzero(~good)
    places = _places(lists)
    owners, first = np.unique(lists.list_of_document[rows], return_index=True)
    for i, row in zip(owners, rows[first], strict=True):
        place = "" if spec.impressions else f"document {places[row] + 1}: "
        refuse(Refusal.at(lists.origins[i], f"{place}{reason(row)}", lists.ids[i]))
    kept = np.ones(len(lists), dtype=bool)
    kept[owners] = False
    return lists.keep_lists(kept)


def _drop_documents(lists: Lists, kept: np.ndarray, name: str, count: Count) -> Lists:
    if not kept.all():
        count(name, int((~kept).sum()))
    return lists.keep_documents(kept)


def _drop_lists(lists: Lists, kept: np.ndarray, name: str, count: Count) -> Lists:
    if not kept.all():
        count(name, int((~kept).sum()))
    return lists.keep_lists(kept)
