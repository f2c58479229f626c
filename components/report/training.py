"""How training went: what the Trainer left beside the model."""

from __future__ import annotations

import collections
import json
import math

import tensorflow as tf

from components.report.facts import Curve
from components.report.facts import TrainingFacts
from components.trainer import SUMMARY
from data import storage
from data.storage import AnyPath

_EPOCH = "epoch_"
"""How the names of numbers begin that Keras logs once an epoch."""


def read(uri: str, metric: str) -> TrainingFacts | None:
    """Returns how training went; None where it did not come to its end.

    Args:
      uri: The Trainer's `model_run`.
      metric: What made an epoch the best.
    """
    folder = storage.at(uri)
    if not (folder / SUMMARY).exists():
        return None
    summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    best = summary["best"]
    return TrainingFacts(
        epochs=summary["epochs"],
        best_epoch=summary["best_epoch"],
        metric=metric,
        best=best if math.isfinite(best) else None,
        curves=tuple(_curves(folder)),
    )


def _curves(folder: AnyPath) -> list[Curve]:
    logged: dict[str, dict[int, float]] = collections.defaultdict(dict)
    for path in sorted(storage.walk(folder), key=str):  # a resumed training has written several
        if path.name.startswith("events.out") and not path.name.endswith(".profile-empty"):
            for name, epoch, value in _events(path):
                logged[f"{path.parent.name}: {name}"][epoch] = value
    return [
        Curve(name, tuple(values[epoch] for epoch in sorted(values)))
        for name, values in sorted(logged.items())
    ]


def _events(path: AnyPath) -> list[tuple[str, int, float]]:
    """Returns the finite numbers of an event file: name, epoch from 0, value."""
    found = []
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        event = tf.compat.v1.Event.FromString(record)
        for value in event.summary.value:
            if value.tag.startswith(_EPOCH) and value.HasField("tensor"):
                number = float(tf.make_ndarray(value.tensor))
                if math.isfinite(number):
                    found.append((value.tag.removeprefix(_EPOCH), event.step, number))
    return found
