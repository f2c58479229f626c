"""Batches of ELWC records -> the columns of a `Lists`."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from data import elwc
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.lists import PADDING
from data.readers import elwc_records
from data.readers import runs

MISSING = -(2**63)
"""Stands for a missing integer label, task, weight or id."""

# TensorFlow repeats a bad record in its message, which then need not be text.
_BAD_RECORD = (tf.errors.InvalidArgumentError, tf.errors.DataLossError, UnicodeDecodeError)

Decoded = tuple[dict[str, np.ndarray], np.ndarray]
"""The values of each column and the numbers of documents."""


class Decoder:
    """Decodes records with one traced function.

    Attributes:
      features: The columns as the records hold them.
    """

    features: tuple[Feature, ...]

    def __init__(self, spec: FeatureSpec) -> None:
        self._spec = spec
        self.features = runs.stored(spec)
        known = {feature.name for feature in spec.features}
        self._unknown = tuple(f for f in self.features if f.name not in known)
        self._missing: dict[str, Any] = {
            f.name: f.default for f in self.features if f.name in spec.label_columns
        }

    def learn(self, records: Sequence[bytes]) -> bool:
        """Takes the types of label, tasks, weight and ids from the first record that has them.

        Returns whether there was something new in the records.
        """
        kinds = elwc_records.kinds(records, self._unknown)
        learned = {
            feature.name: _retyped(feature, kinds[feature.name])
            for feature in self._unknown
            if feature.name in kinds
        }
        self._unknown = tuple(f for f in self._unknown if f.name not in learned)
        self.features = tuple(learned.get(feature.name, feature) for feature in self.features)
        return bool(learned)

    def try_decode(self, records: Sequence[bytes]) -> Decoded | None:
        """Returns the columns, or None where a record is bad."""
        try:
            tensors, sizes = _parser(self.features)(tf.constant(records, tf.string))
        except _BAD_RECORD:
            return None
        values = {}
        for feature in self.features:
            column = tensors[feature.name].numpy()
            if varies(feature):
                if (column[:, feature.width] != PADDING[feature.dtype]).any():
                    return None
                column = column[:, : feature.width]
            values[feature.name] = self._finish(column, feature)
        return values, sizes.numpy()

    def _finish(self, column: np.ndarray, feature: Feature) -> np.ndarray:
        if feature.dtype is not DType.INT:
            return column
        if feature.name in self._missing:
            missing = self._missing[feature.name]
            return np.where(column == MISSING, missing, column).astype(np.float32)
        if feature.name in (self._spec.list_id, self._spec.document_id):
            found = np.empty(column.shape, dtype=object)
            found[:, 0] = [b"" if v == MISSING else b"%d" % v for v in column[:, 0].tolist()]
            return found
        return column


@functools.lru_cache(maxsize=8)
def _parser(features: tuple[Feature, ...]) -> Callable[[tf.Tensor], Any]:
    """Returns the traced function; many files have the same columns."""
    # One column more than the width shows whether a document has too many values.
    wide = tuple(dataclasses.replace(f, width=f.width + 1) if varies(f) else f for f in features)
    signature = [tf.TensorSpec([None], tf.string)]
    parse: Callable[[tf.Tensor], Any] = tf.function(
        lambda records: elwc.parse_flat(records, wide), input_signature=signature
    )
    return parse


def varies(feature: Feature) -> bool:
    """Returns whether a document may have fewer values than the column is wide."""
    return feature.width > 1 and feature.dtype is not DType.FLOAT


def _retyped(feature: Feature, kind: DType) -> Feature:
    allowed = {feature.dtype, DType.INT}
    if kind is feature.dtype or kind not in allowed:
        return feature
    return Feature(feature.name, scope=feature.scope, dtype=DType.INT, default=MISSING)
