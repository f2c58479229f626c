"""Yardsticks: other rankings of the lists, to see that a model does better."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from components.lambdamart import SPEC
from components.lambdamart import TREES
from data import plain
from data import storage
from data.features import FeatureSpec
from models import trees as trees_lib
from pipeline.evaluation import DOCUMENT_ORDER
from pipeline.evaluation import FEATURE
from pipeline.evaluation import LIGHTGBM


def scores(name: str, features: Mapping[str, Any], size: int, *, trees: str = "") -> np.ndarray:
    """Returns the scores of a list's documents, `[size]` float32.

    Args:
      name: The yardstick's name.
      features: The raw features of the list.
      size: How many documents it has.
      trees: The folder with the trees of `lightgbm`.
    """
    if name == DOCUMENT_ORDER:
        return -np.arange(size, dtype=np.float32)
    if name == LIGHTGBM:
        spec, booster = _booster(trees)
        rows = trees_lib.matrix(spec, features, np.array([size]))
        return np.asarray(booster.predict(rows, num_threads=1), np.float32)
    return np.ravel(features[name.removeprefix(FEATURE)])[:size].astype(np.float32)


@functools.lru_cache(maxsize=1)
def _booster(folder: str) -> tuple[FeatureSpec, Any]:
    import lightgbm  # it needs libgomp, which nothing else here does

    spec = plain.from_json(FeatureSpec, (storage.at(folder) / SPEC).read_text(encoding="utf-8"))
    text = (storage.at(folder) / TREES).read_text(encoding="utf-8")
    return spec, lightgbm.Booster(model_str=text)
