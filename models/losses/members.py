"""TF-Ranking's losses as plain functions. Importing this loads TF-Ranking, which takes seconds."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import tensorflow as tf
import tensorflow_ranking as tfr

from models.losses import plackett_luce
from models.losses.checks import lambda_weight
from models.losses.lambda_weights import DISCOUNTS
from models.losses.lambda_weights import lambda_settings
from models.losses.options import Discount
from models.losses.options import LambdaWeight
from models.losses.options import LossOptions
from models.losses.padding import below_worst
from models.losses.padding import from_best
from models.losses.sampling import gumbel
from models.losses.sampling import sampled_scores

Member = Callable[[tf.Tensor, tf.Tensor, tf.Tensor | None], tf.Tensor]
"""A loss of labels `[batch_size, list_size]` (below 0 where there is no document), scores of the
same shape or with several per document, and weights `[batch_size, 1 or list_size]` or None, all
float32: a scalar."""

_keras = tfr.keras.losses


def member(name: str, options: LossOptions) -> Member:
    """Returns the loss of that name."""
    return _MEMBERS[name](name, options)


def _theirs(cls: Any, **settings: object) -> Member:
    """Returns a loss of TF-Ranking's, divided by all it has a value for: lists or places."""
    # No reduction: the others are refused in a replica of a distribution strategy.
    loss = cls(reduction=tf.keras.losses.Reduction.NONE, **settings)
    return lambda labels, scores, weights: _mean(loss(labels, scores, weights))


def _mean(values: tf.Tensor) -> tf.Tensor:
    # A replica may get an empty share of the last batch.
    return tf.math.divide_no_nan(tf.reduce_sum(values), tf.cast(tf.size(values), tf.float32))


def _temperature(options: LossOptions) -> dict[str, object]:
    return {} if options.temperature is None else {"temperature": options.temperature}


def _of_pairs(cls: Any) -> _Factory:
    def build(name: str, options: LossOptions) -> Member:
        loss = _theirs(cls, **lambda_settings(name, options), **_temperature(options))
        return lambda labels, scores, weights: loss(labels, below_worst(labels, scores), weights)

    return build


def _of_ranks(cls: Any) -> _Factory:
    def build(name: str, options: LossOptions) -> Member:
        del name
        loss = _theirs(cls, **_temperature(options))
        return lambda labels, scores, weights: loss(labels, below_worst(labels, scores), weights)

    return build


