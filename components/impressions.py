"""Impressions in the Evaluator: a block of them becomes parts whose rows share their slices.

TensorFlow Model Analysis slices whole examples. A stored block has rows of many slices, so that it
is divided after the model has scored it, and before it is sliced.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import apache_beam as beam
import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis import extractors as extractors_lib

from components.metrics import metrics_of
from components.metrics import seed_of

LEAST, PARTS = 16, 32
"""Confidence intervals come of drawing parts anew: of one block at least so many parts, unless they
had fewer rows than the least."""
PLACE = " place"
"""A feature beside the others: a hash of the block, and the first row of the part."""
_SLICER = "ExtractSliceKeys"
_BY_ROW = (tfma.LABELS_KEY, tfma.PREDICTIONS_KEY, tfma.EXAMPLE_WEIGHTS_KEY)


def custom_extractors(
    eval_shared_model: Any, eval_config: tfma.EvalConfig, tensor_adapter_config: Any
) -> list[extractors_lib.Extractor]:
    """Returns TFMA's extractors with the division among them; TFX calls it by this name."""
    found = tfma.default_extractors(
        eval_shared_model=eval_shared_model,
        eval_config=eval_config,
        tensor_adapter_config=tensor_adapter_config,
    )
    names = {name for spec in eval_config.slicing_specs for name in spec.feature_keys}
    configs = [metric.config for spec in eval_config.metrics_specs for metric in spec.metrics]
    groups = {m.by for config in configs for m in metrics_of(config).all if m.by} - names
    divide = beam.FlatMap(divided, tuple(sorted(names)), tuple(sorted(groups)))
    place = [extractor.stage_name for extractor in found].index(_SLICER)
    divide = extractors_lib.Extractor("DivideBlocks", divide)
    return [*found[:place], divide, *found[place:]]


def divided(
    extracts: Mapping[str, Any], slices: tuple[str, ...], groups: tuple[str, ...] = ()
) -> Iterator[dict[str, Any]]:
    """Yields the parts of a block: rows that are alike in the features to slice by.

    Args:
      extracts: What TFMA knows of one block: features, labels, predictions and weights, the last
        three padded to the longest block of a batch.
      slices: The features to slice by.
      groups: Further features, which metrics need of each row.
    """
    block = seed_of(extracts[tfma.FEATURES_KEY])
    by_row = {name: np.ravel(extracts[tfma.FEATURES_KEY][name]) for name in groups}
    labels = next(_arrays(extracts[tfma.LABELS_KEY]))
    size = int(np.flatnonzero(labels >= 0).max(initial=-1)) + 1
    most = max(LEAST, size // PARTS)
    for rows, values in _alike(extracts[tfma.FEATURES_KEY], size, slices):
        for start in range(0, len(rows), most):
            part = rows[start : start + most]
            found = {key: _taken(extracts[key], part) for key in _BY_ROW if key in extracts}
            place = {PLACE: np.array([block, part[0]], np.uint64)}
            yield {tfma.FEATURES_KEY: {**values, **_taken(by_row, part), **place}, **found}


def _alike(
    features: Mapping[str, Any], size: int, slices: tuple[str, ...]
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Yields the rows of each combination of values, and these values."""
    group = np.zeros(size, np.int64)
    columns = {name: np.asarray(features[name]).reshape(size, -1) for name in slices}
    for column in columns.values():
        for values in column.T:
            _, codes = np.unique(values, return_inverse=True)
            _, group = np.unique(group * size + codes, return_inverse=True)
    order = np.argsort(group, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if len(rows):
            yield rows, {name: column[rows[0]] for name, column in columns.items()}


def _arrays(values: Any) -> Iterator[np.ndarray]:
    if isinstance(values, Mapping):
        for value in values.values():
            yield from _arrays(value)
    else:
        yield np.ravel(values)


def _taken(values: Any, rows: np.ndarray) -> Any:
    """Returns these rows of all arrays, which may be by the names of models and outputs."""
    if isinstance(values, Mapping):
        return {name: _taken(value, rows) for name, value in values.items()}
    return None if values is None else np.asarray(values)[rows]
