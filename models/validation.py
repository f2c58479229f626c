"""A model's metrics over a whole data set, every list once."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from models.metrics import Metric
from models.metrics import MetricContract
from models.metrics import evaluate

LOSS = "loss"
"""The name of the validation loss among the metrics."""


def _unchanged(output: tf.Tensor) -> tf.Tensor:
    return output


def validator(
    model: tf.keras.Model,
    batches: tf.data.Dataset,
    metrics: Sequence[Metric],
    contract: MetricContract,
    *,
    loss: tf.keras.losses.Loss | None = None,
    to_scores: Callable[[Any], tf.Tensor] = _unchanged,
    label: str | None = None,
) -> Callable[[], dict[str, float]]:
    """Returns a function that evaluates the model as it stands.

    Args:
      model: Maps model inputs to scores, or to what `to_scores` makes scores of.
      batches: `(inputs, labels)`, or with weights of lists or documents, which weighted metrics
        and the loss need; every list once and whole.
      metrics: The metrics to compute.
      contract: Their conventions.
      loss: Adds `loss`, the mean over lists of this loss of the main label.
      to_scores: Makes scores `[batch_size, list_size]` of the model's output.
      label: The main label, where labels and outputs come by name.
    """

    @tf.function(reduce_retracing=True)
    def step(inputs: Any, labels: Any, *weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        output = model(inputs, training=False)
        main = labels if label is None else labels[label]
        given = weights[0] if weights else None
        values, counts = evaluate(
            to_scores(output), main, metrics=metrics, contract=contract, weights=given
        )
        totals, counts = tf.reduce_sum(values * counts, axis=0), tf.reduce_sum(counts, axis=0)
        if loss is None:
            return totals, counts
        logits = output if label is None else output[label]
        n = tf.cast(tf.shape(main)[:1], totals.dtype)
        found = tf.cast(loss(main, logits, *weights), totals.dtype)
        return tf.concat([totals, found * n], axis=0), tf.concat([counts, n], axis=0)

    names = [metric.name for metric in metrics] + ([LOSS] if loss is not None else [])

    def run() -> dict[str, float]:
        total, weight = np.zeros(len(names)), np.zeros(len(names))
        for batch in batches:
            values, weights = step(*batch)
            total, weight = total + values.numpy(), weight + weights.numpy()
        means = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
        return {name: float(mean) for name, mean in zip(names, means, strict=True)}

    return run
