"""Whether what one training left fits another."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from data import plain
from data.features import Feature
from data.features import Transform
from models.job import TrainingJob
from models.training.optimizers import OptimizerConfig

_FREE = ("default", "min_count", "evict_after", "full")
"""The settings of a feature that may change: its rows stay what they are."""


class UnfitError(Exception):
    """Why a training starts fresh."""


def architecture(job: TrainingJob) -> dict[str, Any]:
    """Returns what a later training must have in common with this one, as plain values."""
    spec = job.shapes.spec
    return {
        "model": {"family": job.family, **json.loads(job.settings)},
        "logits": dict(job.config.outputs(spec.label)),
        "features": {feature.name: _settings(feature) for feature in spec.features},
        "order of features": [feature.name for feature in spec.features],
    }


def _settings(feature: Feature) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(plain.to_json(feature))
    free = [*_FREE, "name", "members"]
    if feature.keyed:
        free.append("rows")  # a table takes the rows of one of another capacity
    if feature.transform[-1] is Transform.VOCABULARY:
        free.append("size")
    return {name: value for name, value in found.items() if name not in free}


def optimizers(job: TrainingJob) -> dict[str, Any]:
    """Returns what decides whether an optimizer can go on with another's state."""
    config, embedding = job.config, job.config.embedding_optimizer
    return {
        "optimizer": _kind(config) | {"averages": config.ema > 0},
        "embedding_optimizer": _kind(embedding) if embedding else None,
    }


def _kind(config: OptimizerConfig) -> dict[str, Any]:
    return {"name": config.optimizer, "options": dict(config.optimizer_options)}


def difference(old: Any, new: Any, path: str = "") -> str:
    """Returns the first thing that is not the same in plain values; nothing where all is.

    >>> difference({"model": {"family": "dnn"}}, {"model": {"family": "mf"}})
    "model.family was 'dnn' and is 'mf'"
    """
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return "" if old == new else f"{path} was {old!r} and is {new!r}"
    for key in [*old, *(key for key in new if key not in old)]:
        below = f"{path}.{key}" if path else str(key)
        if key not in old or key not in new:
            return f"{below} is {'gone' if key in old else 'new'}"
        if found := difference(old[key], new[key], below):
            return found
    return ""
