"""Exported models, sound ones and each of the kinds that must not be published."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from data.features import Scope
from data.transformed import MASK
from data.transformed import NUMERIC
from models import serving
from tests.samples import SPEC
from tests.samples import Transformed
from tests.samples import draw
from tests.samples import stored
from tests.samples import transformed_spec

SIZES = (3, 1, 8, 5)
Scores = Callable[[tf.Tensor, dict[str, tf.Tensor]], tf.Tensor]


class Model(tf.keras.Model):
    """Scores a document by its first number, and then as it is told."""

    def __init__(self, change: Scores, weights: int = 1) -> None:
        super().__init__()
        self.change = change
        self.table = tf.Variable(tf.ones([weights]))

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        del training
        return self.change(inputs[NUMERIC[Scope.DOCUMENT]][..., 0], inputs) * self.table[0]


class OtherSignature(serving.Servable):
    """One signature gives other scores than the others."""

    other = serving.RAW

    def signatures(self) -> dict[str, Any]:
        found = super().signatures()
        right = found[self.other]

        @tf.function(input_signature=right.input_signature)
        def wrong(given: Any) -> dict[str, tf.Tensor]:
            return {name: self.changed(scores, given) for name, scores in right(given).items()}

        return {**found, self.other: wrong}

    def changed(self, scores: tf.Tensor, given: Any) -> tf.Tensor:
        """Returns the wrong scores."""
        del given
        return scores + 0.5


class PaddedSignature(OtherSignature):
    """The raw signature adds the number of places that it was given."""

    def changed(self, scores: tf.Tensor, given: Any) -> tf.Tensor:
        """Returns the wrong scores."""
        places = [tf.shape(column)[1] for column in given.values() if column.shape.rank > 1]
        return scores + tf.cast(tf.reduce_max(places), tf.float32)


def export(
    folder: Path,
    change: Scores = lambda scores, inputs: scores,
    *,
    kind: type[serving.Servable] = serving.Servable,
    weights: int = 1,
    warmup: tuple[bytes, ...] = (),
) -> Path:
    """Exports a model, whose requests to warm up are two and these."""
    servable = kind(Model(change, weights), Transformed(), transformed_spec(), per_document=True)
    requests = [serving.sample_request(SPEC, n) for n in (1, 3)]
    serving.export(servable, folder, warmup=[*requests, *warmup])
    return folder


def lists() -> list[bytes]:
    """Stored lists of several lengths."""
    return stored(draw(SIZES))


def nan_below_zero(scores: tf.Tensor, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
    """Has no score for what is below 0."""
    del inputs
    return tf.sqrt(scores)


def by_length(scores: tf.Tensor, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
    """Divides by the number of places."""
    return scores / tf.cast(tf.shape(inputs[MASK])[1], tf.float32)


def by_batch(scores: tf.Tensor, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
    """Takes off the mean over the batch."""
    context = inputs[NUMERIC[Scope.CONTEXT]][:, :1]
    return scores + context - tf.reduce_mean(context)


def by_position(scores: tf.Tensor, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
    """Puts the first documents first."""
    return scores - 0.1 * tf.range(tf.shape(inputs[MASK])[1], dtype=tf.float32)


def slow(scores: tf.Tensor, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
    """Takes its time."""
    product = tf.ones([300, 300]) * scores[0, 0]
    for _ in range(60):
        product = tf.tanh(tf.linalg.matmul(product, product))
    return scores + 1e-30 * product[0, 0]  # by 0 it would be left out
