"""What metrics are computed from: scores, labels, mask and weights, dense and of one type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import tensorflow as tf

TensorLike: TypeAlias = tf.types.experimental.TensorLike


@dataclass(frozen=True)
class Batch:
    """A batch of lists.

    Attributes:
        scores: `[batch_size, list_size]`.
        labels: `[batch_size, list_size]` or `[batch_size, list_size, n_subtopics]`.
        mask: `[batch_size, list_size]` bool, False where there is no document.
        weights: `[batch_size, list_size]`, not negative; `None`: there are none.
    """

    scores: tf.Tensor
    labels: tf.Tensor
    mask: tf.Tensor
    weights: tf.Tensor | None


def to_batch(
    scores: TensorLike,
    labels: TensorLike,
    mask: TensorLike | None,
    weights: TensorLike | None,
) -> Batch:
    """Returns the arguments of `evaluate` as a batch; raises `ValueError` for a wrong shape."""
    scores, labels = _dense(scores, 0.0), _dense(labels, -1.0)
    dtype = tf.float64 if scores.dtype == tf.float64 else tf.float32
    scores, labels = tf.cast(scores, dtype), tf.cast(labels, dtype)
    if scores.shape.rank not in (2, None):
        raise ValueError(f"scores: expected [batch_size, list_size], found {scores.shape}")
    known = labels >= 0.0
    if labels.shape.rank == 3:
        known = tf.reduce_any(known, axis=2)
    given = tf.ones_like(known) if mask is None else tf.cast(_dense(mask, False), tf.bool)
    for name, tensor, shape in (("labels", known, labels.shape), ("mask", given, given.shape)):
        if not scores.shape.is_compatible_with(tensor.shape):
            raise ValueError(
                f"{name}: expected the shape of the scores {scores.shape}, found {shape}"
            )
    return Batch(scores, labels, given & known, _document_weights(weights, scores))


def _document_weights(weights: TensorLike | None, scores: tf.Tensor) -> tf.Tensor | None:
    if weights is None:
        return None
    weights = tf.cast(_dense(weights, 0.0), scores.dtype)
    if weights.shape.rank == 1:
        weights = weights[:, tf.newaxis]
    places = tf.TensorShape([scores.shape[0], None])
    single = weights.shape.rank == 2 and weights.shape[1] in (1, None)
    if not (places.is_compatible_with(weights.shape) and single) and not (
        scores.shape.is_compatible_with(weights.shape)
    ):
        raise ValueError(
            f"weights: expected the shape of the scores {scores.shape} or one weight for each list,"
            f" found {weights.shape}"
        )
    return tf.maximum(weights, 0.0) * tf.ones_like(scores)


def _dense(tensor: TensorLike, padding: float | bool) -> tf.Tensor:
    if isinstance(tensor, tf.RaggedTensor):
        return tensor.to_tensor(padding)
    return tf.convert_to_tensor(tensor)
