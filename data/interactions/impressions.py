"""Interactions as impressions: each is a row with what is known of its user and its item.

Users and items are read as for lists, by a spec in which the user's features are those of the list.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from collections.abc import Mapping

import numpy as np

from data.errors import InputError
from data.errors import did_you_mean
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.interactions import movielens
from data.interactions.catalogue import Catalogue
from data.interactions.catalogue import label_columns
from data.interactions.lists import Documents
from data.interactions.options import InteractionOptions
from data.lists import Lists
from data.lists import scopes

MAX_ROWS = 20_000
"""The most impressions of a batch."""


def of_lists(spec: FeatureSpec, options: InteractionOptions) -> FeatureSpec:
    """Returns the spec of the same columns in which users are lists and items are documents.

    Raises:
      InputError: One of the `user_features` is no feature, or all features are the users'.
    """
    known = movielens.USERS.get(options.side_layout, ())
    named = {options.user_column, *(options.user_features or known)}
    names = [feature.name for feature in spec.features]
    for name in options.user_features:
        if name not in names:
            near = did_you_mean(name, names)
            raise InputError(f"examples.interactions.user_features: no feature '{name}'.{near}")
    if named.issuperset(names):
        raise InputError("examples.interactions: at least one feature of the item is needed")

    def scoped(feature: Feature) -> Feature:
        own = feature.name in named
        return dataclasses.replace(feature, scope=Scope.CONTEXT if own else Scope.DOCUMENT)

    columns = tuple(scoped(feature) for feature in spec.features)
    return dataclasses.replace(spec, columns=columns, impressions=False)


def to_rows(
    documents: Documents,
    catalogue: Catalogue,
    users: Mapping[str, np.ndarray],
    origin: str,
    spec: FeatureSpec,
) -> Iterator[Lists]:
    """Yields batches of impressions.

    Args:
      documents: Of one split.
      catalogue: Their items.
      users: The users' features, `[n_users, width]` each.
      origin: Where they come from, for messages.
      spec: The columns, all of them those of documents.
    """
    for start in range(0, len(documents), MAX_ROWS):
        rows = slice(start, start + MAX_ROWS)
        item, user = documents.item[rows], documents.user[rows]
        values = {name: column[item] for name, column in catalogue.columns.items() if name}
        values |= {name: column[user] for name, column in users.items()}
        values |= label_columns(documents.label[rows], documents.weight[rows], spec)
        size, none = len(item), [b""] * len(item)
        yield Lists(none, [origin] * size, np.ones(size, np.int64), values, scopes(spec))
