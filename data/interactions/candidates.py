"""The negatives of validation and test lists: drawn, or taken from a given file.

Items are numbers here, indices into the catalogue. A draw depends on the list's own seed and the
catalogue only: not on the other lists, their order, or who draws.
"""

from __future__ import annotations

import numpy as np

from data import hashing

TURNS = 8
"""How often lists that are still too short draw again, before the rest is found by sorting."""
_AT_ONCE = 1 << 20
"""How many numbers are drawn, or items sorted, at a time."""


def draw(
    seeds: np.ndarray,
    excluded: tuple[np.ndarray, np.ndarray],
    *,
    number: int,
    weights: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Draws items without replacement within a list.

    One after the other, each in proportion to its weight among those that are left. Items of
    weight 0 come only when no others are left, and fewer than `number` only when none are left.

    Args:
      seeds: `[n]` uint64, one for each list.
      excluded: Pairs of list and item that are not drawn, `[m]` each, lists ascending.
      number: How many to draw for each list.
      weights: `[n_items]` 0 or more.

    Returns:
      The list and the item of each draw, list after list, in the order of the draws.
    """
    at_once = max(1, _AT_ONCE // _block(number))
    found = [np.zeros(0, dtype=np.int64)]
    if not len(weights):
        return found[0], found[0]
    for start in range(0, len(seeds), at_once):
        part = slice(start, start + at_once)
        own = slice(*np.searchsorted(excluded[0], [start, start + at_once]))
        keys = (excluded[0][own] - start) * len(weights) + excluded[1][own]
        found.append(start * len(weights) + _draw(seeds[part], np.unique(keys), number, weights))
    lists, items = np.divmod(np.concatenate(found), len(weights))
    return lists, items


def _block(number: int) -> int:
    """Returns how many are drawn for a list in one turn: some are drawn twice or excluded."""
    return number + number // 4 + 8


def _draw(seeds: np.ndarray, taken: np.ndarray, number: int, weights: np.ndarray) -> np.ndarray:
    """Returns `list * n_items + item` for each draw; `taken` (sorted) is excluded, likewise."""
    n_items, block = len(weights), _block(number)
    left = n_items - np.bincount(taken // n_items, minlength=len(seeds))
    missing = np.minimum(number, left)
    bounds = np.cumsum(weights)
    found = []
    for turn in range(TURNS if bounds[-1] > 0 else 0):
        short = np.flatnonzero(missing)
        if not len(short):
            break
        places = np.arange(turn * block, (turn + 1) * block).astype(np.uint64)
        uniform = hashing.uniform(hashing.mix(seeds[short, np.newaxis] + places))
        items = np.searchsorted(bounds, uniform * bounds[-1], side="right")
        drawn = (short[:, np.newaxis] * n_items + items).reshape(-1)
        fresh = first_new(taken, drawn)
        fresh = fresh[_places(fresh // block) < missing[short][fresh // block]]
        found.append(drawn[fresh])
        taken = np.concatenate([taken, found[-1]])
        missing = missing - np.bincount(found[-1] // n_items, minlength=len(seeds))
    found.append(_sorted_rest(seeds, taken, missing, weights))
    drawn = np.concatenate(found)
    return drawn[np.argsort(drawn // n_items, kind="stable")]


def _sorted_rest(
    seeds: np.ndarray, taken: np.ndarray, missing: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Returns what is missing: the items with the least `Exp(1) / weight`.

    That is the same as drawing one after the other (Efraimidis and Spirakis, 2006).
    """
    n_items = len(weights)
    found = [np.zeros(0, dtype=np.int64)]
    short = np.flatnonzero(missing)
    at_once = max(1, _AT_ONCE // n_items)
    for start in range(0, len(short), at_once):
        lists = short[start : start + at_once]
        places = np.uint64(1 << 32) + np.arange(n_items).astype(np.uint64)  # drawn by no turn
        random = -np.log1p(-hashing.uniform(hashing.mix(seeds[lists, np.newaxis] + places)))
        with np.errstate(divide="ignore"):
            keys = random / weights
        owner = np.searchsorted(lists, taken // n_items)
        inside = (owner < len(lists)) & (lists[owner % len(lists)] == taken // n_items)
        excluded = np.zeros(keys.shape, dtype=bool)
        excluded[owner[inside], taken[inside] % n_items] = True
        order = np.lexsort((random, keys, excluded))
        chosen = np.arange(n_items) < missing[lists, np.newaxis]
        found.append((lists[:, np.newaxis] * n_items + order)[chosen])
    return np.concatenate(found)


def first_new(taken: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Returns the ascending positions of keys that come first and are not taken.

    >>> first_new(np.array([7]), np.array([5, 7, 5, 6]))
    array([0, 3])
    """
    first = np.unique(np.concatenate([taken, keys]), return_index=True)[1] - len(taken)
    return np.sort(first[first >= 0])


def _places(owners: np.ndarray) -> np.ndarray:
    """Returns each element's place among those of its owner; owners are ascending."""
    return np.arange(len(owners)) - np.searchsorted(owners, owners)
