"""A line now and then within long epochs."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping

import tensorflow as tf

from models.training.progress import Report

SIGN_OF_LIFE = 10.0
"""Seconds of silence within an epoch."""


class SignOfLife(tf.keras.callbacks.Callback):
    """Reports within long epochs.

    Args:
      batch_size: Lists per step.
      unit: What a list is called.
      report: Receives a line now and then.
    """

    def __init__(self, batch_size: int, unit: str, report: Report) -> None:
        super().__init__()
        self._batch_size, self._unit, self._report = batch_size, unit, report
        self._started = self._said = 0.0

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Starts the clock."""
        self._started = self._said = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Reports after a time of silence."""
        now = time.monotonic()
        if now - self._said > SIGN_OF_LIFE:
            self._said = now
            loss = (logs or {}).get("loss", math.nan)
            speed = (batch + 1) * self._batch_size / (now - self._started)
            self._report(f"  batch {batch + 1}  loss {loss:.4f}  {speed:,.0f} {self._unit}/s")
