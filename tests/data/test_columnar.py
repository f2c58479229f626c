"""The wire format: what is stored comes back, list by list and in any batch."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from data import columnar
from data.features import Feature
from data.features import Scope
from data.lists import Lists
from tests.samples import SPEC
from tests.samples import draw
from tests.samples import rows_of
from tests.samples import stored

SIZES = (3, 1, 5)
LABELS = ("grade", "importance")
DOCUMENT = [f for f in SPEC.raw if f.scope is Scope.DOCUMENT]


def parse(serialized: list[bytes]) -> columnar.Tensors:
    return columnar.parse(tf.constant(serialized, tf.string), SPEC.raw, labels=LABELS)


def dense(lists: Lists, *, extra: int = 0) -> dict[str, tf.Tensor]:
    """The padded tensors of a list, one by one; padding is never 0 or empty."""
    longest = max(lists.sizes.tolist()) + extra
    starts = np.cumsum(lists.sizes) - lists.sizes
    found = {columnar.LIST_SIZE: tf.constant(lists.sizes)}
    for f in SPEC.raw:
        column = lists.values[f.name]
        if f.scope is Scope.DOCUMENT:
            padding = b"padding" if column.dtype == object else -9
            padded = np.full((len(lists), longest, f.width), padding, column.dtype)
            for i, (start, size) in enumerate(zip(starts, lists.sizes, strict=True)):
                padded[i, :size] = column[start : start + size]
            column = padded
        found[f.name] = tf.constant(column.tolist(), columnar.TF_DTYPES[f.dtype])
    return found


def assert_same(found: columnar.Tensors, expected: columnar.Tensors) -> None:
    for f in SPEC.raw:
        one, other = found[f.name], expected[f.name]
        assert one.dtype == other.dtype, f.name
        assert one.shape.rank == other.shape.rank, f.name
        if f.scope is Scope.DOCUMENT:
            assert one.row_splits.dtype == tf.int64
            assert one.row_splits.numpy().tolist() == other.row_splits.numpy().tolist(), f.name
            one, other = one.flat_values, other.flat_values
        assert one.numpy().tolist() == other.numpy().tolist(), f.name


def test_what_is_stored_comes_back() -> None:
    lists = draw(SIZES)
    found = parse(stored(lists))
    for name, rows in rows_of(found, SPEC.raw).items():
        assert rows.tolist() == lists.values[name].tolist(), name
    for name in LABELS:
        assert found[name].flat_values.numpy().tolist() == lists.values[name][:, 0].tolist()
    for f in DOCUMENT:
        assert found[f.name].row_lengths().numpy().tolist() == list(SIZES), f.name
        assert found[f.name].shape.as_list() == [3, None] + ([f.width] if f.width > 1 else [])
    for f in SPEC.select(Scope.CONTEXT, categorical=False):
        assert found[f.name].shape.as_list() == [3, f.width]


def test_one_list_at_a_time_equals_the_batch() -> None:
    serialized = stored(draw(SIZES))
    batch = parse(serialized)
    for i, one in enumerate(serialized):
        assert_same(parse([one]), {name: column[i : i + 1] for name, column in batch.items()})


def test_a_list_without_documents_is_empty_in_each_column() -> None:
    found = parse(stored(draw((0, 2, 0))))
    assert {f.name: found[f.name].row_lengths().numpy().tolist() for f in DOCUMENT} == {
        f.name: [0, 2, 0] for f in DOCUMENT
    }


def test_an_empty_batch_has_the_shapes_of_any_other() -> None:
    found = parse([])
    for f in SPEC.raw:
        assert found[f.name].shape[0] == 0
        if f.scope is Scope.DOCUMENT:
            if found[f.name].dtype != tf.string:
                assert columnar.to_dense(found[f.name]).shape.as_list()[:2] == [0, 0]
            assert columnar.mask_of(found[f.name]).shape.as_list() == [0, 0]


def test_a_missing_context_value_is_refused() -> None:
    lists = draw((1,))
    [serialized] = stored(lists)
    example = tf.train.Example.FromString(serialized)
    del example.features.feature["age"]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"Feature: age .* is required"):
        parse([example.SerializeToString()])


def test_a_suffix_names_the_stored_document_columns() -> None:
    lists = draw((2,))
    [serialized] = stored(lists)
    example = tf.train.Example.FromString(serialized)
    features = example.features.feature
    for name in [f.name for f in DOCUMENT] + list(LABELS):
        features[f"{name}$x"].CopyFrom(features[name])
        del features[name]
    found = columnar.parse(
        tf.constant([example.SerializeToString()]), SPEC.raw, labels=LABELS, suffix="$x"
    )
    assert_same(found, parse([serialized]))
    assert found["grade"].flat_values.numpy().tolist() == lists.values["grade"][:, 0].tolist()


def test_flat_rows_become_the_parsed_lists() -> None:
    lists = draw((2, 0, 3))
    flat = {
        f.name: tf.constant(lists.values[f.name].tolist(), columnar.TF_DTYPES[f.dtype])
        for f in SPEC.raw
    }
    found = columnar.from_flat(flat, tf.constant(lists.sizes), SPEC.raw)
    assert_same(found, parse(stored(lists)))


@pytest.mark.parametrize("extra", [0, 2])
def test_padded_tensors_become_the_parsed_lists(extra: int) -> None:
    lists = draw((2, 1, 3))
    assert_same(columnar.from_dense(dense(lists, extra=extra), SPEC.raw), parse(stored(lists)))


def test_padding_fills_or_cuts_to_the_list_size() -> None:
    column = tf.ragged.constant([[1.0], [], [2.0, 3.0, 4.0]])
    assert columnar.to_dense(column).numpy().tolist() == [[1, 0, 0], [0, 0, 0], [2, 3, 4]]
    assert columnar.to_dense(column, list_size=2, padding=-1).numpy().tolist() == [
        [1, -1],
        [-1, -1],
        [2, 3],
    ]
    assert columnar.mask_of(column).numpy().sum(axis=1).tolist() == [1, 0, 3]
    for size in (2, 5):
        found = columnar.mask_of(column, list_size=size).numpy()
        assert found.tolist() == [[place < n for place in range(size)] for n in (1, 0, 3)]


def test_several_values_a_document_are_padded_together() -> None:
    rows = tf.reshape(tf.range(6.0), [3, 2])
    like = tf.ragged.constant([[0], [0, 0]], row_splits_dtype=tf.int64)
    column = columnar.to_ragged(rows, like)
    assert columnar.to_dense(column).numpy().tolist() == [
        [[0, 1], [0, 0]],
        [[2, 3], [4, 5]],
    ]
    assert columnar.to_rows(column, 2).numpy().tolist() == rows.numpy().tolist()


def test_single_values_lose_their_inner_dimension() -> None:
    like = tf.ragged.constant([[0], [0, 0]], row_splits_dtype=tf.int64)
    column = columnar.to_ragged(tf.constant([[1], [2], [3]]), like)
    assert column.to_list() == [[1], [2, 3]]


def test_a_width_that_the_values_do_not_fill_is_refused() -> None:
    pair = Feature("pair", width=2)
    example = tf.train.Example()
    example.features.feature["pair"].float_list.value.extend([1, 2, 3])
    with pytest.raises(tf.errors.InvalidArgumentError):
        columnar.parse(tf.constant([example.SerializeToString()]), [pair])
