"""LambdaMART by LightGBM: the yardstick that neural rankers are held against.

Gradient boosted trees on the raw features are hard to beat (Qin et al., Are Neural Rankers still
Outperformed by Gradient Boosted Decision Trees?, ICLR 2021). The settings are fixed: a yardstick
that is tuned along with the model measures less.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from data import hashing
from data.errors import InputError
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform

SETTINGS: Mapping[str, Any] = MappingProxyType(
    {
        "objective": "lambdarank",
        "metric": "ndcg",
        "eval_at": [10],
        "learning_rate": 0.05,
        "num_leaves": 31,
        "min_data_in_leaf": 50,
        "seed": 42,
        "deterministic": True,
        "force_col_wise": True,
        "verbosity": -1,
    }
)
"""Of LightGBM."""
MOST_TREES, PATIENCE = 1000, 50
"""Boosting stops where that many further trees do not help on the validation split."""
CATEGORIES = 1024
"""What the values of a categorical column are hashed to."""
_HIGHEST_GRADE, _LONGEST = 30, 10_000  # LightGBM's gains end there, and it ranks no longer lists
_SALT = b"trees:"


@dataclasses.dataclass(frozen=True)
class Part:
    """Lists of one split.

    Attributes:
      columns: By feature its values: of a document feature `width` for each document, one after
        the other; of a context feature `width` for each list.
      labels: `[n_documents]`.
      sizes: `[n_lists]`.
    """

    columns: Mapping[str, np.ndarray]
    labels: np.ndarray
    sizes: np.ndarray


def train(spec: FeatureSpec, training: Part, validation: Part) -> str:
    """Returns the trees as LightGBM's text.

    Args:
      spec: The features.
      training: What to learn.
      validation: What tells when to stop.

    Raises:
      InputError: A label is no grade that LightGBM knows, a list is too long for it, or there is
        no column that it can see.
    """
    longest = max(part.sizes.max(initial=0) for part in (training, validation))
    if longest > _LONGEST:
        raise InputError(
            f"yardsticks: lightgbm ranks lists of at most {_LONGEST:,} documents, found {longest:,}"
        )
    import lightgbm  # it needs libgomp, which nothing else here does

    parts = [
        lightgbm.Dataset(
            matrix(spec, part.columns, part.sizes),
            _grades(part.labels),
            group=part.sizes,
            categorical_feature=_categorical(spec),
        )
        for part in (training, validation)
    ]
    parts[1].reference = parts[0]
    stop = lightgbm.early_stopping(PATIENCE, verbose=False)
    trees = lightgbm.train(
        dict(SETTINGS), parts[0], MOST_TREES, valid_sets=[parts[1]], callbacks=[stop]
    )
    return str(trees.model_to_string(num_iteration=trees.best_iteration))


def matrix(spec: FeatureSpec, columns: Mapping[str, np.ndarray], sizes: np.ndarray) -> np.ndarray:
    """Returns what trees see of documents, `[n_documents, n_columns]` float32.

    Numbers stay as they are; a category is one of `CATEGORIES`. Columns of several categories are
    left out.

    Args:
      spec: The features.
      columns: As in `Part`.
      sizes: `[n_lists]`.

    Raises:
      InputError: There is no column that they can see.
    """
    found = []
    for feature in spec.features:
        values = np.asarray(columns[feature.name]).reshape(-1, feature.width)
        if _is_category(feature) and feature.width > 1:
            continue
        if _is_category(feature):
            values = _codes(values, text=feature.dtype is DType.STRING)
        values = values.astype(np.float32)
        found.append(np.repeat(values, sizes, axis=0) if feature.scope is Scope.CONTEXT else values)
    if not found:
        raise InputError("yardsticks: lightgbm needs a number or a single category to learn from")
    return np.concatenate(found, axis=1)


def _is_category(feature: Feature) -> bool:
    """Returns whether raw values are categories; those that the model puts into buckets are not."""
    return feature.categorical and feature.transform[-1] is not Transform.BUCKETIZE


def _categorical(spec: FeatureSpec) -> list[int]:
    """Returns which columns of the matrix are categories."""
    kinds = [
        _is_category(feature)
        for feature in spec.features
        for _ in range(feature.width)
        if not (_is_category(feature) and feature.width > 1)
    ]
    return np.flatnonzero(kinds).tolist()


def _codes(values: np.ndarray, *, text: bool) -> np.ndarray:
    if text:
        hashed = hashing.seeds(values.ravel().tolist(), _SALT).reshape(values.shape)
    else:
        hashed = hashing.mix(values.astype(np.int64).view(np.uint64))
    return hashed % np.uint64(CATEGORIES)


def _grades(labels: np.ndarray) -> np.ndarray:
    wrong = (labels != np.floor(labels)) | (labels < 0) | (labels > _HIGHEST_GRADE)
    if wrong.any():
        raise InputError(
            f"yardsticks: lightgbm ranks by whole grades from 0 to {_HIGHEST_GRADE}, found a label"
            f" of {labels[wrong][0]:g}"
        )
    return labels.astype(np.int32)
