"""Test lists whose negatives were drawn by others, such as those of the NCF paper."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.features import FeatureSpec
from data.features import Scope
from data.interactions import candidates
from data.interactions.catalogue import Catalogue
from data.interactions.catalogue import look_up
from data.interactions.filters import Refuse
from data.interactions.filters import unreadable
from data.interactions.kinds import UnknownItems
from data.interactions.lists import Documents
from data.interactions.lists import append
from data.interactions.lists import positives
from data.interactions.options import InteractionOptions
from data.interactions.splitting import Divided
from data.interactions.splitting import Part
from data.interactions.tables import CANDIDATES
from data.policies import Count
from data.readers.options import Refusal
from data.readers.options import shown


def items(batch: pa.RecordBatch) -> pa.Array:
    """Returns the distinct negatives of a batch of lines."""
    return pc.unique(batch.column(CANDIDATES.get_field_index("negatives")).flatten())


def distinct(parts: Iterable[pa.Array]) -> pa.Array:
    """Returns the distinct ids of several arrays."""
    return pc.unique(pa.concat_arrays([pa.array([], pa.binary()), *parts]))


def usable(
    ids: pa.Array, known: pa.Array | None, options: InteractionOptions, spec: FeatureSpec
) -> pa.Array:
    """Returns the ids that may enter the catalogue.

    Args:
      ids: `[n]` distinct ids of negatives.
      known: The ids of the items file; None if there is none.
      options: Say what is done about unknown items.
      spec: Names the feature that holds the id.
    """
    bad = np.isin(
        np.arange(len(ids)), list(unreadable(ids, options.item_column, Scope.DOCUMENT, spec))
    )
    if known is not None and options.unknown_items is UnknownItems.REFUSE:
        bad |= look_up(ids, known) < 0
    return ids.filter(pa.array(~bad))


def lists(
    divided: Divided,
    lines: Sequence[pa.RecordBatch],
    path: str,
    catalogue: Catalogue,
    options: InteractionOptions,
    refuse: Refuse,
    count: Count,
) -> Documents:
    """Returns the test lists: the held-out items, then the negatives of a file.

    A negative that is in its list already is dropped, as MLPerf's mask does. Refused are a line
    whose item is not held out for its user, one with an item outside the catalogue, and a list
    without a line.

    Args:
      divided: The interactions.
      lines: Batches of `CANDIDATES` for the users of the shard.
      path: The file.
      catalogue: All items.
      options: Say what labels are.
      refuse: Is told about each line or list that is refused.
      count: Is told how many negatives and lines are dropped or doubtful.
    """
    held = positives(divided, divided.part == Part.TEST, catalogue, options)
    n_items = max(1, len(catalogue))
    user, item = _negatives(divided, held, lines, path, catalogue, refuse, count)
    held = _with_negatives(divided, held, user, path, refuse)
    held_pairs, pairs = held.user * n_items + held.item, user * n_items + item
    fresh = candidates.first_new(held_pairs, pairs)
    if len(fresh) < len(pairs):
        count("given candidates that came before in their list dropped", len(pairs) - len(fresh))
    trained = positives(divided, divided.trained, catalogue, options)
    known = int(np.isin(pairs[fresh], trained.user * n_items + trained.item).sum())
    if known:
        count("given candidates that are training positives of their user", known)
    return append(held, user[fresh], item[fresh])


def _negatives(
    divided: Divided,
    held: Documents,
    lines: Sequence[pa.RecordBatch],
    path: str,
    catalogue: Catalogue,
    refuse: Refuse,
    count: Count,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the user and the item of each negative, in the order of the lines."""
    table = pa.Table.from_batches(lines, CANDIDATES).combine_chunks()
    user = look_up(table["user"].combine_chunks(), divided.shard.users)
    item = catalogue.look_up(table["item"].combine_chunks())
    listed = np.isin(user, held.user)
    if not listed.all():
        count("given candidates of users without a test list: lines dropped", int((~listed).sum()))
    n_items = max(1, len(catalogue))
    own = np.isin(user * n_items + item, held.user * n_items + held.item) & (item >= 0)
    for i in np.flatnonzero(listed & ~own).tolist():
        found = shown(table["item"][i].as_py())
        _refuse_line(table, i, f"item {found} is not held out for the user", path, refuse)
    negatives = table["negatives"].combine_chunks()
    lengths = pc.list_value_length(negatives).to_numpy(zero_copy_only=False)
    line = np.repeat(np.arange(len(table)), lengths)
    drawn = catalogue.look_up(negatives.flatten())
    unknown, first = np.unique(line[drawn < 0], return_index=True)
    for i, place in zip(unknown.tolist(), np.flatnonzero(drawn < 0)[first].tolist(), strict=True):
        if own[i]:
            found = shown(negatives.flatten()[place].as_py())
            _refuse_line(table, i, f"candidate {found} is no item of the catalogue", path, refuse)
    kept = (own & ~np.isin(np.arange(len(table)), unknown))[line]
    return user[line][kept], drawn[kept]


def _refuse_line(table: pa.Table, i: int, reason: str, path: str, refuse: Refuse) -> None:
    user = shown(table["user"][i].as_py())
    refuse(Refusal(path, f"line {table['row'][i]}", f"user {user}: {reason}"))


def _with_negatives(
    divided: Divided, held: Documents, user: np.ndarray, path: str, refuse: Refuse
) -> Documents:
    """Refuses the lists of users who have no negatives; returns the others."""
    kept = np.isin(held.user, user)
    shard = divided.shard
    for i in np.unique(held.user[~kept]).tolist():
        row = int(np.flatnonzero((shard.user == i) & (divided.part == Part.TEST))[0])
        reason = f"user {shard.user_of(row)} has no candidates in {path}"
        refuse(shard.refusal(row, reason))
    fields = (held.user, held.item, held.label, held.weight)
    return Documents(*(field[kept] for field in fields))
