"""Which interactions are trained on and which are held out to validate and to test.

Decided user by user, so that any shard gives the same.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from collections.abc import Mapping

import numpy as np

from data import hashing
from data.interactions.filters import Refuse
from data.interactions.kinds import ShortUsers
from data.interactions.kinds import SplitRule
from data.interactions.options import InteractionOptions
from data.interactions.shard import Shard
from data.policies import Count


class Part(enum.IntEnum):
    """What an interaction is for."""

    LEFT_OUT = 0
    TRAIN = 1
    VALIDATION = 2
    TEST = 3


@dataclasses.dataclass(frozen=True)
class Divided:
    """A shard whose interactions have a purpose.

    Attributes:
      shard: `n` interactions.
      part: `[n]` int8, one of `Part`, none of them left out.
      trained: `[n]` bool: those to train on, which may include those of validation.
    """

    shard: Shard
    part: np.ndarray
    trained: np.ndarray


def divide(
    shard: Shard, options: InteractionOptions, given: bool, refuse: Refuse, count: Count
) -> Divided:
    """Returns the interactions with their purpose.

    Args:
      shard: All that is kept of its users' interactions.
      options: The rule.
      given: Whether the test interactions come from files of their own, in this shard or another.
      refuse: Is told about each user with too few interactions, if they are to be refused.
      count: Is told about interactions that are left out.
    """
    part, needed = RULES[options.split](shard, options, given)
    part[shard.given] = Part.TEST
    part = _short(shard, part, needed, options, refuse, count)
    kept = part != Part.LEFT_OUT
    shard, part = shard.take(kept), part[kept]
    trained = part == Part.TRAIN
    if options.train_on_validation:
        trained |= part == Part.VALIDATION
    return Divided(shard, part, trained)


Rule = Callable[[Shard, InteractionOptions, bool], tuple[np.ndarray, np.ndarray]]
"""Gives `[n]` one of `Part`, and `[n_users]` how many interactions a user needs for that."""


def _last_out(
    shard: Shard, options: InteractionOptions, given: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The last `held_out` interactions test, those before validate; only these if test is given."""
    from_last, held = _from_last(shard), options.held_out
    bounds = [held] if given else [held, 2 * held]
    names = [Part.VALIDATION, Part.TRAIN] if given else [Part.TEST, Part.VALIDATION, Part.TRAIN]
    part = np.array(names, dtype=np.int8)[np.searchsorted(bounds, from_last, side="right")]
    return part, np.full(len(shard.users), bounds[-1] + 1)


def _from_last(shard: Shard) -> np.ndarray:
    """Returns how many of the user's interactions come after each one, without the given ones."""
    starts = np.cumsum(shard.sizes) - shard.sizes
    return (starts + _log_sizes(shard))[shard.user] - 1 - np.arange(len(shard))


def _log_sizes(shard: Shard) -> np.ndarray:
    return np.bincount(shard.user[~shard.given], minlength=len(shard.users))


def _by_time(
    shard: Shard, options: InteractionOptions, given: bool
) -> tuple[np.ndarray, np.ndarray]:
    """From `validation_from` on an interaction validates, from `test_from` on it tests."""
    del given  # A log that is cut by time is one log.
    cuts = [options.validation_from, options.test_from]
    parts = np.array([Part.TRAIN, Part.VALIDATION, Part.TEST], dtype=np.int8)
    part = parts[np.searchsorted(cuts, shard.time, side="right")]
    return part, np.zeros(len(shard.users), dtype=np.int64)


def _by_user(
    shard: Shard, options: InteractionOptions, given: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The last `held_out` interactions of a share of the users; their others are left out."""
    del given  # As above.
    buckets = np.array([hashing.bucket(user, 100) for user in shard.users.to_pylist()], np.int64)
    bounds = [options.validation_share, options.validation_share + options.test_share]
    parts = np.array([Part.VALIDATION, Part.TEST, Part.TRAIN], dtype=np.int8)
    of_user = parts[np.searchsorted(bounds, buckets, side="right")]
    part = of_user[shard.user]
    early = (part != Part.TRAIN) & (_from_last(shard) >= options.held_out)
    part[early] = Part.LEFT_OUT
    return part, np.where(of_user == Part.TRAIN, 0, options.held_out)


def _by_impression(
    shard: Shard, options: InteractionOptions, given: bool
) -> tuple[np.ndarray, np.ndarray]:
    """A share of all interactions each, by the hash of user, item and seed."""
    del given  # As above.
    users = hashing.seeds(shard.users.to_pylist(), b"%d:user:" % options.seed)
    items = hashing.seeds(shard.items.to_pylist(), b"%d:item:" % options.seed)
    place = 100 * hashing.uniform(hashing.mix(users[shard.user] ^ hashing.mix(items[shard.item])))
    bounds = [options.validation_share, options.validation_share + options.test_share]
    parts = np.array([Part.VALIDATION, Part.TEST, Part.TRAIN], dtype=np.int8)
    part = parts[np.searchsorted(bounds, place, side="right")]
    return part, np.zeros(len(shard.users), dtype=np.int64)


RULES: Mapping[SplitRule, Rule] = {
    SplitRule.LEAVE_LAST_OUT: _last_out,
    SplitRule.TIME: _by_time,
    SplitRule.USER: _by_user,
    SplitRule.IMPRESSION: _by_impression,
}


def _short(
    shard: Shard,
    part: np.ndarray,
    needed: np.ndarray,
    options: InteractionOptions,
    refuse: Refuse,
    count: Count,
) -> np.ndarray:
    """Returns the parts after the policy about users with fewer interactions than needed."""
    early = int((part == Part.LEFT_OUT).sum())
    if early:
        count("earlier interactions of held-out users dropped", early)
    sizes = _log_sizes(shard)
    short = (sizes < needed)[shard.user]
    if not short.any():
        return part
    users, first = np.unique(shard.user[short], return_index=True)
    name = "users with too few interactions to hold some out"
    if options.short_users is ShortUsers.TRAIN:
        count(f"{name}, trained on", len(users))
        return np.where(short & ~shard.given, np.int8(Part.TRAIN), part)
    if options.short_users is ShortUsers.DROP:
        count(f"{name}, dropped", len(users))
    else:
        for user, row in zip(users, np.flatnonzero(short)[first].tolist(), strict=True):
            reason = (
                f"user {shard.user_of(row)} has {sizes[user]} interactions to divide, expected at"
                f" least {needed[user]}"
            )
            refuse(shard.refusal(row, reason))
    return np.where(short, np.int8(Part.LEFT_OUT), part)
