"""The validation of models of one label or several: every list once, one pass for all figures."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from models.metrics import Metric
from models.metrics import MetricContract
from models.metrics import evaluate
from models.training.loop import Objective
from models.validation import LOSS

Sums = tuple[tf.Tensor, tf.Tensor]
ToScores = Callable[[tf.Tensor, str], tf.Tensor]
"""From logits and the name of their label to scores `[batch_size, list_size]`."""


def by_task(values: Any) -> dict[str, Any]:
    """Returns values by the name of their label; where there is but one its name is empty."""
    return dict(values) if isinstance(values, Mapping) else {"": values}


def validator(
    model: tf.keras.Model,
    batches: tf.data.Dataset,
    metrics: Sequence[Metric],
    objective: Objective,
    *,
    contract: MetricContract,
    main: str,
    to_scores: ToScores,
) -> Callable[[], dict[str, float]]:
    """Returns a function that evaluates the model as it stands.

    Args:
      model: Maps inputs to logits, or to those of each task by the name of its label.
      batches: `(inputs, labels)`, or with weights.
      metrics: The metrics of each task.
      objective: The losses; a batch counts in their mean as it has lists.
      contract: The conventions of the metrics.
      main: The task whose metrics have their plain names; those of others are `task/ndcg@5`.
      to_scores: Makes scores of logits.
    """
    names = [LOSS]

    @tf.function(input_signature=batches.element_spec)  # traced once, whatever the lengths
    def step(inputs: Any, labels: Any, weights: tf.Tensor | None = None) -> Sums:
        logits = by_task(model(inputs, training=False))
        n_lists = tf.cast(tf.shape(next(iter(logits.values())))[0], tf.float32)
        values, counts = [_loss(objective, labels, logits, weights) * n_lists], [n_lists]
        names[1:] = []
        for task, label in by_task(labels).items():
            scores = to_scores(logits[task], task)
            found, mass = evaluate(
                scores, label, metrics=metrics, contract=contract, weights=weights
            )
            values += tf.unstack(tf.reduce_sum(found * mass, axis=0))
            counts += tf.unstack(tf.reduce_sum(mass, axis=0))
            prefix = "" if task == main else f"{task}/"
            names.extend(prefix + metric.name for metric in metrics)
        return tf.stack(values), tf.stack(counts)

    def run() -> dict[str, float]:
        total = np.zeros((2, 1))
        for batch in batches:
            total = total + np.stack(step(*batch))
        means = np.divide(total[0], total[1], out=np.zeros_like(total[0]), where=total[1] > 0)
        return dict(zip(names, means.tolist(), strict=True))

    return run


def _loss(
    objective: Objective, labels: Any, logits: Mapping[str, tf.Tensor], weights: tf.Tensor | None
) -> tf.Tensor:
    losses, scales = by_task(objective[0]), objective[1] or {}
    truth = by_task(labels)
    return tf.add_n(
        [
            scales.get(task, 1.0) * loss(truth[task], logits[task], sample_weight=weights)
            for task, loss in losses.items()
        ]
    )
