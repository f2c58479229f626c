"""TF-Ranking's lambda weights from options. Importing this loads TF-Ranking."""

from __future__ import annotations

from types import MappingProxyType

import tensorflow_ranking as tfr

from models.losses.checks import lambda_weight
from models.losses.options import Discount
from models.losses.options import Gain
from models.losses.options import LambdaWeight
from models.losses.options import LossOptions

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


def lambda_settings(name: str, options: LossOptions) -> dict[str, object]:
    """Returns the lambda weight of the loss `name` as its keyword argument, or nothing."""
    kind = lambda_weight(name, options)
    if kind is LambdaWeight.NONE:
        return {}
    # Each takes the settings that it knows and leaves the others alone.
    settings: dict[str, object] = {
        "topn": options.topn,
        "smooth_fraction": options.smooth_fraction,
        "gain_fn": _GAINS[options.gain] if options.gain else None,
        "rank_discount_fn": DISCOUNTS[options.discount] if options.discount else None,
    }
    if kind in (LambdaWeight.DCG, LambdaWeight.YETI_DCG):
        settings["normalized"] = options.normalized
    return {"lambda_weight": _KINDS[kind](**settings)}
