"""Losses of pairs of documents and of approximate ranks, and both on samples of a list."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from models.losses.adapter import Factory
from models.losses.adapter import Member
from models.losses.adapter import adapt
from models.losses.adapter import temperature
from models.losses.lambda_weights import AtRanks
from models.losses.lambda_weights import build_lambda_weight
from models.losses.lambda_weights import ranks
from models.losses.options import LossOptions
from models.losses.padding import below_worst
from models.losses.sampling import gumbel


def of_pairs(cls: Any) -> Factory:
    """Returns a pairwise loss of TF-Ranking's, with lambda weights."""

    def build(name: str, options: LossOptions) -> Member:
        weight = build_lambda_weight(name, options)

        def value(labels: tf.Tensor, scores: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
            scores = below_worst(labels, scores)
            ranked = weight and AtRanks(weight, ranks(labels, scores, options.seed))
            loss = adapt(cls, lambda_weight=ranked, **temperature(options))
            return loss(labels, scores, weights)

        return value

    return build


def of_ranks(cls: Any) -> Factory:
    """Returns a loss of TF-Ranking's that knows a temperature only."""

    def build(name: str, options: LossOptions) -> Member:
        del name
        loss = adapt(cls, **temperature(options))
        return lambda labels, scores, weights: loss(labels, below_worst(labels, scores), weights)

    return build


def sampled(factory: Factory) -> Factory:
    """Returns a loss of scores with Gumbel noise, of several samples for each list.

    Bruch et al., A Stochastic Treatment of Learning to Rank Scoring Functions, 2020. TF-Ranking
    passes on the logarithm of a softmax of these; for losses of differences it is the same.
    """

    def build(name: str, options: LossOptions) -> Member:
        loss = factory(name, options)
        size = options.sample_size

        def value(labels: tf.Tensor, scores: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
            noise = gumbel(labels, scores, sample_size=size, seed=options.seed)
            sampled = (scores[:, tf.newaxis, :] + noise) / options.gumbel_temperature
            sampled = tf.reshape(sampled, [-1, tf.shape(scores)[1]])
            if weights is not None:
                weights = tf.repeat(weights, size, axis=0)
            return loss(tf.repeat(labels, size, axis=0), sampled, weights)

        return value

    return build
