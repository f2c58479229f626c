"""The names of the losses, and weighted sums of them as TF-Ranking writes them."""

from __future__ import annotations

import math

from data.errors import InputError
from data.errors import did_you_mean

NAMES = (
    "approx_mrr_loss",
    "approx_ndcg_loss",
    "calibrated_softmax_loss",
    "click_em_loss",
    "coupled_rankdistil_loss",
    "gumbel_approx_ndcg_loss",
    "list_mle_loss",
    "mean_squared_loss",
    "mixture_em_loss",
    "ordinal_loss",
    "pairwise_hinge_loss",
    "pairwise_logistic_loss",
    "pairwise_mse_loss",
    "pairwise_soft_zero_one_loss",
    "sigmoid_cross_entropy_loss",
    "softmax_loss",
    "unique_softmax_loss",
    "yeti_logistic_loss",
)
"""The keys of `tfr.keras.losses.get`, and the two EM losses.

The pairwise losses, the ordinal, the mean squared, the sigmoid cross entropy and the click EM loss
are divided by the places of a batch, padding included; all others are means over lists. The EM
losses and the sigmoid cross entropy are for clicks, labels of 0 and 1.
"""

POINTWISE = (
    "click_em_loss",
    "mean_squared_loss",
    "ordinal_loss",
    "sigmoid_cross_entropy_loss",
)
"""The losses that look at each document by itself, so that impressions can have them."""


def parse(text: str) -> tuple[tuple[str, float], ...]:
    """Returns the names and weights of a loss or of a weighted sum of losses.

    >>> parse("softmax_loss")
    (('softmax_loss', 1.0),)
    >>> parse("softmax_loss:0.9, sigmoid_cross_entropy_loss:0.1")
    (('softmax_loss', 0.9), ('sigmoid_cross_entropy_loss', 0.1))

    Raises:
      InputError: A name is unknown or stands twice, or a weight is not a positive number.
    """
    members: dict[str, float] = {}
    for part in text.split(","):
        name, colon, weight = (word.strip() for word in part.partition(":"))
        if name not in NAMES:
            raise InputError(f"unknown loss '{name}'.{did_you_mean(name, NAMES)}")
        if name in members:
            raise InputError(f"the loss '{name}' stands twice in '{text}'")
        members[name] = _weight(name, weight) if colon else 1.0
    return tuple(members.items())


def _weight(name: str, text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise InputError(f"the weight of '{name}' must be a positive number, found '{text}'")
    return weight
