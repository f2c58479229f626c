"""What holds for the answers of any model that ranks lists, whatever it has learned."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial

import numpy as np
import tensorflow as tf

from data.errors import InputError
from data.features import ACROSS_LIST
from data.lists import Lists
from models import recommend
from models import serving
from models.checks.served import FORMS
from models.checks.served import Served
from models.checks.served import raw
from models.checks.served import turned
from models.checks.served import users
from models.recommend import RECOMMEND
from models.recommend import RECOMMEND_RAW
from models.serving import SCORES

PADDING = 7
"""How many places the padding check adds."""
MOST_ITEMS = 10_000
"""How many of a catalogue's items are looked at."""
FEW = 10

Check = Callable[[Served, Lists, float], Iterator[str]]
"""Yields a line for each rule that a model breaks, given lists and the tolerance."""


def finite(served: Served, lists: Lists, tolerance: float) -> Iterator[str]:
    """Every score is a finite number."""
    del tolerance
    for name in served.scoring:
        for place, row in zip(lists.origins, served.scores(name, lists), strict=True):
            if not np.isfinite(row).all():
                at = int(np.argmin(np.isfinite(row)))
                yield (
                    f"'{name}': {place}: document {at + 1}: found {row[at]}, expected a finite"
                    " number"
                )
                break


def signatures(served: Served, lists: Lists, tolerance: float) -> Iterator[str]:
    """All signatures give a document the same score."""
    expected = served.scores(serving.PREDICT, lists)
    for name in served.scoring:
        if name != serving.PREDICT:
            found = served.scores(name, lists)
            yield from _unequal(name, found, expected, lists, tolerance, serving.PREDICT)


def batch(served: Served, lists: Lists, tolerance: float) -> Iterator[str]:
    """A list has the scores alone that it has among longer and shorter ones."""
    number = np.arange(len(lists))
    for name in served.scoring:
        alone = [row for i in number for row in served.scores(name, lists.keep_lists(number == i))]
        found = served.scores(name, lists)
        yield from _unequal(name, found, alone, lists, tolerance, "each list alone")


def padding(served: Served, lists: Lists, tolerance: float) -> Iterator[str]:
    """What is in places without a document changes nothing."""
    expected = served.scores(serving.RAW, lists)
    found = served.scores(serving.RAW, lists, partial(raw, padding=PADDING))
    yield from _unequal(serving.RAW, found, expected, lists, tolerance, "less padding")


def permutation(served: Served, lists: Lists, tolerance: float) -> Iterator[str]:
    """In another order the documents of a list have the scores that they had."""
    rng = np.random.default_rng(0)
    starts = np.cumsum(lists.sizes) - lists.sizes
    orders = [rng.permutation(size) for size in lists.sizes.tolist()]
    order = np.concatenate([start + places for start, places in zip(starts, orders, strict=True)])
    for name in (serving.PREDICT, serving.RAW):
        before = served.scores(name, lists)
        expected = [row[places] for row, places in zip(before, orders, strict=True)]
        found = served.scores(name, turned(lists, order))
        yield from _unequal(name, found, expected, lists, tolerance, "another order")


def best_items(served: Served, lists: Lists, tolerance: float) -> Iterator[str]:
    """The items that a recommender finds come best first, with the scores that lists give them."""
    spec = served.spec
    across = any(not ACROSS_LIST.isdisjoint(feature.transform) for feature in spec.features)
    if RECOMMEND not in served.signatures or across:
        return
    asked = FORMS[serving.PREDICT](lists, spec)
    items, scores = _recommended(served, RECOMMEND, asked, len(lists), MOST_ITEMS)
    for place, ids, row in zip(lists.origins, items, scores, strict=True):
        if len(set(ids.tolist())) < len(ids):
            yield f"'{RECOMMEND}': {place}: an item is there twice"
            return
        if (np.diff(row) > 0).any():
            at = int(np.argmax(np.diff(row) > 0))
            yield f"'{RECOMMEND}': {place}: item {at + 2} has a higher score than the one before"
            return
    yield from _scored_alike(served, lists, tolerance, items, scores)
    _, few = _recommended(served, RECOMMEND, asked, len(lists), FEW)
    yield from _unequal(RECOMMEND, list(few), list(scores[:, :FEW]), lists, tolerance, "a larger k")
    if RECOMMEND_RAW in served.signatures:
        _, found = _recommended(served, RECOMMEND_RAW, users(lists, spec), len(lists), MOST_ITEMS)
        yield from _unequal(RECOMMEND_RAW, list(found), list(scores), lists, tolerance, RECOMMEND)


