"""The feed-forward tower that the families share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from collections.abc import Sequence

import tensorflow as tf

from data.errors import InputError
from data.errors import did_you_mean

ACTIVATIONS = (
    "elu", "exponential", "gelu", "linear", "mish", "relu", "selu", "sigmoid", "softplus",
    "softsign", "swish", "tanh",
)  # fmt: skip
"""The Keras activations that act on each unit by itself."""


@dataclasses.dataclass(frozen=True)
class TowerConfig:
    """Settings of a tower, with TF-Ranking's names.

    Attributes:
      hidden_layer_dims: The widths of the hidden layers.
      activation: The name of a Keras activation.
      use_batch_norm: Whether each layer normalises over the batch's documents.
      input_batch_norm: Whether the input is normalised in the same way.
      batch_norm_moment: The momentum of the moving averages, from 0 to 1.
      dropout: The share of units dropped after each layer.
    """

    hidden_layer_dims: tuple[int, ...] = (256, 128, 64)
    activation: str = "relu"
    use_batch_norm: bool = True
    input_batch_norm: bool = False
    batch_norm_moment: float = 0.999
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            near = did_you_mean(self.activation, ACTIVATIONS)
            raise InputError(f"unknown activation '{self.activation}'.{near}")
        if not 0 <= self.batch_norm_moment <= 1:
            raise InputError(f"batch_norm_moment must be in [0, 1], found {self.batch_norm_moment}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be in [0, 1), found {self.dropout}")
        check_dims("hidden_layer_dims", self.hidden_layer_dims)


def check_dims(name: str, dims: tuple[int, ...]) -> None:
    """Raises InputError unless the widths are one or more positive numbers."""
    if min(dims, default=0) < 1:
        raise InputError(f"{name} must be positive, found {dims}")


class Tower(tf.keras.layers.Layer):
    """Dense layers, each followed by batch normalisation, activation and dropout; then the output.

    The architecture of `tfr.keras.layers.create_tower`. Rows that are no document leave the
    statistics of batch normalisation as they are. `output_units` are float32 at any precision.

    Args:
      config: The settings.
      output_units: The width of the output; None: the last hidden layer is the output.
      dense: Makes a layer of a given width; see `models.gam.GroupedDense`.
      axis: The axis of the units, and others that batch normalisation keeps apart.
    """

    def __init__(
        self,
        config: TowerConfig,
        output_units: int | None,
        *,
        dense: Callable[..., tf.keras.layers.Layer] = tf.keras.layers.Dense,
        axis: Sequence[int] = (-1,),
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self._steps: list[tf.keras.layers.Layer] = []
        if config.input_batch_norm:
            self._steps.append(self._norm(config, axis))
        for width in config.hidden_layer_dims:
            self._steps.append(dense(width))
            if config.use_batch_norm:
                self._steps.append(self._norm(config, axis))
            self._steps.append(tf.keras.layers.Activation(config.activation))
            if config.dropout:
                self._steps.append(tf.keras.layers.Dropout(config.dropout))
        if output_units is not None:
            self._steps.append(dense(output_units, dtype=tf.float32))

    def _norm(self, config: TowerConfig, axis: Sequence[int]) -> tf.keras.layers.Layer:
        return tf.keras.layers.BatchNormalization(list(axis), momentum=config.batch_norm_moment)

    def call(
        self, rows: tf.Tensor, is_document: tf.Tensor | None = None, training: bool = False
    ) -> tf.Tensor:
        """Returns `[n_rows, width of the output]`.

        Args:
          rows: `[n_rows, dim]`, or what `dense` takes.
          is_document: `[n_rows]` bool; None: all rows are documents.
          training: Whether units are dropped and statistics are those of the batch.
        """
        for step in self._steps:
            if isinstance(step, tf.keras.layers.BatchNormalization):
                rows = step(rows, training=training, mask=is_document)
            elif isinstance(step, tf.keras.layers.Dropout):
                rows = step(rows, training=training)
            else:
                rows = step(rows)
        return rows
