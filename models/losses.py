"""TF-Ranking's losses by their names."""

from __future__ import annotations

import tensorflow as tf

from data.errors import InputError
from data.errors import did_you_mean

NAMES = (
    "approx_mrr_loss",
    "approx_ndcg_loss",
    "calibrated_softmax_loss",
    "coupled_rankdistil_loss",
    "gumbel_approx_ndcg_loss",
    "list_mle_loss",
    "mean_squared_loss",
    "pairwise_hinge_loss",
    "pairwise_logistic_loss",
    "pairwise_mse_loss",
    "pairwise_soft_zero_one_loss",
    "sigmoid_cross_entropy_loss",
    "softmax_loss",
    "unique_softmax_loss",
    "yeti_logistic_loss",
)
"""The keys of `tfr.keras.losses.get`, but for the ordinal loss: it needs several scores a document.

The pairwise losses, the mean squared and the sigmoid cross entropy are divided by the places of a
batch, padding included; all others are means over lists.
"""


def check(name: str) -> None:
    """Raises InputError when there is no loss of that name."""
    if name not in NAMES:
        raise InputError(f"unknown loss '{name}'.{did_you_mean(name, NAMES)}")


def build(name: str) -> tf.keras.losses.Loss:
    """Returns a loss of `labels, scores`, both `[batch_size, list_size]`; labels below 0 pad.

    Raises:
      InputError: There is no loss of that name.
    """
    check(name)
    import tensorflow_ranking as tfr  # loads slowly; names alone are checked without it

    return tfr.keras.losses.get(name)
