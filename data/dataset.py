"""The input pipelines of training and validation, over transformed lists."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from data import columnar
from data import transformed as transformed_lib
from data.transformed import TransformedSpec

LABEL_PADDING = -1.0
"""The label in places without a document, which TF-Ranking's losses leave out."""

Inputs = dict[str, tf.Tensor]
Batch = tuple[Inputs, tf.Tensor] | tuple[Inputs, tf.Tensor, tf.Tensor]
"""Model inputs, labels `[batch_size, list_size]` and, where the spec names them, weights alike."""


def read(files: Sequence[str]) -> tf.data.Dataset:
    """Returns the serialized lists of gzipped TFRecord files, in the order of the files."""
    return tf.data.TFRecordDataset(list(files), compression_type="GZIP")


def training(
    files: Sequence[str],
    transformed: TransformedSpec,
    *,
    batch_size: int,
    list_size: int | None,
    seed: int,
) -> tf.data.Dataset:
    """One epoch of training batches, shuffled anew each time over all lists.

    The serialized lists are kept in memory: they are small, and parsing them again costs about a
    microsecond per document.

    Args:
      files: Transformed examples.
      transformed: Their shapes.
      batch_size: Lists per batch; the last batch may be smaller.
      list_size: Documents per list, longer lists are cut; None pads to the batch's longest list.
      seed: Fixes the order.
    """
    lists = read(files).cache()
    lists = lists.shuffle(100_000, seed=seed, reshuffle_each_iteration=True).batch(batch_size)
    return _batches(lists, transformed, list_size)


def validation(
    files: Sequence[str], transformed: TransformedSpec, *, batch_size: int
) -> tf.data.Dataset:
    """Every list once and whole, in the order of the files."""
    return _batches(read(files).batch(batch_size), transformed, None).cache()


def _batches(
    lists: tf.data.Dataset, transformed: TransformedSpec, list_size: int | None
) -> tf.data.Dataset:
    def to_batch(serialized: tf.Tensor) -> Batch:
        tensors = transformed_lib.parse(serialized, transformed)
        inputs = transformed_lib.to_model_inputs(tensors, transformed, list_size=list_size)
        spec = transformed.spec
        labels = columnar.to_dense(tensors[spec.label], list_size=list_size, padding=LABEL_PADDING)
        if not spec.weight:
            return inputs, labels
        return inputs, labels, columnar.to_dense(tensors[spec.weight], list_size=list_size)

    return lists.map(to_batch, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
