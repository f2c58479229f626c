"""A loss, or a weighted sum of losses, as one Keras loss."""

from __future__ import annotations

import json

import tensorflow as tf

from data.plain import decode
from data.plain import to_json
from models.losses.checks import check
from models.losses.heads import n_outputs
from models.losses.names import parse
from models.losses.options import DEFAULTS
from models.losses.options import LossOptions


def build(
    text: str, options: LossOptions = DEFAULTS, *, ragged: bool = False
) -> tf.keras.losses.Loss:
    """Returns a loss of labels and scores.

    Args:
      text: A name, or a weighted sum such as "softmax_loss:0.9,sigmoid_cross_entropy_loss:0.1".
      options: Settings of the losses.
      ragged: Whether labels, scores and weights per document may be ragged tensors.

    Raises:
      InputError: There is no such loss, or an option does nothing for it.
    """
    return RankingLoss(text, options, ragged=ragged)


class RankingLoss(tf.keras.losses.Loss):
    """A weighted sum of ranking losses, computed in float32.

    It is called with labels `[batch_size, list_size]`, below 0 where there is no document; scores
    of the same shape, or `[batch_size, list_size, n_outputs]`; and weights, of lists
    `[batch_size, 1]` or `[batch_size]` or of documents `[batch_size, list_size]`. It returns a
    scalar, the mean over the batch that it sees: within a replica, the replica's own.

    Where a list has weights per document, pairwise losses weigh a pair by its better document,
    listwise ones the list by the mean weight of its documents, in proportion to their labels.
    """

    def __init__(
        self,
        text: str,
        options: LossOptions = DEFAULTS,
        *,
        ragged: bool = False,
        name: str = "ranking_loss",
    ) -> None:
        check(text, options)
        from models.losses.members import member  # loads TF-Ranking, which takes seconds

        super().__init__(name=name)
        self.text, self.options, self.ragged = text, options, ragged
        self._n_outputs = n_outputs(text, options)
        self._members = [(weight, member(name, options)) for name, weight in parse(text)]

    def __call__(
        self, labels: tf.Tensor, scores: tf.Tensor, sample_weight: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Returns the mean loss of a batch."""
        labels, scores, weights = self._prepare(labels, scores, sample_weight)
        with tf.name_scope(self.name):
            parts = [weight * loss(labels, scores, weights) for weight, loss in self._members]
            return tf.add_n(parts)

    def call(self, labels: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        """Returns the loss without weights."""
        return self(labels, scores)

    def get_config(self) -> dict[str, object]:
        """Returns plain values that `from_config` reads."""
        return {
            "text": self.text,
            "options": json.loads(to_json(self.options)),
            "ragged": self.ragged,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict) -> RankingLoss:
        """Returns the loss that `get_config` describes."""
        return cls(**{**config, "options": decode(LossOptions, config["options"], "options")})

    def _prepare(
        self, labels: tf.Tensor, scores: tf.Tensor, weights: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor | None]:
        heads = [self._n_outputs] if self._n_outputs > 1 else []
        labels = self._dense(labels, -1.0, [None, None])
        scores = self._dense(scores, 0.0, [None, None, *heads])
        if scores.shape.rank != 2 + len(heads) or (heads and scores.shape[-1] != heads[0]):
            wanted = ", ".join(["batch_size", "list_size", *map(str, heads)])
            raise ValueError(f"{self.text}: expected scores [{wanted}], found {scores.shape}")
        # A model may give padding any score, even one that is no number.
        real = labels >= 0
        scores = tf.where(real[:, :, tf.newaxis] if heads else real, scores, 0.0)
        if weights is not None:
            weights = self._dense(weights, 0.0, [None, None])
            if weights.shape.rank == 0:
                weights *= tf.ones_like(labels[:, :1])
            elif weights.shape.rank == 1:
                weights = weights[:, tf.newaxis]
        return labels, scores, weights

    def _dense(self, values: tf.Tensor, padding: float, shape: list[int | None]) -> tf.Tensor:
        if isinstance(values, tf.RaggedTensor):
            if not self.ragged:
                raise ValueError(f"{self.text}: ragged tensors need a loss built with ragged=True")
            values = values.to_tensor(padding, shape)
        return tf.cast(values, tf.float32)
