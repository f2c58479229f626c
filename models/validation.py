"""A model's metrics over a whole data set: every list once, one pass for all figures."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from models.metrics import Metric
from models.metrics import MetricContract
from models.metrics import evaluate
from models.objective import Objective
from models.objective import by_task
from models.objective import total_loss

LOSS = "loss"
"""The name of the validation loss among the metrics."""

ToScores = Callable[[tf.Tensor, str], tf.Tensor]
"""From logits and the name of their label to scores `[batch_size, list_size]`."""
Sums = tuple[tf.Tensor, tf.Tensor]


def unchanged(logits: tf.Tensor, task: str) -> tf.Tensor:
    """Returns the logits: they are scores."""
    del task
    return logits


def validator(
    model: tf.keras.Model,
    batches: tf.data.Dataset,
    metrics: Sequence[Metric],
    contract: MetricContract,
    *,
    objective: Objective | None = None,
    main: str = "",
    to_scores: ToScores = unchanged,
) -> Callable[[], dict[str, float]]:
    """Returns a function that evaluates the model as it stands.

    Args:
      model: Maps model inputs to logits, or to those of each label by its name.
      batches: `(inputs, labels)`, or with weights of lists or documents, which weighted metrics
        and the loss need; every list once and whole.
      metrics: The metrics to compute, of each label.
      contract: Their conventions.
      objective: Adds `loss`, in whose mean a batch counts as it has lists.
      main: The label whose metrics have their plain names; those of others are `label/ndcg@5`.
      to_scores: Makes scores of logits.
    """
    tasks = list(by_task(batches.element_spec[1]))
    prefixes = ["" if task in ("", main) else f"{task}/" for task in tasks]
    names = [prefix + metric.name for prefix in prefixes for metric in metrics]
    names += [LOSS] if objective else []

    @tf.function(input_signature=batches.element_spec)  # traced once, whatever the lengths
    def step(inputs: Any, labels: Any, weights: tf.Tensor | None = None) -> Sums:
        logits = by_task(model(inputs, training=False))
        sums = []
        for task, label in by_task(labels).items():
            if not metrics:
                continue  # the loss is all that is asked for
            scores = to_scores(logits[task], task)
            values, counts = evaluate(
                scores, label, metrics=metrics, contract=contract, weights=weights
            )
            sums.append(tf.reduce_sum(tf.stack([values * counts, counts]), axis=1))
        if objective:
            loss = total_loss(objective, labels, logits, weights)
            n = tf.cast(tf.shape(next(iter(logits.values())))[0], loss.dtype)
            sums.append(tf.cast([[loss * n], [n]], sums[0].dtype))
        return tf.concat(sums, axis=1)  # [2, n_figures]

    def run() -> dict[str, float]:
        total, weight = np.sum([step(*batch) for batch in batches], axis=0, dtype=np.float64)
        means = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
        return dict(zip(names, means.tolist(), strict=True))

    return run
