"""A model's metrics over a whole data set, every list once."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from models.metrics import Metric
from models.metrics import MetricContract
from models.metrics import evaluate


def validator(
    model: tf.keras.Model,
    batches: tf.data.Dataset,
    metrics: Sequence[Metric],
    contract: MetricContract,
) -> Callable[[], dict[str, float]]:
    """Returns a function that evaluates the model as it stands.

    Args:
      model: Maps model inputs to scores `[batch_size, list_size]`.
      batches: `(inputs, labels)`, or with weights, with every list once and whole.
      metrics: The metrics to compute.
      contract: Their conventions.
    """

    @tf.function(reduce_retracing=True)
    def step(inputs: dict[str, tf.Tensor], labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        scores = model(inputs, training=False)
        values, weights = evaluate(scores, labels, metrics=metrics, contract=contract)
        return tf.reduce_sum(values * weights, axis=0), tf.reduce_sum(weights, axis=0)

    def run() -> dict[str, float]:
        total, weight = np.zeros(len(metrics)), np.zeros(len(metrics))
        for inputs, labels, *_ in batches:
            values, weights = step(inputs, labels)
            total, weight = total + values.numpy(), weight + weights.numpy()
        means = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
        return {m.name: float(mean) for m, mean in zip(metrics, means, strict=True)}

    return run
