"""Documents as rows and at their places."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.places import Places

MASK = np.array([[True, True, False], [False, False, False], [True, False, False]])
VALUES = np.arange(18, dtype=np.float32).reshape(3, 3, 2)


def test_rows_are_the_documents() -> None:
    places = Places(tf.constant(MASK), static=False)
    assert places.is_document is None
    assert np.array_equal(places.rows(tf.constant(VALUES)), VALUES[MASK])


def test_with_static_shapes_rows_are_all_places() -> None:
    places = Places(tf.constant(MASK), static=True)
    assert places.is_document is not None
    assert np.array_equal(places.is_document, MASK.ravel())
    assert np.array_equal(places.rows(tf.constant(VALUES)), VALUES.reshape(9, 2))


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16, tf.float16])
def test_rows_go_back_to_their_places(static: bool, dtype: tf.DType) -> None:
    places = Places(tf.constant(MASK), static=static)
    found = places.lists(places.rows(tf.constant(VALUES, dtype)))
    assert found.dtype == dtype
    assert found.shape.as_list() == [3, 3, 2]
    assert np.array_equal(tf.cast(found, tf.float32), np.where(MASK[..., None], VALUES, 0))


@pytest.mark.parametrize("static", [False, True])
def test_what_a_list_has_is_repeated_for_its_rows(static: bool) -> None:
    places = Places(tf.constant(MASK), static=static)
    found = places.lists(places.spread(tf.constant([[1.0], [2.0], [3.0]])))[..., 0]
    assert np.array_equal(found, np.where(MASK, [[1.0], [2.0], [3.0]], 0))


@pytest.mark.parametrize("static", [False, True])
def test_a_batch_may_have_no_documents(static: bool) -> None:
    places = Places(tf.zeros([2, 3], tf.bool), static=static)
    rows = places.rows(tf.zeros([2, 3, 4]))
    assert rows.shape.as_list() == [6 if static else 0, 4]
    assert places.spread(tf.zeros([2, 5])).shape.as_list() == [6 if static else 0, 5]
    assert not np.any(places.lists(rows))
