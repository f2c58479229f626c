"""The perfect hash of an exported table: each key its own slot, and nobody else's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from models.sparse import FrozenTable
from models.sparse import create_table
from models.sparse import perfect
from models.sparse import sparse_lookup
from models.sparse.perfect import PerfectHash

FEW = np.arange(-3, 3)
LOWEST, HIGHEST = -(2**63) + 2, 2**63 - 1
"""The keys that ids can have; see `models.sparse.index.keys_of`."""


def random_keys(count: int, seed: int = 1) -> np.ndarray:
    return np.unique(np.random.default_rng(seed).integers(LOWEST, HIGHEST, count))


SETS = {
    "none": np.zeros(0, np.int64),
    "zero": np.array([0]),
    "minus one": np.array([-1]),
    "the ends": np.array([LOWEST, -1, 0, 1, HIGHEST]),
    "random": random_keys(20_000),
    "consecutive": np.arange(-10_000, 10_000),
    "multiples of 2^32": np.arange(-10_000, 10_000) * 2**32,
    "high bits alone": np.arange(-(2**14) + 1, 2**14) * 2**49,
    "two fields": (np.arange(150)[:, np.newaxis] * 2**40 + np.arange(150)).ravel(),
    "one or two bits": np.unique([1 << i | 1 << j for i in range(63) for j in range(63)]),
}


@pytest.mark.parametrize("name", SETS)
def test_each_key_has_a_slot_of_its_own_and_others_have_none(name: str) -> None:
    keys = SETS[name]
    index = PerfectHash(keys)
    slots = index.slots(tf.constant(keys)).numpy()
    assert index.n_slots <= len(keys) / perfect.LOAD + 3
    assert len(set(slots)) == len(keys)
    assert perfect.NOBODY not in slots
    # Each differs from a key in one bit, or is drawn; the seeds of all buckets are met.
    near = [keys ^ np.int64(1 << bit) for bit in range(63)]
    others = np.setdiff1d(np.concatenate([*near, random_keys(10_000, seed=2), FEW]), keys)
    assert not set(slots) & set(index.slots(tf.constant(others)).numpy())


def test_the_same_keys_have_the_same_slots() -> None:
    keys = random_keys(1000)
    one, again = (PerfectHash(keys).slots(tf.constant(keys)) for _ in range(2))
    np.testing.assert_array_equal(one, again)


def test_other_factors_are_tried_where_no_seed_suits(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = np.arange(100)
    of_first = PerfectHash(keys)
    first = of_first.slots(tf.constant(keys)).numpy()
    monkeypatch.setattr(perfect, "SEEDS", int(of_first.seeds.numpy().max()))
    index = PerfectHash(keys)
    slots = index.slots(tf.constant(keys)).numpy()
    assert list(slots) != list(first)
    assert len(set(slots)) == len(keys)
    assert index.seeds.numpy().max() < 300


SETTINGS: list[dict[str, Any]] = [
    {},
    {"unknown": 0.5, "padding": 0},
    {"unknown": None, "padding": -1},
]


@pytest.mark.parametrize("lowest", [-(2**63), -(2**63) + 2])
@pytest.mark.parametrize("settings", [{}, {"padding": -(2**63)}], ids=str)
def test_the_lowest_ids_have_one_row(lowest: int, settings: dict[str, Any]) -> None:
    table = create_table("t", 3, device_vocabulary_size=10, **settings)
    sparse_lookup(table, tf.constant([lowest, 5]), train=True)
    ids = tf.constant([-(2**63) + i for i in range(4)] + [5, 6], tf.int64)
    found = sparse_lookup(FrozenTable(table), ids).numpy()
    np.testing.assert_array_equal(found, sparse_lookup(table, ids))
    assert (found[:3] == found[0]).all()
    assert (found[0] != found[3]).any() or settings


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("count", [0, 1, 500])
@pytest.mark.parametrize("text", [False, True])
def test_a_frozen_table_looks_up_as_the_table(
    text: bool, count: int, settings: dict[str, Any]
) -> None:
    def of_type(numbers: list[int]) -> list[str] | list[int]:
        return [str(number) for number in numbers] if text else numbers

    if text and "padding" in settings:
        settings = {**settings, "padding": str(settings["padding"])}
    kind = "string" if text else "int64"
    table = create_table("t", 3, key_type=kind, device_vocabulary_size=600, **settings)
    known = list(range(-(count // 2), count - count // 2))
    others = [-(2**63), -(2**63) + 2, 2**63 - 1, *range(300, 900), -1, 0]
    dtype = tf.string if text else tf.int64
    sparse_lookup(table, tf.constant(of_type(known), dtype), train=True)
    copy = FrozenTable(table)
    ids = tf.constant(of_type(known + others), dtype)
    found = sparse_lookup(copy, ids)
    np.testing.assert_array_equal(found, sparse_lookup(table, ids))
    np.testing.assert_array_equal(sparse_lookup(copy, ids, train=True), found)