def _sampled(factory: _Factory) -> _Factory:
    """Returns a loss that sees samples of each list instead of the list."""

    def build(name: str, options: LossOptions) -> Member:
        loss = factory(name, options)
        size = options.sample_size

        def value(labels: tf.Tensor, scores: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
            noise = gumbel(labels, scores, sample_size=size, seed=options.seed)
            best = from_best(labels, scores)
            sampled = sampled_scores(labels, best, noise, temperature=options.gumbel_temperature)
            if weights is not None:
                weights = tf.repeat(weights, size, axis=0)
            return loss(tf.repeat(labels, size, axis=0), sampled, weights)

        return value

    return build


def _softmax(name: str, options: LossOptions) -> Member:
    loss = _theirs(_keras.SoftmaxLoss, **lambda_settings(name, options), **_temperature(options))
    return lambda labels, scores, weights: loss(
        labels, below_worst(labels, from_best(labels, scores)), weights
    )


def _calibrated_softmax(name: str, options: LossOptions) -> Member:
    """The softmax of lists with one more document, of score 0 (Yan et al., Scale Calibration of
    Deep Ranking Models, 2022). A weight per list weighs it too, weights per document do not."""
    softmax = _softmax(name, options)

    def value(labels: tf.Tensor, scores: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
        zero = tf.zeros_like(labels[:, :1])
        if weights is not None:
            per_list = tf.equal(tf.shape(weights)[1], 1)
            virtual = tf.where(per_list, weights[:, :1], 1.0)
            weights = tf.concat([weights * tf.ones_like(labels), virtual], axis=1)
        labels = tf.concat([labels, zero + options.virtual_label], axis=1)
        return softmax(labels, tf.concat([scores, zero], axis=1), weights)

    return value


def _list_mle(name: str, options: LossOptions) -> Member:
    discount = None
    if lambda_weight(name, options) is LambdaWeight.LIST_MLE:
        discount = DISCOUNTS[options.discount or Discount.LOG2_INVERSE]

    def value(labels: tf.Tensor, scores: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
        per_list = plackett_luce.list_mle(
            labels,
            scores,
            temperature=options.temperature or 1.0,
            discount=discount,
            seed=options.seed,
        )
        return _mean(per_list * _list_weights(labels, weights))

    return value


def _rankdistil(name: str, options: LossOptions) -> Member:
    del name

    def value(labels: tf.Tensor, scores: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
        per_list = plackett_luce.rankdistil(
            labels,
            scores,
            temperature=options.temperature or 1.0,
            topk=options.topk,
            sample_size=options.sample_size,
            seed=options.seed,
        )
        return _mean(per_list * _list_weights(labels, weights))

    return value


def _list_weights(labels: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    """Returns one weight per list `[batch_size, 1]`: the mean over documents, by their labels."""
    if weights is None:
        return tf.ones_like(labels[:, :1])
    labels = tf.nn.relu(labels)
    return tf.math.divide_no_nan(
        tf.reduce_sum(weights * labels, axis=1, keepdims=True),
        tf.reduce_sum(labels, axis=1, keepdims=True),
    )


def _ordinal(name: str, options: LossOptions) -> Member:
    del name
    loss = _theirs(
        _keras.OrdinalLoss,
        ordinal_size=options.ordinal_size,
        use_fraction_label=options.use_fraction_label,
    )
    return _with_heads(loss, options.ordinal_size)


def _mixture_em(name: str, options: LossOptions) -> Member:
    del name
    return _with_heads(_theirs(_keras.MixtureEMLoss, alpha=options.alpha), options.mixture_size)


def _with_heads(loss: Member, size: int) -> Member:
    """Returns a loss of `[batch_size, list_size]` scores where it wants one per document."""
    if size > 1:
        return loss
    return lambda labels, scores, weights: loss(labels, scores[:, :, tf.newaxis], weights)


def _click_em(name: str, options: LossOptions) -> Member:
    del name
    return _theirs(
        _keras.ClickEMLoss,
        exam_loss_weight=options.exam_loss_weight,
        rel_loss_weight=options.rel_loss_weight,
    )


def _pointwise(cls: Any) -> _Factory:
    return lambda name, options: _theirs(cls)


_Factory = Callable[[str, LossOptions], Member]
_MEMBERS: Mapping[str, _Factory] = MappingProxyType(
    {
        "approx_mrr_loss": _of_ranks(_keras.ApproxMRRLoss),
        "approx_ndcg_loss": _of_ranks(_keras.ApproxNDCGLoss),
        "calibrated_softmax_loss": _calibrated_softmax,
        "click_em_loss": _click_em,
        "coupled_rankdistil_loss": _rankdistil,
        "gumbel_approx_ndcg_loss": _sampled(_of_ranks(_keras.ApproxNDCGLoss)),
        "list_mle_loss": _list_mle,
        "mean_squared_loss": _pointwise(_keras.MeanSquaredLoss),
        "mixture_em_loss": _mixture_em,
        "ordinal_loss": _ordinal,
        "pairwise_hinge_loss": _of_pairs(_keras.PairwiseHingeLoss),
        "pairwise_logistic_loss": _of_pairs(_keras.PairwiseLogisticLoss),
        "pairwise_mse_loss": _of_pairs(_keras.PairwiseMSELoss),
        "pairwise_soft_zero_one_loss": _of_pairs(_keras.PairwiseSoftZeroOneLoss),
        "sigmoid_cross_entropy_loss": _pointwise(_keras.SigmoidCrossEntropyLoss),
        "softmax_loss": _softmax,
        "unique_softmax_loss": _of_ranks(_keras.UniqueSoftmaxLoss),
        "yeti_logistic_loss": _sampled(_of_pairs(_keras.PairwiseLogisticLoss)),
    }
)
