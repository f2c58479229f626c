"""Every loss by its name. Importing this loads TF-Ranking, which takes seconds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import tensorflow as tf
import tensorflow_ranking as tfr

from models.losses import listwise
from models.losses.adapter import Factory
from models.losses.adapter import Member
from models.losses.adapter import adapt
from models.losses.options import LossOptions
from models.losses.pairs import of_pairs
from models.losses.pairs import of_ranks
from models.losses.pairs import sampled

_keras = tfr.keras.losses


def member(name: str, options: LossOptions) -> Member:
    """Returns the loss of that name."""
    return _MEMBERS[name](name, options)


def _ordinal(name: str, options: LossOptions) -> Member:
    del name
    loss = adapt(
        _keras.OrdinalLoss,
        ordinal_size=options.ordinal_size,
        use_fraction_label=options.use_fraction_label,
    )
    return _with_heads(loss, options.ordinal_size)


def _mixture_em(name: str, options: LossOptions) -> Member:
    del name
    return _with_heads(adapt(_keras.MixtureEMLoss, alpha=options.alpha), options.mixture_size)


def _with_heads(loss: Member, size: int) -> Member:
    """Returns a loss of `[batch_size, list_size]` scores where it wants one per document."""
    if size > 1:
        return loss
    return lambda labels, scores, weights: loss(labels, scores[:, :, tf.newaxis], weights)


def _click_em(name: str, options: LossOptions) -> Member:
    del name
    return adapt(
        _keras.ClickEMLoss,
        exam_loss_weight=options.exam_loss_weight,
        rel_loss_weight=options.rel_loss_weight,
    )


def _pointwise(cls: Any) -> Factory:
    return lambda name, options: adapt(cls)


_MEMBERS: Mapping[str, Factory] = MappingProxyType(
    {
        "approx_mrr_loss": of_ranks(_keras.ApproxMRRLoss),
        "approx_ndcg_loss": of_ranks(_keras.ApproxNDCGLoss),
        "calibrated_softmax_loss": listwise.calibrated_softmax,
        "click_em_loss": _click_em,
        "coupled_rankdistil_loss": listwise.rankdistil,
        "gumbel_approx_ndcg_loss": sampled(of_ranks(_keras.ApproxNDCGLoss)),
        "list_mle_loss": listwise.list_mle,
        "mean_squared_loss": _pointwise(_keras.MeanSquaredLoss),
        "mixture_em_loss": _mixture_em,
        "ordinal_loss": _ordinal,
        "pairwise_hinge_loss": of_pairs(_keras.PairwiseHingeLoss),
        "pairwise_logistic_loss": of_pairs(_keras.PairwiseLogisticLoss),
        "pairwise_mse_loss": of_pairs(_keras.PairwiseMSELoss),
        "pairwise_soft_zero_one_loss": of_pairs(_keras.PairwiseSoftZeroOneLoss),
        "sigmoid_cross_entropy_loss": _pointwise(_keras.SigmoidCrossEntropyLoss),
        "softmax_loss": listwise.softmax,
        "unique_softmax_loss": of_ranks(_keras.UniqueSoftmaxLoss),
        "yeti_logistic_loss": sampled(of_pairs(_keras.PairwiseLogisticLoss)),
    }
)