def logged(
    served: Served, records: Sequence[bytes], lists: Lists, tolerance: float
) -> Iterator[str]:
    """Requests as they were logged have finite scores: those of the path of training.

    Args:
      served: The model.
      records: The requests, serialized ELWCs.
      lists: The same, read as logs are.
      tolerance: How far apart two scores may be.
    """
    asked = {"examples": tf.constant(list(records), tf.string)}
    found = served.scores(serving.PREDICT, lists, lambda *_: asked)
    for place, row in zip(lists.origins, found, strict=True):
        if not np.isfinite(row).all():
            yield f"{place}: a score is no finite number"
            return
    expected = served.scores(serving.COLUMNAR, lists)
    yield from _unequal(serving.PREDICT, found, expected, lists, tolerance, serving.COLUMNAR)


def _recommended(
    served: Served, name: str, asked: dict[str, tf.Tensor], n: int, k: int
) -> tuple[np.ndarray, np.ndarray]:
    choice = {recommend.K: tf.constant(k), recommend.EXCLUDE_SEEN: tf.zeros([n], tf.bool)}
    answer = served.ask(name, {**asked, **choice})
    return answer[recommend.ITEMS], answer[SCORES]


def _scored_alike(
    served: Served, lists: Lists, tolerance: float, items: np.ndarray, scores: np.ndarray
) -> Iterator[str]:
    """Compares items with the documents of their id; others of the catalogue are in no list."""
    documents = np.split(lists.values[served.spec.document_id][:, 0], np.cumsum(lists.sizes)[:-1])
    found, expected = [], []
    for ids, mine, row, own in zip(
        items, scores, served.scores(serving.PREDICT, lists), documents, strict=True
    ):
        known = dict(zip(ids.tolist(), mine.tolist(), strict=True))
        # What is no item of the catalogue, or beyond the best of it, has nothing to compare with.
        found.append(np.array([known.get(i, s) for i, s in zip(own.tolist(), row, strict=True)]))
        expected.append(row)
    yield from _unequal(RECOMMEND, found, expected, lists, tolerance, serving.PREDICT)


def _unequal(
    name: str,
    found: Sequence[np.ndarray],
    expected: Sequence[np.ndarray],
    lists: Lists,
    tolerance: float,
    than: str,
) -> Iterator[str]:
    """Yields the first place where scores differ, if there is one."""
    for place, one, other in zip(lists.origins, found, expected, strict=True):
        if one.shape != other.shape:
            yield f"'{name}': {place}: found {len(one)} scores, {than} gives {len(other)}"
            return
        close = np.isclose(one, other, rtol=tolerance, atol=tolerance, equal_nan=True)
        if not close.all():
            at = int(np.argmin(close))
            yield (
                f"'{name}': {place}: place {at + 1}: found {one[at]:.6g}, {than} gives"
                f" {other[at]:.6g}"
            )
            return


CHECKS: Mapping[str, Check] = {
    "finite": finite,
    "signatures": signatures,
    "batch": batch,
    "padding": padding,
    "permutation": permutation,
    "recommend": best_items,
}
"""The checks that need lists, by name."""


def run(name: str, served: Served, lists: Lists, tolerance: float) -> list[str]:
    """Returns what a model breaks of one check, each line with the check's name."""
    try:
        found = list(CHECKS[name](served, lists, tolerance))
    except InputError as error:
        found = [str(error)]
    return [f"{name}: {line}" for line in found]
