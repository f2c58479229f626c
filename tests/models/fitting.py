"""Training models of the tests' own on data sets of their own."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from data.dataset import Counts
from data.storage import AnyPath
from models.training.config import TrainConfig
from models.training.loop import TrainingData
from models.training.loop import TrainResult
from models.training.loop import train
from models.training.warm import WarmStart

BATCH_SIZE = 4


class Killed(BaseException):
    """Stands for the end of the process."""


class Scorer(tf.keras.Model):
    """Scores `x w`."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = tf.keras.layers.Dense(1)

    def call(self, inputs: Any, training: bool = False) -> tf.Tensor:
        del training
        return self.dense(inputs)[..., 0]


def lists() -> tf.data.Dataset:
    """Returns 8 lists of 4 documents for it; labels are the sign of the first of two numbers."""
    x = np.random.default_rng(0).normal(size=(8, 4, 2)).astype(np.float32)
    labels = (x[..., 0] > 0).astype(np.float32)
    return tf.data.Dataset.from_tensor_slices((x, labels, np.ones_like(labels))).batch(BATCH_SIZE)


def fit(
    model: tf.keras.Model,
    validate: Callable[[], Mapping[str, float]],
    state_dir: AnyPath,
    batches: tf.data.Dataset,
    *,
    report: Callable[[str], None] = lambda line: None,
    log_dir: Path | None = None,
    callbacks: Sequence[tf.keras.callbacks.Callback] = (),
    impressions: bool = False,
    warm: WarmStart | None = None,
    **settings: Any,
) -> TrainResult:
    """Trains the model in place on batches of `BATCH_SIZE` lists, or of impressions in name."""
    n = sum(1 for _ in batches) * BATCH_SIZE
    data = TrainingData(
        batches=lambda context, epochs: batches.repeat(),
        counts=Counts(lists=n, documents=6 * n, longest=6),
        sample=next(iter(batches))[0],
        impressions=impressions,
    )
    config = TrainConfig(
        **{"epochs": 5, "patience": 0, "learning_rate": 0.05, "batch_size": BATCH_SIZE, **settings}
    )
    trained, result = train(
        lambda static: model,
        data,
        lambda local: validate,
        config,
        state_dir=state_dir,
        log_dir=log_dir,
        report=report,
        callbacks=callbacks,
        warm=warm,
    )
    assert trained is model
    return result
