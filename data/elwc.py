"""ExampleListWithContext: TF-Ranking's request format, decoded by TensorFlow's own ops.

The message has two fields: `examples` (1, one `tf.Example` per document) and `context` (2, one
`tf.Example`). `tf.io.decode_proto` splits it and one `tf.io.parse_example` reads all documents.
"""

from __future__ import annotations

from collections.abc import Iterable

import tensorflow as tf
from google.protobuf import descriptor_pb2

from data import columnar
from data.features import DType
from data.features import Feature
from data.features import Scope
from data.lists import PADDING


def _descriptor() -> bytes:
    field = descriptor_pb2.FieldDescriptorProto
    files = descriptor_pb2.FileDescriptorSet()
    file = files.file.add(name="elwc.proto", package="ranking", syntax="proto3")
    message = file.message_type.add(name="Elwc")
    message.field.add(name="examples", number=1, type=field.TYPE_BYTES, label=field.LABEL_REPEATED)
    message.field.add(name="context", number=2, type=field.TYPE_BYTES, label=field.LABEL_OPTIONAL)
    return b"bytes://" + files.SerializeToString()


_DESCRIPTOR = _descriptor()


def split(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Splits ELWCs into their parts.

    Args:
      serialized: `[batch_size]` ELWCs, string.

    Returns:
      `[batch_size]` contexts, `[n_documents]` documents, both serialized `tf.Example`s, and
      `[batch_size]` int64 numbers of documents.
    """
    sizes, (contexts, documents) = tf.io.decode_proto(
        serialized,
        "ranking.Elwc",
        ["context", "examples"],
        [tf.string, tf.string],
        descriptor_source=_DESCRIPTOR,
    )
    counts = tf.cast(sizes[:, 1], tf.int64)
    contexts = tf.reshape(tf.pad(contexts, [[0, 0], [0, 1]])[:, :1], [-1])
    return (
        contexts,
        tf.boolean_mask(documents, tf.sequence_mask(counts, tf.shape(documents)[1])),
        counts,
    )


def parse_flat(
    serialized: tf.Tensor, features: Iterable[Feature]
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Parses ELWCs to flat rows.

    Missing values take the feature's default; a missing value of a column without a default, or
    one of another type, is an `InvalidArgumentError`.

    Args:
      serialized: `[batch_size]` ELWCs, string.
      features: The columns to read.

    Returns:
      Context columns as `[batch_size, width]`, document columns as `[n_documents, width]`, and
      `[batch_size]` int64 numbers of documents.
    """
    contexts, documents, counts = split(serialized)
    features = tuple(features)
    rows: dict[str, tf.Tensor] = {}
    for scope, parts in ((Scope.CONTEXT, contexts), (Scope.DOCUMENT, documents)):
        mine = [feature for feature in features if feature.scope is scope]
        if mine:
            parsed = tf.io.parse_example(parts, {f.name: _parser(f) for f in mine})
            rows.update({f.name: _to_width(parsed[f.name], f) for f in mine})
    return rows, counts


def parse(serialized: tf.Tensor, features: Iterable[Feature]) -> columnar.Tensors:
    """Parses ELWCs to the tensors that `data.columnar.parse` gives for stored lists."""
    features = tuple(features)
    rows, counts = parse_flat(serialized, features)
    return columnar.from_flat(rows, counts, features)


def _varies(feature: Feature) -> bool:
    return feature.width > 1 and feature.dtype is not DType.FLOAT


def _parser(feature: Feature) -> tf.io.FixedLenFeature | tf.io.RaggedFeature:
    dtype = columnar.TF_DTYPES[feature.dtype]
    if _varies(feature):
        return tf.io.RaggedFeature(dtype)
    default = None if feature.default is None else [feature.default] * feature.width
    return tf.io.FixedLenFeature([feature.width], dtype, default)


def _to_width(values: tf.Tensor | tf.RaggedTensor, feature: Feature) -> tf.Tensor:
    if not _varies(feature):
        return values
    return values.to_tensor(PADDING[feature.dtype], shape=[None, feature.width])
