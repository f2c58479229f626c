"""The exported model: what it answers, and how it gets to its folder."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf

from data.errors import InputError
from models import serving
from models.objective import by_task
from models.validation import ToScores


class Exported(tf.Module):
    """What the signatures of a model need of it: no optimizer, and no Keras functions of its own.

    Args:
      model: The model.
    """

    def __init__(self, model: tf.keras.Model) -> None:
        super().__init__(name="exported")
        kept = tf.saved_model.experimental.TrackableResource | tf.saved_model.Asset
        parts = tf.train.TrackableView(model).descendants()
        self.weights = list(model.variables)
        self.resources = [part for part in parts if isinstance(part, kept)]  # lookup tables


def ranking_model(model: tf.keras.Model, to_scores: ToScores) -> tf.keras.Model:
    """Returns a model of the same weights that gives the scores documents are ranked by."""
    logits = by_task(model.output)
    if all(x.shape.rank == 2 for x in logits.values()):
        return model
    scores = {task: to_scores(x, task) for task, x in logits.items()}
    ranking = tf.keras.Model(
        dict(zip(model.input_names, model.inputs, strict=True)),
        scores if isinstance(model.output, Mapping) else scores[""],
        name=model.name,
    )
    ranking.per_document = getattr(model, "per_document", False)
    return ranking


def write(model: tf.keras.Model, folder: Path, signatures: Any) -> None:
    """Writes a SavedModel; the folder has the old one or the new one, whole.

    Args:
      model: The model.
      folder: The folder.
      signatures: The signatures; None for one that takes the model's inputs, whose names lose the
        underscores at their ends.

    Raises:
      InputError: The folder cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
            new, old = Path(scratch, "new"), Path(scratch, "old")
            tf.saved_model.save(
                Exported(model), str(new), signatures=signatures or _on_inputs(model)
            )
            with contextlib.suppress(FileNotFoundError):
                os.rename(folder, old)
            os.rename(new, folder)
    except OSError as error:
        raise InputError(f"model_dir: cannot write to '{folder}': {error.strerror}") from error


def _on_inputs(model: tf.keras.Model) -> Any:
    specs = {
        name: tf.TensorSpec(x.shape, x.dtype, name=serving.tensor_name(name.strip("_")))
        for name, x in zip(model.input_names, model.inputs, strict=True)
    }

    @tf.function(input_signature=[specs])
    def score(inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        outputs = model(inputs, training=False)
        return dict(outputs) if isinstance(outputs, Mapping) else {"outputs": outputs}

    return score
