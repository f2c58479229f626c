"""The wire format: one `tf.Example` per ranked list, one value per document in each column.

A document column holds `list_size * width` values, document after document; a context column
holds `width` values. This module alone spells the format, for writers, parsers and requests.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence

import tensorflow as tf

from data.features import DType
from data.features import Feature
from data.features import Scope

Tensors = dict[str, tf.Tensor | tf.RaggedTensor]

TF_DTYPES = {DType.FLOAT: tf.float32, DType.INT: tf.int64, DType.STRING: tf.string}


def parsing_spec(
    features: Iterable[Feature], *, labels: Iterable[str] = (), suffix: str = ""
) -> dict[str, tf.io.FixedLenFeature | tf.io.RaggedFeature]:
    """Returns what `tf.io.parse_example` needs to read stored lists.

    Args:
      features: The columns to read.
      labels: Float document columns beside them: label, tasks and weight.
      suffix: What the stored name of a document column has after the column's name.
    """
    spec = {feature.name: _parser(feature, suffix) for feature in features}
    for name in labels:
        spec[name] = _ragged(tf.float32, name + suffix)
    return spec


def _parser(feature: Feature, suffix: str) -> tf.io.FixedLenFeature | tf.io.RaggedFeature:
    dtype = TF_DTYPES[feature.dtype]
    if feature.scope is Scope.CONTEXT:
        return tf.io.FixedLenFeature([feature.width], dtype)
    if feature.width == 1:
        return _ragged(dtype, feature.name + suffix)
    per_document = tf.io.RaggedFeature.UniformRowLength(feature.width)
    return _ragged(dtype, feature.name + suffix, per_document)


def _ragged(dtype: tf.DType, key: str, *partitions: object) -> tf.io.RaggedFeature:
    # 64-bit splits are what Transform's graph is made for.
    return tf.io.RaggedFeature(dtype, key, partitions, row_splits_dtype=tf.int64)


def parse(
    serialized: tf.Tensor,
    features: Iterable[Feature],
    *,
    labels: Iterable[str] = (),
    suffix: str = "",
) -> Tensors:
    """Parses stored lists.

    Args:
      serialized: `[batch_size]` serialized `tf.Example`s, string.
      features: The columns to read.
      labels: Float document columns beside them.
      suffix: What the stored name of a document column has after the column's name.

    Returns:
      Context columns as `[batch_size, width]`; document columns as ragged
      `[batch_size, (list_size)]` or, with a width above 1, `[batch_size, (list_size), width]`.
    """
    features = tuple(features)
    parsed = dict(
        tf.io.parse_example(serialized, parsing_spec(features, labels=labels, suffix=suffix))
    )
    for feature in features:
        if feature.scope is Scope.DOCUMENT and feature.width > 1:
            column = parsed[feature.name]
            parsed[feature.name] = to_ragged(to_rows(column, feature.width), column)
    return parsed


def from_flat(
    flat: Mapping[str, tf.Tensor], sizes: tf.Tensor, features: Iterable[Feature]
) -> Tensors:
    """Puts flat document rows `[n_documents, width]` back into lists, as `parse` returns them."""
    found: Tensors = {}
    for feature in features:
        rows = flat[feature.name]
        if feature.scope is Scope.DOCUMENT:
            rows = to_ragged(rows, tf.RaggedTensor.from_row_lengths(rows, sizes, validate=False))
        found[feature.name] = rows
    return found


def to_ragged(rows: tf.Tensor, like: tf.RaggedTensor) -> tf.RaggedTensor:
    """Gives flat document rows the lists of another column.

    Args:
      rows: `[n_documents, width]`.
      like: Any ragged document column of the same lists.

    Returns:
      `[batch_size, (list_size)]`, or `[batch_size, (list_size), width]` with a width above 1.
    """
    # One ragged dimension and a dense inner one: TFT cannot save a graph that makes partitions of
    # uniform length.
    inner = rows if rows.shape[1] > 1 else tf.reshape(rows, [-1])
    return tf.RaggedTensor.from_row_splits(inner, like.row_splits, validate=False)


def to_rows(column: tf.RaggedTensor, width: int) -> tf.Tensor:
    """Returns the documents of a ragged column as flat rows `[n_documents, width]`."""
    return tf.reshape(column.flat_values, [-1, width])


def to_matrix(columns: Sequence[tf.Tensor]) -> tf.Tensor:
    """Puts numeric columns `[n, width]` side by side: `[n, sum of widths]`.

    >>> to_matrix([tf.constant([[1.0], [2.0]]), tf.constant([[3.0, 4.0], [5.0, 6.0]])]).numpy()
    array([[1., 3., 4.],
           [2., 5., 6.]], dtype=float32)
    """
    # Side by side, a row is gathered number by number from as many places as there are columns;
    # end to end, each column is one copy, and one transposition does the rest.
    if all(column.shape[1] == 1 for column in columns):
        return tf.transpose(tf.reshape(tf.concat(columns, axis=0), [len(columns), -1]))
    return tf.transpose(tf.concat([tf.transpose(column) for column in columns], axis=0))


def from_dense(dense: Mapping[str, tf.Tensor], features: Iterable[Feature]) -> Tensors:
    """Cuts padded tensors to their lists, as `parse` returns them.

    Args:
      dense: Context columns as `[batch_size, width]`, document columns as
        `[batch_size, list_size, width]`, and `list_size`, `[batch_size]` int64.
      features: The columns to read.
    """
    sizes = dense[LIST_SIZE]
    real = tf.sequence_mask(sizes)
    flat = {}
    for feature in features:
        column = dense[feature.name]
        if feature.scope is Scope.DOCUMENT:
            column = tf.boolean_mask(column[:, : tf.shape(real)[1]], real)
        flat[feature.name] = column
    return from_flat(flat, sizes, features)


LIST_SIZE = "list_size"
"""The name of the tensor of list sizes beside padded document columns."""


def to_dense(
    column: tf.RaggedTensor, *, list_size: int | None = None, padding: float | int | str = 0
) -> tf.Tensor:
    """Pads a ragged document column to `[batch_size, list_size, ...]`.

    Args:
      column: `[batch_size, (list_size), ...]`.
      list_size: The length to pad or cut to; the longest list if None.
      padding: The value in places without a document.
    """
    return column.to_tensor(padding, shape=[None, list_size, *column.shape[2:]])


def mask_of(column: tf.RaggedTensor, *, list_size: int | None = None) -> tf.Tensor:
    """Returns `[batch_size, list_size]` bool: where there is a document."""
    longest = tf.cast(tf.reduce_max(column.row_lengths()), tf.int32)
    return tf.sequence_mask(column.row_lengths(), list_size if list_size else longest)
