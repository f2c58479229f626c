"""The catalogue: every item with its transformed columns, and what each user has of it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from data import columnar
from data import dataset
from data.errors import InputError
from data.features import ACROSS_LIST
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.readers.options import shown
from data.transformed import TRANSFORM_SUFFIX
from data.transformed import TransformedSpec

HASHES = 2**62
"""The range of the hashes of ids."""
_LISTS = 1024
"""How many lists are parsed at a time."""


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """All items that can be ranked.

    Attributes:
      ids: `[n_items]` the items' ids, string.
      columns: The transformed document columns by name, `[n_items, width]`.
    """

    ids: tf.Tensor
    columns: dict[str, tf.Tensor]

    @property
    def size(self) -> int:
        """The number of items."""
        return int(self.ids.shape[0])

    def look_up(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns the places `[n]`, int64, of ids `[n]`; -1 for an id that is not there.

        It needs no table that belongs to a device, so it runs in any input pipeline.
        """
        hashes, places = self._by_hash
        at = tf.searchsorted(hashes, hashed(ids))
        found = tf.gather(places, tf.minimum(at, self.size - 1))
        return tf.where(tf.gather(self.ids, found) == ids, found, -1)

    @functools.cached_property
    def _by_hash(self) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.init_scope():  # once, not in the graph that asks first
            hashes = hashed(self.ids)
            order = tf.argsort(hashes)
            return tf.gather(hashes, order), tf.cast(order, tf.int64)


class Lists(NamedTuple):
    """Some users' lists of a file.

    Attributes:
      users: `[n_users]` ids, string.
      items: `[n_users, (n)]` places in the catalogue, int64.
    """

    users: tf.Tensor
    items: tf.RaggedTensor


def hashed(ids: tf.Tensor) -> tf.Tensor:
    """Returns hashes of ids, int64, which are the same on every machine."""
    return tf.strings.to_hash_bucket_fast(ids, HASHES)


def load(files: Sequence[str], transformed: TransformedSpec) -> Catalogue:
    """Reads the transformed lists of the catalogue, and puts the items in the order of their ids.

    Raises:
      InputError: There is no item, an item is there twice, or a feature cannot be computed for an
        item alone.
    """
    with tf.init_scope():  # now, though a worker's data set is made in a graph
        return _load(files, transformed)


def _load(files: Sequence[str], transformed: TransformedSpec) -> Catalogue:
    item = identifiers(transformed.spec)[1]
    _require_alone(transformed.spec)
    columns = [column for column in transformed.columns if column.scope is Scope.DOCUMENT]
    parts: dict[str, list[tf.Tensor]] = {column.name: [] for column in (item, *columns)}
    for serialized in _read(files):
        parsed = columnar.parse(serialized, (item, *columns), suffix=TRANSFORM_SUFFIX)
        for column in (item, *columns):
            parts[column.name].append(columnar.to_rows(parsed[column.name], column.width))
    if not sum(part.shape[0] for part in parts[item.name]):
        raise InputError("catalogue: there are no items")
    rows = {name: tf.concat(part, axis=0) for name, part in parts.items()}
    ids = rows.pop(item.name).numpy()[:, 0]
    order = np.argsort(ids)
    twice = np.flatnonzero(ids[order][1:] == ids[order][:-1])
    if twice.size:
        raise InputError(f"catalogue: item {shown(ids[order][twice[0]])} is there twice")
    return Catalogue(
        tf.constant(ids[order]), {name: tf.gather(row, order) for name, row in rows.items()}
    )


def history(
    files: Sequence[str], transformed: TransformedSpec, catalogue: Catalogue
) -> tuple[tf.Tensor, tf.RaggedTensor]:
    """Reads what each user has in the training lists.

    Returns:
      `[n_users]` user ids, string, and `[n_users, (n)]` places in the catalogue, int32, in the
      order of the lists.

    Raises:
      InputError: An item of a list is not in the catalogue.
    """
    parts = list(read(files, transformed, catalogue))
    if not parts:
        return tf.constant([], tf.string), tf.RaggedTensor.from_row_splits(
            tf.constant([], tf.int32), tf.constant([0], tf.int64)
        )
    items = [tf.cast(part.items, tf.int32) for part in parts]
    return tf.concat([part.users for part in parts], axis=0), tf.concat(items, axis=0)


def read(
    files: Sequence[str], transformed: TransformedSpec, catalogue: Catalogue
) -> Iterator[Lists]:
    """Reads the users' lists, some at a time.

    Raises:
      InputError: An item of a list is not in the catalogue.
    """
    user, item = identifiers(transformed.spec)
    for serialized in _read(files):
        parsed = columnar.parse(serialized, (user, item), suffix=TRANSFORM_SUFFIX)
        users = parsed[user.name][:, 0]
        places = catalogue.look_up(parsed[item.name].flat_values)
        unknown = np.flatnonzero(places.numpy() < 0)
        if unknown.size:
            first = unknown[0]
            row = parsed[item.name].value_rowids()[first]
            raise InputError(
                f"train: list {shown(users[row].numpy())}: {item.name}: found"
                f" {shown(parsed[item.name].flat_values[first].numpy())}, expected one of the"
                f" {catalogue.size} items of the catalogue"
            )
        yield Lists(users, parsed[item.name].with_flat_values(places))


def _read(files: Sequence[str]) -> Iterator[np.ndarray]:
    """Yields some serialized lists at a time; a loop over them is never made part of a graph."""
    yield from dataset.read(files).batch(_LISTS).as_numpy_iterator()


def identifiers(spec: FeatureSpec) -> tuple[Feature, Feature]:
    """Returns the columns that hold the user's id and the item's.

    Raises:
      InputError: The spec does not name both.
    """
    for setting, name in (("list_id", spec.list_id), ("document_id", spec.document_id)):
        if not name:
            raise InputError(f"features: '{setting}' must be named to draw negatives")
    user, item = spec.identifiers
    return user, item


def _require_alone(spec: FeatureSpec) -> None:
    for feature in spec.features:
        across = sorted(step.value for step in ACROSS_LIST.intersection(feature.transform))
        if across:
            raise InputError(
                f"feature '{feature.name}': '{across[0]}' depends on the other documents of a"
                " list; expected a value that an item of the catalogue has alone"
            )
