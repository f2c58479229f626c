"""The layers above and below the interactions."""

from __future__ import annotations

import functools

import tensorflow as tf

from models.ctr.settings import CtrConfig
from models.tower import Tower


class Stack(tf.keras.layers.Layer):
    """A `Tower` that may have no hidden layer, nor an output: then its input is its output.

    Args:
      config: The settings of its layers.
      widths: The widths of the hidden layers.
      output_units: The width of the linear output in float32; None: there is none.
    """

    def __init__(
        self,
        config: CtrConfig,
        widths: tuple[int, ...],
        output_units: int | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        l2 = config.kernel_regularization
        dense = functools.partial(
            tf.keras.layers.Dense,
            kernel_regularizer=tf.keras.regularizers.L2(l2) if l2 else None,
        )
        self._tower = Tower(config.tower(widths), None, dense=dense) if widths else None
        self._output = None
        if output_units is not None:
            self._output = dense(output_units, dtype=tf.float32)

    def call(
        self, rows: tf.Tensor, is_document: tf.Tensor | None = None, training: bool = False
    ) -> tf.Tensor:
        """Returns `[n_rows, width of the output]`; see `Tower.call`."""
        if self._tower is not None:
            rows = self._tower(rows, is_document, training=training)
        return rows if self._output is None else self._output(rows)
