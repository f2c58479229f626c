"""The interactions of a factorization machine."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from models.ctr.vectors import stack


class PairProducts(tf.keras.layers.Layer):
    """`sum over i < j of v_i * v_j = ((sum v_i)^2 - sum v_i^2) / 2`, unit by unit, in float32.

    Its sum is what a factorization machine adds to the linear terms: Rendle, "Factorization
    Machines", ICDM 2010.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**{"dtype": tf.float32, **kwargs})

    def call(self, vectors: Sequence[tf.Tensor]) -> tf.Tensor:
        """Returns the sums, `[n_rows, dim]`.

        Args:
          vectors: Each `[n_rows, dim]`, or several `[n_rows, n, dim]`, of one length.

        Raises:
          ValueError: Their lengths differ.
        """
        rows = stack(vectors)
        squared = tf.square(tf.reduce_sum(rows, axis=1))
        return 0.5 * (squared - tf.reduce_sum(tf.square(rows), axis=1))
