"""Labels, scores and every loss, for the tests of losses."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models import losses

Array = NDArray[np.float32]

RANDOM = ("coupled_rankdistil_loss", "gumbel_approx_ndcg_loss", "yeti_logistic_loss")
"""No two batches get the same draws."""
SUM = "softmax_loss:0.9, pairwise_logistic_loss:0.1"
EVERY = (*losses.NAMES, SUM)
DETERMINISTIC = tuple(name for name in EVERY if name not in RANDOM)
OPTIONS = {"ordinal_loss": losses.LossOptions(ordinal_size=3)}
"""The options of a loss, where its defaults would leave something untried."""

# No two labels of a list are equal, which list_mle_loss would order at random.
LABELS = np.array([[2, 0, 1, 3], [0, 1, -1, -1], [1, 0, 2, -1]], np.float32)


def options_of(text: str) -> losses.LossOptions:
    """The options with which the suite tries a loss."""
    return OPTIONS.get(text, losses.LossOptions())


def scores_for(text: str, labels: Array = LABELS, seed: int = 0) -> Array:
    """Normal scores, as many for a document as the loss wants."""
    outputs = losses.n_outputs(text, options_of(text))
    shape = labels.shape if outputs == 1 else (*labels.shape, outputs)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def value_and_gradient(
    loss: tf.keras.losses.Loss, labels: Array, scores: Array, weights: Array | None = None
) -> tuple[float, Array]:
    variable = tf.Variable(scores)
    with tf.GradientTape() as tape:
        value = loss(labels, variable, sample_weight=weights)
    return float(value), tf.convert_to_tensor(tape.gradient(value, variable)).numpy()
