"""Single ELWC records in Python: which types they hold, and what is wrong with a bad one."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import input_pb2

from data.features import DType
from data.features import Feature
from data.features import Scope

_KINDS = {"float_list": DType.FLOAT, "int64_list": DType.INT, "bytes_list": DType.STRING}
_NAMES = {DType.FLOAT: "float", DType.INT: "int64", DType.STRING: "bytes"}
_A = {DType.FLOAT: "a float", DType.INT: "an int64", DType.STRING: "bytes"}


def kinds(records: Iterable[bytes], features: Iterable[Feature]) -> dict[str, DType]:
    """Returns the types that the features first have in the records, where any record has them."""
    left = {feature.name: feature for feature in features}
    found: dict[str, DType] = {}
    for record in records:
        message = _message(record)
        if message is None:
            continue
        for name, feature in list(left.items()):
            for _, example in _parts(message, feature.scope):
                kind = _kind(example, name)
                if kind:
                    found[name] = _KINDS[kind]
                    del left[name]
                    break
        if not left:
            break
    return found


def explain(record: bytes, features: Iterable[Feature]) -> str:
    """Returns what is wrong with a record that cannot be decoded.

    Args:
      record: The serialized ELWC.
      features: The columns that it should have, as it should hold them.
    """
    message = _message(record)
    if message is None:
        return "not an ExampleListWithContext"
    features = tuple(features)
    for scope in Scope:
        mine = [feature for feature in features if feature.scope is scope]
        for part, example in _parts(message, scope):
            for feature in mine:
                reason = _reason(example, feature)
                if reason:
                    return f"{part}: feature '{feature.name}': {reason}"
    return "TensorFlow cannot parse it"


def _message(record: bytes) -> input_pb2.ExampleListWithContext | None:
    try:
        return input_pb2.ExampleListWithContext.FromString(record)
    except (DecodeError, SystemError):  # SystemError: a feature's name is not UTF-8.
        return None


def _parts(
    message: input_pb2.ExampleListWithContext, scope: Scope
) -> Iterator[tuple[str, tf.train.Example]]:
    if scope is Scope.CONTEXT:
        yield "context", message.context
        return
    for number, example in enumerate(message.examples, 1):
        yield f"document {number}", example


def _kind(example: tf.train.Example, name: str) -> str | None:
    values = example.features.feature
    # Indexing a protobuf map with a missing key would add the key.
    return values[name].WhichOneof("kind") if name in values else None


def _reason(example: tf.train.Example, feature: Feature) -> str:
    varies = feature.width > 1 and feature.dtype is not DType.FLOAT
    kind = _kind(example, feature.name)
    if kind is None:
        if feature.default is not None or varies:
            return ""
        expected = _A[feature.dtype] if feature.width == 1 else f"{feature.width} floats"
        return f"missing, expected {expected}"
    if _KINDS[kind] is not feature.dtype:
        return f"found {_NAMES[_KINDS[kind]]}, expected {_NAMES[feature.dtype]}"
    value = example.features.feature[feature.name]
    lists = {"float_list": value.float_list, "int64_list": value.int64_list}
    count = len(lists.get(kind, value.bytes_list).value)
    wrong = count > feature.width if varies else count != feature.width
    if not wrong:
        return ""
    limit = f"at most {feature.width}" if varies else str(feature.width)
    return f"found {count} values, expected {limit}"
