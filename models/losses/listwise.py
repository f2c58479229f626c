"""Losses of whole lists: softmax, calibrated or not, ListMLE and RankDistil."""

from __future__ import annotations

import tensorflow as tf
import tensorflow_ranking as tfr

from models.losses import plackett_luce
from models.losses.adapter import Member
from models.losses.adapter import adapt
from models.losses.adapter import mean
from models.losses.adapter import temperature
from models.losses.checks import lambda_weight
from models.losses.lambda_weights import DISCOUNTS
from models.losses.lambda_weights import build_lambda_weight
from models.losses.lambda_weights import ranks
from models.losses.options import Discount
from models.losses.options import LambdaWeight
from models.losses.options import LossOptions
from models.losses.padding import from_best


def softmax(name: str, options: LossOptions) -> Member:
    """Returns the cross entropy of labels and softmax, per list weighed by its labels."""
    weight = build_lambda_weight(name, options)
    loss = adapt(tfr.keras.losses.SoftmaxLoss, **temperature(options))

    def value(labels: tf.Tensor, scores: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
        if weight is not None:  # of documents, not of pairs
            at = ranks(labels, scores, options.seed)
            weighted = weight.individual_weights(tf.nn.relu(labels), at)
            labels = tf.where(labels >= 0, weighted, labels)
        return loss(labels, from_best(labels, scores), weights)

    return value


def calibrated_softmax(name: str, options: LossOptions) -> Member:
    """The softmax of lists with one more document, of score 0 (Yan et al., Scale Calibration of
    Deep Ranking Models, 2022). A weight per list weighs it too, weights per document do not."""
    loss = softmax(name, options)

    def value(labels: tf.Tensor, scores: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
        zero = tf.zeros_like(labels[:, :1])
        if weights is not None:
            per_list = tf.equal(tf.shape(weights)[1], 1)
            virtual = tf.where(per_list, weights[:, :1], 1.0)
            weights = tf.concat([weights * tf.ones_like(labels), virtual], axis=1)
        labels = tf.concat([labels, zero + options.virtual_label], axis=1)
        return loss(labels, tf.concat([scores, zero], axis=1), weights)

    return value


def list_mle(name: str, options: LossOptions) -> Member:
    """Returns ListMLE, with a discount for each place if its lambda weight says so."""
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
        return mean(per_list * _list_weights(labels, weights))

    return value


def rankdistil(name: str, options: LossOptions) -> Member:
    """Returns RankDistil."""
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
        return mean(per_list * _list_weights(labels, weights))

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
