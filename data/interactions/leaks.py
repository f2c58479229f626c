"""The check that nothing which is held out is trained on, and that training comes before."""

from __future__ import annotations

import numpy as np

from data.errors import InputError
from data.interactions.kinds import SplitRule
from data.interactions.options import InteractionOptions
from data.interactions.shard import Shard
from data.interactions.splitting import Divided
from data.interactions.splitting import Part

NAMES = {Part.TRAIN: "training", Part.VALIDATION: "validation", Part.TEST: "test"}


def check(divided: Divided, options: InteractionOptions) -> None:
    """Raises InputError where a split knows what it must not know.

    That is a pair of user and item in two parts; with `split = "leave_last_out"` a training
    interaction later than a held-out one of the user; with "time" one at or after the time from
    which on interactions are held out; with "user" a user in two parts. With
    `train_on_validation` a validation interaction is a training one, but only test is held out
    from it.
    """
    _pairs(divided)
    if options.split is SplitRule.LEAVE_LAST_OUT:
        for held in (Part.VALIDATION, Part.TEST):
            _later(divided, held)
    if options.split is SplitRule.TIME:
        _after_cut(divided, options)
    if options.split is SplitRule.USER:
        _users(divided)


def _pairs(divided: Divided) -> None:
    shard, part = divided.shard, divided.part
    pairs = shard.pairs
    order = np.lexsort((part, pairs))
    again = (pairs[order][1:] == pairs[order][:-1]) & (part[order][1:] != part[order][:-1])
    if again.any():
        first = int(np.argmax(again))
        before, held = int(order[first]), int(order[first + 1])
        raise InputError(
            f"examples: leak: user {shard.user_of(held)}, item {shard.item_of(held)}: held out for"
            f" {_name(divided, held)} ({_when(shard, held)}) and also a"
            f" {_name(divided, before)} interaction ({_when(shard, before)})"
        )


def _later(divided: Divided, held: Part) -> None:
    """Looks for a user's training interaction after the first one held out for a part."""
    shard = divided.shard
    seen = _training_for(divided, held)
    last = np.full(len(shard.users), -np.inf)
    np.maximum.at(last, shard.user[seen], shard.time[seen])
    known = ~shard.given | (shard.time != 0)  # a file of test interactions may lack times
    late = (divided.part == held) & known & (shard.time < last[shard.user])
    if late.any():
        row = int(np.argmax(late))
        same = seen & (shard.user == shard.user[row])
        _refuse_later(divided, int(np.flatnonzero(same & (shard.time > shard.time[row]))[0]), row)


def _refuse_later(divided: Divided, trained: int, held: int) -> None:
    shard = divided.shard
    raise InputError(
        f"examples: leak: user {shard.user_of(held)}: item {shard.item_of(trained)} is trained on"
        f" ({_when(shard, trained)}), but is later than item {shard.item_of(held)}, which is held"
        f" out for {_name(divided, held)} ({_when(shard, held)})"
    )


def _after_cut(divided: Divided, options: InteractionOptions) -> None:
    shard = divided.shard
    cuts = {Part.VALIDATION: options.validation_from, Part.TEST: options.test_from}
    for held, cut in cuts.items():
        late = _training_for(divided, held) & ~(shard.time < cut)
        if late.any():
            row = int(np.argmax(late))
            raise InputError(
                f"examples: leak: user {shard.user_of(row)}: item {shard.item_of(row)} is trained"
                f" on ({_when(shard, row)}), but {NAMES[held]} begins at time {cut:.15g}"
            )


def _users(divided: Divided) -> None:
    shard, part = divided.shard, divided.part
    mixed = (shard.user[1:] == shard.user[:-1]) & (part[1:] != part[:-1])
    if mixed.any():
        row = int(np.argmax(mixed))
        raise InputError(
            f"examples: leak: user {shard.user_of(row)} is in two splits:"
            f" {_name(divided, row)} (item {shard.item_of(row)}, {_when(shard, row)}) and"
            f" {_name(divided, row + 1)} (item {shard.item_of(row + 1)}, {_when(shard, row + 1)})"
        )


def _training_for(divided: Divided, held: Part) -> np.ndarray:
    """Returns which interactions are trained on before a model is judged by a part."""
    return divided.trained if held is Part.TEST else divided.part == Part.TRAIN


def _name(divided: Divided, row: int) -> str:
    return NAMES[Part(int(divided.part[row]))]


def _when(shard: Shard, row: int) -> str:
    return f"time {shard.time[row]:.15g}, {shard.origin(row)}"
