"""Which interactions are left out before the log is divided: bad ones, repeated ones, rare ones.

What needs the whole log is done in two steps: `item_counts` of each shard, added up by
`add_counts`, and then `with_items`.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.errors import InputError
from data.features import FeatureSpec
from data.features import Scope
from data.interactions.kinds import Labels
from data.interactions.kinds import Repeats
from data.interactions.kinds import UnknownItems
from data.interactions.options import InteractionOptions
from data.interactions.shard import Shard
from data.policies import Count
from data.readers import columns
from data.readers.options import Refusal
from data.readers.options import shown

Refuse = Callable[[Refusal], None]

COUNTS = pa.schema([("item", pa.binary()), ("count", pa.int64())])
"""The table of how often each item comes."""


def sound(
    shard: Shard,
    options: InteractionOptions,
    spec: FeatureSpec,
    known: pa.Array | None,
    refuse: Refuse,
    count: Count,
) -> Shard:
    """Refuses interactions whose ids or values cannot be used, and returns the others.

    Args:
      shard: All interactions of its users.
      options: Say what labels are and what is done about unknown items.
      spec: Names the features that hold the ids.
      known: The ids of the items file; None if there is none.
      refuse: Is told about each interaction that is refused.
      count: Is told how many have an unknown item, where that is allowed.
    """
    faults = unreadable(shard.users, options.user_column, Scope.CONTEXT, spec)
    shard = _refuse_ids(shard, shard.user, faults, refuse)
    faults = unreadable(shard.items, options.item_column, Scope.DOCUMENT, spec)
    shard = _refuse_ids(shard, shard.item, faults, refuse)
    if options.labels is Labels.GRADED:
        shard = _positive(shard, refuse)
    if known is None:
        return shard
    unknown = pc.invert(pc.is_in(shard.items, value_set=known)).to_numpy(zero_copy_only=False)
    if options.unknown_items is UnknownItems.DEFAULT:
        number = int(unknown[shard.item].sum())
        if number:
            count("interactions with items that the items file does not have", number)
        return shard
    faults = {
        i: f"column '{options.item_column}': found {shown(shard.items[i].as_py())}, which the"
        " items file does not have"
        for i in np.flatnonzero(unknown).tolist()
    }
    return _refuse_ids(shard, shard.item, faults, refuse)


def unreadable(ids: pa.Array, name: str, scope: Scope, spec: FeatureSpec) -> dict[int, str]:
    """Returns why an id cannot be the value of the feature that holds it, by the id's index."""
    for feature in spec.features:
        if feature.name == name and feature.scope is scope:
            return columns.convert(ids, feature).reasons
    return {}


def _refuse_ids(
    shard: Shard, index: np.ndarray, faults: Mapping[int, str], refuse: Refuse
) -> Shard:
    """Refuses the interactions whose id, at `index` (`[n]`), has a fault."""
    bad = np.isin(index, list(faults)) if faults else np.zeros(len(shard), dtype=bool)
    for row in np.flatnonzero(bad).tolist():
        refuse(shard.refusal(row, faults[int(index[row])]))
    return shard.take(~bad)


def _positive(shard: Shard, refuse: Refuse) -> Shard:
    good = shard.value > 0
    for row in np.flatnonzero(~good).tolist():
        reason = (
            f"found value {shown(shard.value[row])}, expected one above 0, as it is the label;"
            " min_value leaves smaller ones out"
        )
        refuse(shard.refusal(row, reason))
    return shard.take(good)


def distinct(shard: Shard, policy: Repeats, refuse: Refuse, count: Count) -> Shard:
    """Returns one interaction for each pair of user and item.

    Given test interactions are compared among themselves only: what is both trained on and held
    out is a leak, not a repetition.
    """
    keys = 2 * shard.pairs + shard.given
    forth = np.arange(len(shard))
    if policy is Repeats.LAST:
        forth = forth[::-1]
    _, first, inverse = np.unique(keys[forth], return_index=True, return_inverse=True)
    kept = np.zeros(len(shard), dtype=bool)
    kept[forth[first]] = True
    if kept.all():
        return shard
    if policy is not Repeats.REFUSE:
        count("repeated interactions dropped", int((~kept).sum()))
        return shard.take(kept)
    for row in np.flatnonzero(~kept).tolist():
        before = int(first[inverse[row]])
        reason = (
            f"user {shard.user_of(row)} has item {shard.item_of(row)} as in {shard.origin(before)};"
            " expected each pair once"
        )
        refuse(shard.refusal(row, reason))
    return shard.take(kept)


def with_value(shard: Shard, least: float | None, count: Count) -> Shard:
    """Returns the interactions with a value of at least so much."""
    if least is None:
        return shard
    return _keep(shard, shard.value >= least, "interactions below min_value dropped", count)


def with_label(shard: Shard, options: InteractionOptions, count: Count) -> Shard:
    """Returns the interactions whose value makes a label; that is all but by a threshold."""
    low, high = options.negative_to, options.positive_from
    if low is None or high is None:
        return shard
    kept = (shard.value <= low) | (shard.value >= high)
    return _keep(shard, kept, "interactions between negative_to and positive_from dropped", count)


def with_users(shard: Shard, least: int, name: str, count: Count) -> Shard:
    """Returns the interactions of users who have at least so many; `name` is the counter's."""
    return _keep(shard, (shard.sizes >= least)[shard.user], name, count)


def with_items(shard: Shard, counts: pa.Table, least: int, name: str, count: Count) -> Shard:
    """Returns the interactions with items that have at least so many in the whole log."""
    often = counts.filter(pc.greater_equal(counts["count"], least))["item"]
    kept = pc.is_in(shard.items, value_set=often.combine_chunks())
    return _keep(shard, kept.to_numpy(zero_copy_only=False)[shard.item], name, count)


def require_core(shard: Shard, options: InteractionOptions) -> Shard:
    """Returns the shard; raises InputError where its users are not yet those of the k-core."""
    sizes = shard.sizes
    if ((sizes > 0) & (sizes < options.core)).any():
        raise InputError(
            f"examples.interactions.core: {options.core_rounds} rounds did not find the"
            f" {options.core}-core; allow more by core_rounds"
        )
    return shard


def item_counts(shard: Shard, rows: np.ndarray | None = None) -> pa.Table:
    """Returns the items that come, and how often: among `rows` (`[n]`, bool) only, if given."""
    found = np.bincount(shard.item, minlength=len(shard.items))
    counted = shard.item if rows is None else shard.item[rows]
    counts = np.bincount(counted, minlength=len(shard.items))
    return pa.table([shard.items, pa.array(counts)], COUNTS).filter(pa.array(found > 0))


def add_counts(tables: Iterable[pa.Table]) -> pa.Table:
    """Returns the sums of the tables of several shards."""
    table = pa.concat_tables([COUNTS.empty_table(), *tables])
    grouped = table.group_by("item").aggregate([("count", "sum")])
    return grouped.select(["item", "count_sum"]).rename_columns(COUNTS.names)


def _keep(shard: Shard, kept: np.ndarray, name: str, count: Count) -> Shard:
    if not kept.all():
        count(name, int((~kept).sum()))
    return shard.take(kept)
