"""TF-Ranking's loss objects as plain functions with a scalar value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from models.losses.options import LossOptions

Member = Callable[[tf.Tensor, tf.Tensor, tf.Tensor | None], tf.Tensor]
"""A loss of labels `[batch_size, list_size]` (below 0 where there is no document), scores of the
same shape or with several per document, and weights `[batch_size, 1 or list_size]` or None, all
float32: a scalar."""

Factory = Callable[[str, LossOptions], Member]
"""Builds the loss of a name, with its options."""


def adapt(cls: Any, **settings: object) -> Member:
    """Returns a loss of TF-Ranking's, divided by all it has a value for: lists or places."""
    # No reduction: the others are refused in a replica of a distribution strategy.
    loss = cls(reduction=tf.keras.losses.Reduction.NONE, **settings)
    return lambda labels, scores, weights: mean(loss(labels, scores, weights))


def mean(values: tf.Tensor) -> tf.Tensor:
    """Returns the mean, 0 for no values."""
    # A replica may get an empty share of the last batch.
    return tf.math.divide_no_nan(tf.reduce_sum(values), tf.cast(tf.size(values), tf.float32))


def temperature(options: LossOptions) -> dict[str, object]:
    """Returns the temperature as a keyword argument, or nothing for the loss's own."""
    return {} if options.temperature is None else {"temperature": options.temperature}
