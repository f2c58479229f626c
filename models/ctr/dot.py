"""The dot products of all pairs of vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from models.ctr.vectors import stack


class Dot(tf.keras.layers.Layer):
    """`<v_i, v_j>` for `j < i`, in the order of `i` and then `j`.

    Naumov et al., "Deep Learning Recommendation Model for Personalization and Recommendation
    Systems", 2019. The numbers are those of TensorFlow Recommenders' DotInteraction, whose mask
    has no fixed shape for XLA.

    Args:
      self_interaction: Whether `j = i` counts as well.
      skip_gather: Whether all `n_vectors^2` places are kept, those above the diagonal being 0.
    """

    def __init__(
        self, *, self_interaction: bool = False, skip_gather: bool = False, **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        self._self_interaction, self._skip_gather = self_interaction, skip_gather

    def call(self, vectors: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns the products, `[n_rows, n_pairs]`.

        Args:
          vectors: Each `[n_rows, dim]`, or several `[n_rows, n, dim]`.

        Raises:
          ValueError: Their lengths differ.
        """
        rows = stack(vectors)
        n = rows.shape[1]
        products = tf.matmul(rows, rows, transpose_b=True)
        diagonal = 0 if self._self_interaction else -1
        if self._skip_gather:
            lower = np.tril(np.ones([n, n], np.float32), diagonal)
            return tf.reshape(products * tf.cast(lower, products.dtype), [-1, n * n])
        i, j = np.tril_indices(n, diagonal)
        return pick(tf.reshape(products, [-1, n * n]), i * n + j)

    def get_config(self) -> dict[str, object]:
        """Returns the arguments."""
        own = {"self_interaction": self._self_interaction, "skip_gather": self._skip_gather}
        return super().get_config() | own


def pick(rows: tf.Tensor, columns: np.ndarray) -> tf.Tensor:
    """Returns some columns of rows, no column twice; its gradient is a lookup as well.

    >>> pick(tf.constant([[1, 2, 3], [4, 5, 6]]), np.array([2, 0])).numpy().tolist()
    [[3, 1], [6, 4]]
    """
    width = rows.shape[1]
    back = np.full(width, len(columns))
    back[columns] = np.arange(len(columns))

    @tf.custom_gradient
    def picked(rows: tf.Tensor) -> tuple[tf.Tensor, object]:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            padded = tf.pad(upstream, [[0, 0], [0, 1]])
            return tf.ensure_shape(tf.gather(padded, back, axis=1), [None, width])

        return tf.gather(rows, columns, axis=1), gradient

    return picked(rows)
