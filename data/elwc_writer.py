"""Writes ExampleListWithContext, record by record: for requests and for generated lists.

Python's protobuf costs tens of microseconds per document; large data is read with `data.elwc`.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tensorflow_serving.apis import input_pb2

from data import lists as lists_lib
from data.features import DType
from data.features import FeatureSpec
from data.features import Scope

Values = Mapping[str, Sequence[Any]]
"""The values of one context or one document, by column."""


def encode(context: Values, documents: Sequence[Values], dtypes: Mapping[str, DType]) -> bytes:
    """Returns one serialized ELWC.

    Args:
      context: The context's values.
      documents: The values of each document, in the order of the list.
      dtypes: The type of every column named in either.
    """
    message = input_pb2.ExampleListWithContext()
    _fill(message.context, context, dtypes)
    for document in documents:
        _fill(message.examples.add(), document, dtypes)
    return bytes(message.SerializeToString(deterministic=True))


def example(values: Values, dtypes: Mapping[str, DType]) -> bytes:
    """Returns one serialized `tf.Example`."""
    message = tf.train.Example()
    _fill(message, values, dtypes)
    return bytes(message.SerializeToString(deterministic=True))


def _fill(example: tf.train.Example, values: Values, dtypes: Mapping[str, DType]) -> None:
    features = example.features.feature
    for name, column in values.items():
        if dtypes[name] is DType.FLOAT:
            features[name].float_list.value.extend(column)
        elif dtypes[name] is DType.INT:
            features[name].int64_list.value.extend(column)
        else:
            features[name].bytes_list.value.extend(column)


def from_lists(
    lists: lists_lib.Lists, spec: FeatureSpec, *, labels: bool = True
) -> Iterator[bytes]:
    """Yields one serialized ELWC per list.

    Empty strings at the end of a row of several strings are its padding and are not written.

    Args:
      lists: The lists.
      spec: Their columns.
      labels: Whether label, tasks and weight are written, which a request does not have.
    """
    dtypes = lists_lib.dtypes(spec)
    if not labels:
        dtypes = {feature.name: feature.dtype for feature in spec.raw}
    rows = {name: _rows(lists.values[name], dtype) for name, dtype in dtypes.items()}
    scopes = lists_lib.scopes(spec)
    contexts = [name for name in dtypes if scopes[name] is Scope.CONTEXT]
    columns = [name for name in dtypes if scopes[name] is Scope.DOCUMENT]
    start = 0
    for index, size in enumerate(lists.sizes.tolist()):
        documents = [{n: rows[n][at] for n in columns} for at in range(start, start + size)]
        yield encode({name: rows[name][index] for name in contexts}, documents, dtypes)
        start += size


def _rows(column: Any, dtype: DType) -> list[list[Any]]:
    rows: list[list[Any]] = column.tolist()
    if dtype is DType.STRING and column.shape[1] > 1:
        for row in rows:
            while row and not row[-1]:
                row.pop()
    return rows
