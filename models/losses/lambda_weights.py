"""TF-Ranking's lambda weights from options. Importing this loads TF-Ranking."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import tensorflow as tf
import tensorflow_ranking as tfr

from models.losses.checks import lambda_weight
from models.losses.options import Discount
from models.losses.options import Gain
from models.losses.options import LambdaWeight
from models.losses.options import LossOptions
from models.losses.sampling import shuffled_order

_keras = tfr.keras.losses
_GAINS = MappingProxyType(
    {Gain.IDENTITY: tfr.keras.utils.identity, Gain.POW_MINUS_1: tfr.keras.utils.pow_minus_1}
)
DISCOUNTS = MappingProxyType(
    {
        Discount.INVERSE: tfr.keras.utils.inverse,
        Discount.LOG2_INVERSE: tfr.keras.utils.log2_inverse,
    }
)
_KINDS = MappingProxyType(
    {
        LambdaWeight.LABEL_DIFF: _keras.LabelDiffLambdaWeight,
        LambdaWeight.DCG: _keras.DCGLambdaWeight,
        LambdaWeight.NDCG: _keras.NDCGLambdaWeight,
        LambdaWeight.NDCG_V2: _keras.NDCGLambdaWeightV2,
        LambdaWeight.YETI_DCG: _keras.YetiDCGLambdaWeight,
        LambdaWeight.PRECISION: _keras.PrecisionLambdaWeight,
    }
)


class AtRanks:
    """A lambda weight of pairs at ranks that are given.

    TF-Ranking's losses rank equal scores at random by TensorFlow's stateful generator, which XLA
    does not seed.

    Args:
      weight: A lambda weight of TF-Ranking's.
      ranks: `[batch_size, list_size]` int32, from 1 on.
    """

    def __init__(self, weight: Any, ranks: tf.Tensor) -> None:
        self._weight, self._ranks = weight, ranks

    def pair_weights(self, labels: tf.Tensor, ranks: tf.Tensor) -> tf.Tensor:
        """Returns `[batch_size, list_size, list_size]` weights; leaves `ranks` alone."""
        del ranks
        return self._weight.pair_weights(labels, self._ranks)


def build_lambda_weight(name: str, options: LossOptions) -> Any:
    """Returns the lambda weight of TF-Ranking's that the loss `name` has; None for none."""
    kind = lambda_weight(name, options)
    if kind is LambdaWeight.NONE:
        return None
    # Each takes the settings that it knows and leaves the others alone.
    settings: dict[str, object] = {
        "topn": options.topn,
        "smooth_fraction": options.smooth_fraction,
        "gain_fn": _GAINS[options.gain] if options.gain else None,
        "rank_discount_fn": DISCOUNTS[options.discount] if options.discount else None,
    }
    if kind in (LambdaWeight.DCG, LambdaWeight.YETI_DCG):
        settings["normalized"] = options.normalized
    return _KINDS[kind](**settings)


def ranks(labels: tf.Tensor, scores: tf.Tensor, seed: int) -> tf.Tensor:
    """Returns the ranks of scores within their lists, `[batch_size, list_size]` int32, from 1 on.

    Equal scores are ranked at random; padding comes last.
    """
    values = tf.where(labels >= 0, scores, scores.dtype.min)
    return tf.argsort(shuffled_order(values, labels, scores, seed), axis=1) + 1
