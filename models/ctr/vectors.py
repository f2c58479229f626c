"""Lists of vectors per row: one tensor of them all, and all of one length."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


def stack(vectors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns vectors of one length as one tensor `[n_rows, n_vectors, dim]`.

    Args:
      vectors: Each `[n_rows, dim]`, or several `[n_rows, n, dim]`.

    Raises:
      ValueError: Their lengths differ.

    >>> stack([tf.zeros([4, 2]), tf.zeros([4, 3, 2])]).shape.as_list()
    [4, 4, 2]
    """
    lengths = sorted({v.shape[-1] for v in vectors})
    if len(lengths) > 1:
        raise ValueError(f"vectors that interact must be of one length, found {lengths}")
    several = [v if v.shape.rank == 3 else v[:, tf.newaxis] for v in vectors]
    return several[0] if len(several) == 1 else tf.concat(several, axis=1)


def flatten(vectors: Sequence[tf.Tensor]) -> tf.Tensor:
    """Returns vectors side by side, `[n_rows, sum of lengths]`.

    Args:
      vectors: As in `stack`, of any lengths.

    >>> flatten([tf.zeros([4, 5]), tf.zeros([4, 3, 2])]).shape.as_list()
    [4, 11]
    """
    flat = [
        v if v.shape.rank == 2 else tf.reshape(v, [-1, v.shape[1] * v.shape[2]]) for v in vectors
    ]
    return flat[0] if len(flat) == 1 else tf.concat(flat, axis=1)


class Aligned(tf.keras.layers.Layer):
    """Vectors of one length: those of another are multiplied by a matrix, one for each length.

    Args:
      dim: The length.
    """

    def __init__(self, dim: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._dim = dim
        self._matrices: dict[str, tf.keras.layers.Layer] = {}

    def call(self, vectors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Returns the vectors, each `[n_rows, dim]` or `[n_rows, n, dim]` as it came."""
        return [self._aligned(v) for v in vectors]

    def _aligned(self, vectors: tf.Tensor) -> tf.Tensor:
        length = vectors.shape[-1]
        if length == self._dim:
            return vectors
        name = f"from_{length}"
        if name not in self._matrices:
            self._matrices[name] = tf.keras.layers.Dense(self._dim, use_bias=False, name=name)
        return self._matrices[name](vectors)
