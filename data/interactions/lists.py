"""From a divided shard to ranked lists: a list is a user, its documents are items."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from data import hashing
from data.features import FeatureSpec
from data.interactions import candidates
from data.interactions.catalogue import Catalogue
from data.interactions.catalogue import id_column
from data.interactions.catalogue import label_columns
from data.interactions.kinds import CandidateKind
from data.interactions.kinds import Labels
from data.interactions.options import InteractionOptions
from data.interactions.shard import Shard
from data.interactions.splitting import Divided
from data.interactions.splitting import Part
from data.lists import Lists
from data.lists import scopes

MAX_DOCUMENTS = 1 << 16
"""About how many documents a batch of lists holds."""


@dataclasses.dataclass(frozen=True)
class Documents:
    """The documents of lists, list after list.

    Attributes:
      user: `[n]` indices into the shard's users, ascending.
      item: `[n]` indices into the catalogue.
      label: `[n]` float32.
      weight: `[n]` float32.
    """

    user: np.ndarray
    item: np.ndarray
    label: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.user)


_LABELS: Mapping[Labels, Callable[[np.ndarray, InteractionOptions], np.ndarray]] = {
    Labels.IMPLICIT: lambda value, options: np.ones_like(value),
    Labels.GRADED: lambda value, options: value,
    Labels.THRESHOLD: lambda value, options: (value >= options.positive_from).astype(np.float32),
}


def positives(
    divided: Divided, rows: np.ndarray, catalogue: Catalogue, options: InteractionOptions
) -> Documents:
    """Returns the interactions at `rows` (`[n]`, bool) as documents, oldest first.

    All are positive but by a threshold.
    """
    shard = divided.shard
    found = catalogue.look_up(shard.items)[shard.item[rows]]
    value = shard.value[rows]
    label = _LABELS[options.labels](value, options)
    return Documents(shard.user[rows], found, label, np.ones_like(value))


def trained(divided: Divided, catalogue: Catalogue, options: InteractionOptions) -> Documents:
    """Returns the training interactions as documents, weighted by their recency.

    The weight of number `k` of a user's `n`, counted from 0 for the oldest, is `(1 + recency)
    ((k + 1/2) / n)^recency`, whose mean is about 1.
    """
    found = positives(divided, divided.trained, catalogue, options)
    if not options.recency:
        return found
    _, starts, sizes = np.unique(found.user, return_index=True, return_counts=True)
    place = np.arange(len(found)) - np.repeat(starts, sizes)
    share = (place + 0.5) / np.repeat(sizes, sizes)
    weight = (1 + options.recency) * share**options.recency
    return dataclasses.replace(found, weight=weight.astype(np.float32))


def drawn(
    divided: Divided, part: Part, catalogue: Catalogue, options: InteractionOptions
) -> Documents:
    """Returns the lists of validation or test: the held-out items, then drawn ones.

    Anything may be drawn but the user's training positives and the list's own positives; what is
    held out in another split may be, since leaving it out would tell of it.
    """
    held = positives(divided, divided.part == part, catalogue, options)
    known = positives(divided, divided.trained | (divided.part == part), catalogue, options)
    users = np.unique(held.user)
    ours = np.isin(known.user, users)
    weights = np.ones(len(catalogue), dtype=np.int64)
    if options.candidate_kind is CandidateKind.POPULARITY:
        weights = catalogue.popularity
    salt = b"%d:%s:" % (options.seed, part.name.encode())
    owner, item = candidates.draw(
        hashing.seeds(divided.shard.users.take(pa.array(users)).to_pylist(), salt),
        (np.searchsorted(users, known.user[ours]), known.item[ours]),
        number=options.candidates,
        weights=weights,
    )
    return append(held, users[owner], item)


def append(held: Documents, user: np.ndarray, item: np.ndarray) -> Documents:
    """Returns the lists of `held` with negatives after the positives.

    Args:
      held: The positives.
      user: `[m]` the lists of the negatives.
      item: `[m]` the negatives.
    """
    users = np.concatenate([held.user, user])
    order = np.argsort(users, kind="stable")
    items = np.concatenate([held.item, item])
    label = np.concatenate([held.label, np.zeros(len(user), dtype=np.float32)])
    return Documents(users[order], items[order], label[order], np.ones_like(label))


def to_lists(
    documents: Documents,
    shard: Shard,
    catalogue: Catalogue,
    context: Mapping[str, np.ndarray],
    spec: FeatureSpec,
) -> Iterator[Lists]:
    """Yields batches of lists.

    Args:
      documents: Of one split.
      shard: Their users and where these were read.
      catalogue: Their items.
      context: The users' features, `[n_users, width]` each.
      spec: The columns.
    """
    users, starts = np.unique(documents.user, return_index=True)
    origins = [shard.origin(int(row)) for row in np.atleast_1d(np.searchsorted(shard.user, users))]
    ids = id_column(shard.users)
    stops = np.append(starts[1:], len(documents))
    first = 0
    while first < len(users):
        last = max(first + 1, int(np.searchsorted(stops, starts[first] + MAX_DOCUMENTS, "right")))
        own, rows = users[first:last], slice(starts[first], stops[last - 1])
        values = {name: column[documents.item[rows]] for name, column in catalogue.columns.items()}
        values |= {name: column[own] for name, column in context.items()}
        values[spec.list_id] = ids[own]
        values |= label_columns(documents.label[rows], documents.weight[rows], spec)
        sizes = (stops - starts)[first:last]
        yield Lists(
            ids[own, 0].tolist(), origins[first:last], sizes.astype(np.int64), values, scopes(spec)
        )
        first = last
