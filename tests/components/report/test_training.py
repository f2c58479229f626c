"""Learning curves, read from what TensorBoard reads."""

from __future__ import annotations

import json
import math
from pathlib import Path

import tensorflow as tf

from components.report import training
from components.report.facts import Curve
from components.trainer import SUMMARY


def log(folder: Path, values: dict[str, list[float]]) -> None:
    with tf.summary.create_file_writer(str(folder)).as_default():
        for name, numbers in values.items():
            for epoch, number in enumerate(numbers):
                tf.summary.scalar(name, number, step=epoch)


def test_curves_by_epoch(tmp_path: Path) -> None:
    log(tmp_path / "train", {"epoch_loss": [2.0, 1.0, math.nan], "batch_loss": [9.0]})
    log(tmp_path / "validation", {"epoch_mrr": [0.5, 0.625]})
    summary = {"epochs": 3, "best_epoch": 2, "best": 0.625}
    (tmp_path / SUMMARY).write_text(json.dumps(summary))
    found = training.read(str(tmp_path), "mrr")
    assert found is not None
    assert (found.epochs, found.best_epoch, found.best, found.metric) == (3, 2, 0.625, "mrr")
    assert found.curves == (
        Curve("train: loss", (2.0, 1.0)),
        Curve("validation: mrr", (0.5, 0.625)),
    )


def test_a_training_that_did_not_end_has_none(tmp_path: Path) -> None:
    assert training.read(str(tmp_path), "mrr") is None
