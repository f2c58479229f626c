"""Which row of a table becomes which, and what is hashed where."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.training.warm import NewRows
from models.warm.rows import NEW
from models.warm.rows import move
from models.warm.rows import renumber

OLD, LATER = [b"a", b"b", b"c"], [b"c", b"x", b"a", b"y"]


def test_values_are_found_where_they_were() -> None:
    found = renumber(OLD, LATER, oov_buckets=1)
    assert found.places.tolist() == [2, NEW, 0, NEW]
    assert (found.before, found.kept, found.buckets.tolist()) == (3, 2, [0, 0, 0, 0])


@pytest.mark.parametrize("kind", [tf.string, tf.int64])
def test_buckets_are_those_of_transform(kind: tf.DType) -> None:
    values = [b"%d" % n for n in range(40)]
    known = tf.constant([b"100"])
    table = tf.lookup.StaticVocabularyTable(
        tf.lookup.KeyValueTensorInitializer(
            known if kind is tf.string else tf.constant([100], tf.int64), [0], value_dtype=tf.int64
        ),
        num_oov_buckets=5,
        lookup_key_dtype=kind,
    )
    given = tf.constant(values) if kind is tf.string else tf.range(40, dtype=tf.int64)
    found = renumber([b"100"], values, oov_buckets=5)
    assert found.buckets.tolist() == (table.lookup(given) - 1).numpy().tolist()


@pytest.mark.parametrize(
    ("new_rows", "expected"),
    [(NewRows.UNKNOWN, [4, 4]), (NewRows.MEAN, [2, 2]), (NewRows.INITIAL, [-4, -6])],
)
def test_rows_go_where_their_values_went(new_rows: NewRows, expected: list[float]) -> None:
    """Row 0 is nobody's; then come column `s`, which stays, and three words with an unknown."""
    old = np.array([[0.0], [10], [11], [1], [2], [3], [4]])
    fresh = -np.arange(8.0)[:, np.newaxis]
    moved = move(
        old,
        fresh,
        {"s": 1, "w": 3},
        {"s": 1, "w": 3},
        vocabularies={"w": renumber(OLD, LATER, oov_buckets=1)},
        new_rows=new_rows,
    )
    assert moved[:, 0].tolist() == [0, 10, 11, 3, expected[0], 1, expected[1], 4]


def test_without_a_row_for_unknown_values_new_ones_begin_with_zeros() -> None:
    fresh = np.ones([3, 1])
    changes = {"w": renumber([b"a"], [b"x", b"a"], oov_buckets=0)}
    moved = move(
        np.array([[0.0], [5]]),
        fresh,
        {"w": 1},
        {"w": 1},
        vocabularies=changes,
        new_rows=NewRows.UNKNOWN,
    )
    assert moved[:, 0].tolist() == [0, 0, 5]


def test_columns_that_come_after_move_along() -> None:
    """The two columns of one table share their rows."""
    old, fresh = np.arange(6.0), -np.ones(8)
    moved = move(
        old,
        fresh,
        {"w": 1, "s": 3, "t": 3},
        {"w": 1, "s": 5, "t": 5},
        vocabularies={"w": renumber([b"a"], [b"x", b"y", b"a"], oov_buckets=1)},
        new_rows=NewRows.INITIAL,
    )
    assert moved.tolist() == [0, -1, -1, 1, 2, 3, 4, 5]
