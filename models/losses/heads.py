"""Losses that want several scores per document: how many, and what they rank by."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from types import MappingProxyType

import tensorflow as tf

from models.losses.names import parse
from models.losses.options import DEFAULTS
from models.losses.options import LossOptions


def n_outputs(text: str, options: LossOptions = DEFAULTS) -> int:
    """Returns how many scores per document the loss wants; for most it is 1.

    >>> n_outputs("softmax_loss")
    1
    >>> n_outputs("ordinal_loss", LossOptions(ordinal_size=4))
    4
    """
    wanted = {
        "click_em_loss": 2,
        "mixture_em_loss": options.mixture_size,
        "ordinal_loss": options.ordinal_size,
    }
    return max(wanted.get(name, 1) for name, _ in parse(text))


def to_scores(logits: tf.Tensor, text: str, options: LossOptions = DEFAULTS) -> tf.Tensor:
    """Returns the one score by which documents are ranked.

    - One score per document is that score, or the probability `sigmoid(z)` where that is wanted.
    - Ordinal loss: the expected grade `sum_k sigmoid(z_k)`, as `sigmoid(z_k)` is the probability
      of a grade of at least k.
    - Click EM loss: the relevance, which is the second score; the first one is the examination.
    - Mixture EM loss: the log odds of a click. The loss holds all models of the mixture to be
      equally likely before a list's clicks are known, so a click has the probability
      `p = mean_k sigmoid(z_k)`. `log(p / (1 - p))` ranks as p does, but never saturates.

    Args:
      logits: `[..., n_outputs]`, or any shape where the loss wants one score.
      text: The loss.
      options: Its options.

    Returns:
      `[...]`; float32 where the loss wants several scores, or probabilities are wanted.
    """
    if options.probabilities:
        return tf.sigmoid(tf.cast(logits, tf.float32))
    if n_outputs(text, options) == 1:
        return logits
    (name, _), *_ = parse(text)
    return _HEADS[name](tf.cast(logits, tf.float32))


def _expected_grade(logits: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.sigmoid(logits), axis=-1)


def _relevance(logits: tf.Tensor) -> tf.Tensor:
    return logits[..., 1]


def _log_odds_of_mean(logits: tf.Tensor) -> tf.Tensor:
    click = tf.reduce_logsumexp(tf.math.log_sigmoid(logits), axis=-1)
    no_click = tf.reduce_logsumexp(tf.math.log_sigmoid(-logits), axis=-1)
    return click - no_click


_HEADS: Mapping[str, Callable[[tf.Tensor], tf.Tensor]] = MappingProxyType(
    {
        "click_em_loss": _relevance,
        "mixture_em_loss": _log_odds_of_mean,
        "ordinal_loss": _expected_grade,
    }
)
