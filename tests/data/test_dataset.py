"""The input pipelines: every list, in which order, cut and padded how."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from data import dataset
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.transformed import MASK
from data.transformed import NUMERIC
from data.transformed import TRANSFORM_SUFFIX
from data.transformed import TransformedSpec

SPEC = FeatureSpec((Feature("x"), Feature("y")), weight="w")
TRANSFORMED = TransformedSpec(SPEC, {})
SIZES = (2, 5, 1, 3, 4)
NAME = NUMERIC[Scope.DOCUMENT]


def example(number: int, size: int) -> bytes:
    """List `number`: x is the list's number, y the place, the label the place, the weight 2."""
    columns = {
        NAME: [value for place in range(size) for value in (number, place)],
        "label": range(size),
        "w": [2.0] * size,
    }
    features = {
        name + TRANSFORM_SUFFIX: tf.train.Feature(float_list=tf.train.FloatList(value=values))
        for name, values in columns.items()
    }
    found = tf.train.Example(features=tf.train.Features(feature=features))
    return bytes(found.SerializeToString(deterministic=True))


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Lists 0 to 2 in one file and the rest in another."""
    paths = [str(tmp_path / name) for name in ("first.gz", "second.gz")]
    for path, numbers in zip(paths, (range(3), range(3, 5)), strict=True):
        with tf.io.TFRecordWriter(path, "GZIP") as writer:
            for number in numbers:
                writer.write(example(number, SIZES[number]))
    return paths


def numbers(batches: tf.data.Dataset) -> list[list[int]]:
    """The lists of each batch."""
    return [inputs[NAME][:, 0, 0].numpy().astype(int).tolist() for inputs, _, _ in batches]


def training(files: list[str], *, seed: int = 1, list_size: int | None = None) -> tf.data.Dataset:
    return dataset.training(files, TRANSFORMED, batch_size=2, list_size=list_size, seed=seed)


def test_validation_sees_every_list_once_whole_and_in_order(files: list[str]) -> None:
    batches = dataset.validation(files, TRANSFORMED, batch_size=2)
    assert numbers(batches) == [[0, 1], [2, 3], [4]]
    sizes = [inputs[MASK].numpy().sum(axis=1).tolist() for inputs, _, _ in batches]
    assert sizes == [[2, 5], [1, 3], [4]]
    assert numbers(batches) == [[0, 1], [2, 3], [4]]


def test_labels_and_weights_are_padded_where_there_is_no_document(files: list[str]) -> None:
    inputs, labels, weights = next(iter(dataset.validation(files, TRANSFORMED, batch_size=2)))
    assert labels.numpy().tolist() == [[0, 1, -1, -1, -1], [0, 1, 2, 3, 4]]
    assert weights.numpy().tolist() == [[2, 2, 0, 0, 0], [2, 2, 2, 2, 2]]
    assert inputs[MASK].numpy().tolist() == (labels.numpy() >= 0).tolist()
    assert inputs[NAME].shape == (2, 5, 2)


def test_without_a_weight_column_there_are_no_weights(files: list[str]) -> None:
    unweighted = TransformedSpec(dataclasses.replace(SPEC, weight=""), {})
    batch = next(iter(dataset.validation(files, unweighted, batch_size=2)))
    assert len(batch) == 2


def test_an_epoch_of_training_has_every_list_once(files: list[str]) -> None:
    batches = training(files)
    epochs = [sorted(n for batch in numbers(batches) for n in batch) for _ in range(3)]
    assert epochs == [[0, 1, 2, 3, 4]] * 3
    assert [len(batch) for batch in numbers(batches)] == [2, 2, 1]


def test_the_seed_alone_fixes_the_order_of_every_epoch(files: list[str]) -> None:
    one, same, other = training(files), training(files), training(files, seed=2)
    orders = [[numbers(batches) for _ in range(6)] for batches in (one, same, other)]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert len({str(order) for order in orders[0]}) > 1


@pytest.mark.parametrize("list_size", [2, 7])
def test_training_lists_have_the_size_asked_for(files: list[str], list_size: int) -> None:
    for inputs, labels, weights in training(files, list_size=list_size):
        assert labels.shape[1] == weights.shape[1] == inputs[MASK].shape[1] == list_size
        for row, number in zip(labels.numpy(), inputs[NAME][:, 0, 0].numpy(), strict=True):
            kept = min(SIZES[int(number)], list_size)
            assert row.tolist() == [*range(kept), *[-1] * (list_size - kept)]


def test_files_are_read_in_order(files: list[str]) -> None:
    expected = [example(number, size) for number, size in enumerate(SIZES)]
    assert list(dataset.read(files).as_numpy_iterator()) == expected
    assert np.array_equal(list(dataset.read(files[1:]).as_numpy_iterator()), expected[3:])
