"""Matrix factorisation: the score is the dot product of a user's and an item's vector."""

from __future__ import annotations

import dataclasses
import math

import tensorflow as tf

from data.errors import InputError
from data.transformed import TransformedSpec
from models.factors import Part
from models.factors import Sides
from models.places import Places
from models.ranker import Inputs
from models.ranker import Outputs
from models.ranker import Ranker


@dataclasses.dataclass(frozen=True)
class MfConfig:
    """Settings of matrix factorisation.

    Attributes:
      num_factors: The length of the vectors.
      biases: Whether users, items and the whole have a bias.
      regularization: The weight of the squared norms in the loss; see `MfRanker`.
      init_stddev: The standard deviation of the initial vectors; biases begin at 0.
    """

    num_factors: int = 64
    biases: bool = True
    regularization: float = 0.0
    init_stddev: float = 0.1

    def __post_init__(self) -> None:
        check_vectors(self.num_factors, self.init_stddev)
        check_regularization("regularization", self.regularization)


def check_vectors(num_factors: int, init_stddev: float) -> None:
    """Raises InputError unless both numbers are positive."""
    if num_factors < 1:
        raise InputError(f"num_factors must be at least 1, found {num_factors}")
    if not 0 < init_stddev < math.inf:
        raise InputError(f"init_stddev must be positive, found {init_stddev}")


def check_regularization(name: str, value: float) -> None:
    """Raises InputError unless the number is 0 or more."""
    if not 0 <= value < math.inf:
        raise InputError(f"{name} must be 0 or more, found {value}")


class MfRanker(Ranker):
    """`score = <p_u, q_i> + b_u + b_i + b`.

    Rendle, Krichene, Zhang, Anderson, "Neural Collaborative Filtering vs. Matrix Factorization
    Revisited", RecSys 2020. Training adds `regularization (|p_u|^2 + |q_i|^2 + b_u^2 + b_i^2)`,
    averaged over the documents of the batch, to the loss. (Where a regularisation is given as the
    weight decay of an SGD step, half of it is meant here.) Of several logits each weighs the
    factors of the product in its own way, and has biases of its own.
    """

    def __init__(
        self, transformed: TransformedSpec, config: MfConfig, *, outputs: Outputs, static: bool
    ) -> None:
        super().__init__("mf", transformed, config, outputs=outputs, static=static)
        parts = [Part(config.num_factors, config.init_stddev, config.regularization)]
        if config.biases:
            parts.append(Part(self.n_logits, 0.0, config.regularization))
        self._sides = Sides(transformed, parts)
        self._total = Total(self.n_logits, bias=config.biases)

    def logits(self, inputs: Inputs, places: Places, *, training: bool) -> tf.Tensor:
        """Returns the dot products with their biases, `[n_rows, n_logits]`."""
        (user, *of_user), (item, *of_item) = self._sides(inputs, places, training=training)
        logits = self._total(places.spread(user) * item)
        biases = [places.spread(bias) for bias in of_user] + of_item
        return tf.add_n([logits, *biases])

    def crossed(self, inputs: Inputs, *, training: bool) -> tf.Tensor:
        """Returns the dot products of all users and items with their biases."""
        (user, *of_user), (item, *of_item) = self._sides.crossed(inputs, training=training)
        biases = [bias[:, tf.newaxis] for bias in of_user] + of_item
        return sum(biases, start=self._total.crossed(user, item))


class Total(tf.keras.layers.Layer):
    """The sum of each row, or several weighted ones; `[n_rows, dim]` to `[n_rows, units]` float32.

    Args:
      units: The number of sums.
      bias: Whether a number is added to each.
    """

    def __init__(self, units: int, *, bias: bool, **kwargs: object) -> None:
        super().__init__(dtype=tf.float32, **kwargs)
        self._units, self._use_bias = units, bias

    def build(self, shape: tf.TensorShape) -> None:
        """Creates the weights."""
        self._kernel = self._bias = None
        if self._units > 1:  # near the plain sum, but each its own
            near = tf.keras.initializers.RandomNormal(1.0, 0.1)
            self._kernel = self.add_weight("kernel", [shape[-1], self._units], initializer=near)
        if self._use_bias:
            self._bias = self.add_weight("bias", [self._units], initializer="zeros")
        super().build(shape)

    def call(self, rows: tf.Tensor) -> tf.Tensor:
        """Sums; see the class."""
        if self._kernel is None:
            total = tf.reduce_sum(rows, axis=1, keepdims=True)
        else:
            total = rows @ self._kernel
        return total if self._bias is None else total + self._bias

    def crossed(self, users: tf.Tensor, items: tf.Tensor) -> tf.Tensor:
        """Returns the sums of all products of two rows, `[n_users, n_items, units]`.

        Args:
          users: `[n_users, dim]`.
          items: `[n_items, dim]`.
        """
        if self._kernel is None:
            total = tf.linalg.matmul(users, items, transpose_b=True)[..., tf.newaxis]
        else:
            total = tf.einsum("ud,id,dk->uik", users, items, self._kernel)
        return total if self._bias is None else total + self._bias
