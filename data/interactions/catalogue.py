"""The catalogue: all items that can be recommended, with their features."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.errors import InputError
from data.features import UNLABELLED
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.interactions.kinds import CatalogueOf
from data.interactions.options import InteractionOptions
from data.interactions.tables import SideTable
from data.interactions.tables import neutral
from data.lists import Lists
from data.lists import scopes
from data.readers import columns
from data.readers.options import shown

POPULARITY = "popularity"
"""The document feature that holds the number of an item's training interactions."""

LIST_SIZE = 4096
"""The most documents of one of the lists that the catalogue is stored as."""


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """`n` items.

    Attributes:
      ids: `[n]` distinct, sorted, binary.
      popularity: `[n]` int64, the number of training interactions.
      columns: The document columns of the spec, `[n, width]` each, the id among them.
    """

    ids: pa.Array
    popularity: np.ndarray
    columns: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.ids)

    def look_up(self, ids: pa.Array) -> np.ndarray:
        """Returns the index of each id, `[n_ids]` int64, -1 where it is unknown."""
        return look_up(ids, self.ids)


def look_up(ids: pa.Array, known: pa.Array) -> np.ndarray:
    """Returns the index of each id among known ones, `[n]` int64, -1 where it is not there."""
    found = pc.index_in(ids, value_set=known).fill_null(-1)
    return found.to_numpy(zero_copy_only=False).astype(np.int64)


def build(
    counts: pa.Table,
    more: pa.Array,
    items: SideTable | None,
    options: InteractionOptions,
    spec: FeatureSpec,
) -> Catalogue:
    """Returns the catalogue.

    Args:
      counts: The items of all splits and their numbers of training interactions, as
        `filters.add_counts` gives them.
      more: Ids of further items: given candidates.
      items: The items file; None if there is none.
      options: Say whether all items of the file belong to the catalogue.
      spec: The document features.
    """
    parts = [counts["item"].combine_chunks(), more]
    if items is not None and options.catalogue is CatalogueOf.ITEMS:
        parts.append(items.ids)
    ids = pc.unique(pa.concat_arrays(parts))
    ids = ids.take(pc.array_sort_indices(ids))
    popularity = np.zeros(len(ids), dtype=np.int64)
    popularity[look_up(counts["item"].combine_chunks(), ids)] = counts["count"].to_numpy()
    values = side_columns(ids, items, options.item_column, Scope.DOCUMENT, spec)
    values[spec.document_id] = id_column(ids)
    for feature in spec.features:
        if feature.scope is Scope.DOCUMENT and feature.name == POPULARITY:
            dtype = columns.NUMPY[feature.dtype]
            values[POPULARITY] = popularity[:, np.newaxis].astype(dtype)
    return Catalogue(ids, popularity, values)


def side_columns(
    ids: pa.Array, table: SideTable | None, own: str, scope: Scope, spec: FeatureSpec
) -> dict[str, np.ndarray]:
    """Returns the features of users or items, `[n, width]` each.

    Args:
      ids: `[n]` binary.
      table: The file of users or items; None if there is none.
      own: The name of the feature that holds the id itself.
      scope: Of the features.
      spec: All features.
    """
    found = {f.name: _readable(ids, f) for f in spec.features if (f.name, f.scope) == (own, scope)}
    rows = None if table is None else table.look_up(ids)
    if rows is not None and scope is Scope.CONTEXT:  # items have a policy
        _require_known(ids, rows, side_features(spec, scope, own))
    for feature in side_features(spec, scope, own):
        if table is None or rows is None:
            found[feature.name] = neutral(feature, len(ids))
        else:
            found[feature.name] = table.take(feature.name, rows)
            _require_finite(found[feature.name], feature, ids)
    return found


def _require_known(ids: pa.Array, rows: np.ndarray, features: Iterable[Feature]) -> None:
    unknown = np.flatnonzero(rows < 0)
    required = [feature.name for feature in features if feature.default is None]
    if len(unknown) and required:
        raise InputError(
            f"examples.interactions: nothing is known of {shown(ids[int(unknown[0])].as_py())}, and"
            f" feature '{required[0]}' has no default"
        )


def _require_finite(column: np.ndarray, feature: Feature, ids: pa.Array) -> None:
    if feature.dtype is DType.FLOAT and not np.isfinite(column).all():
        row, place = np.argwhere(~np.isfinite(column))[0].tolist()
        raise InputError(
            f"examples.interactions: feature '{feature.name}' of {shown(ids[row].as_py())}: found"
            f" {shown(column[row, place])}, expected a finite number"
        )


def _readable(ids: pa.Array, feature: Feature) -> np.ndarray:
    column = columns.convert(ids, feature)
    for reason in column.reasons.values():
        raise InputError(f"examples.interactions: {reason}")
    return column.values


def id_column(ids: pa.Array) -> np.ndarray:
    """Returns ids as the column `[n, 1]` of bytes objects."""
    return ids.to_numpy(zero_copy_only=False).reshape(-1, 1)


def side_features(spec: FeatureSpec, scope: Scope, own: str) -> tuple[Feature, ...]:
    """Returns the features that a file of users or items must have."""
    computed = {own, POPULARITY} if scope is Scope.DOCUMENT else {own}
    return tuple(f for f in spec.features if f.scope is scope and f.name not in computed)


def label_columns(
    labels: np.ndarray, weights: np.ndarray, spec: FeatureSpec
) -> dict[str, np.ndarray]:
    """Returns label, tasks (none) and weight of documents, `[n, 1]` each; both arrays are `[n]`."""
    rows = (len(labels), 1)
    found = {name: np.full(rows, UNLABELLED, dtype=np.float32) for name in spec.tasks}
    if spec.weight:
        found[spec.weight] = weights.astype(np.float32).reshape(rows)
    return {**found, spec.label: labels.astype(np.float32).reshape(rows)}


def to_lists(catalogue: Catalogue, spec: FeatureSpec) -> Iterator[Lists]:
    """Yields the whole catalogue as lists of nobody: label 0, context columns neutral."""
    context = [feature for feature in spec.raw if feature.scope is Scope.CONTEXT]
    for start in range(0, len(catalogue), LIST_SIZE):
        values = {n: c[start : start + LIST_SIZE] for n, c in catalogue.columns.items()}
        size = len(values[spec.document_id])
        values |= label_columns(np.zeros(size), np.ones(size), spec)
        values |= {feature.name: neutral(feature, 1) for feature in context}
        origin = f"catalogue: list {start // LIST_SIZE + 1}"
        yield Lists([b""], [origin], np.array([size]), values, scopes(spec))
