"""What a model minimises: one loss, or a weighted one for each label."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from typing import TypeAlias

import tensorflow as tf

Losses: TypeAlias = tf.keras.losses.Loss | Mapping[str, tf.keras.losses.Loss]
Objective: TypeAlias = tuple[Losses, Mapping[str, float] | None]
"""The loss, or those of the labels by name, and the weights of these; None: 1 each."""


def by_task(values: Any) -> dict[str, Any]:
    """Returns values by the name of their label; where there is but one its name is empty."""
    return dict(values) if isinstance(values, Mapping) else {"": values}


def total_loss(
    objective: Objective, labels: Any, logits: Any, weights: tf.Tensor | None
) -> tf.Tensor:
    """Returns the weighted sum of the losses of one batch, a scalar.

    Args:
      objective: The losses.
      labels: `[batch_size, list_size]`, or those of each label by its name.
      logits: What the model gives for them, likewise.
      weights: `[batch_size, 1]` or `[batch_size, list_size]`; None: 1 each.
    """
    losses, scales = by_task(objective[0]), objective[1] or {}
    truth, found = by_task(labels), by_task(logits)
    return tf.add_n(
        [
            scales.get(task, 1.0) * loss(truth[task], found[task], sample_weight=weights)
            for task, loss in losses.items()
        ]
    )
