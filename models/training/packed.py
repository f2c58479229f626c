"""Several steps of training as one XLA computation, for models whose steps are short.

Keras' `steps_per_execution` spares the way through Python, but each step still fetches its batch,
starts its computation and hands over every variable. Here a call gets the batches of all its steps
in one stack, and weights and optimizer stay inside until the last step is done.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import TypeAlias

import tensorflow as tf

TrainFunction: TypeAlias = Callable[[Any], Mapping[str, tf.Tensor]]
"""What `tf.keras.Model.fit` calls with the iterator of the data set, until an epoch is over."""


def divide(steps: int, most: int) -> tuple[int, int]:
    """Divides an epoch into calls of equally many steps; returns calls and steps per call.

    Args:
      steps: The steps of the epoch; those of all calls are as many or nearly as many.
      most: The most steps of a call.

    >>> divide(19_493, most=100), divide(8, most=100)
    ((195, 100), (1, 8))
    """
    calls = math.ceil(steps / most)
    return calls, round(steps / calls)


def stack(batches: tf.data.Dataset, *, steps: int, batch_size: int) -> tf.data.Dataset:
    """Returns what is in batches of any size as `[steps, batch_size, ...]`."""

    def split(tensor: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tensor, [steps, batch_size, *tensor.shape[1:]])

    whole = batches.rebatch(steps * batch_size, drop_remainder=True)
    return whole.map(lambda *batch: tf.nest.map_structure(split, batch))


def train_function(model: tf.keras.Model, steps: int) -> TrainFunction:
    """Returns what takes so many steps, each the model's `train_step`, in one computation.

    The data set must give what `stack` returns. The last step's logs are returned: as metrics they
    are of all steps since they were reset.
    """

    def take(batches: Any) -> Mapping[str, tf.Tensor]:
        for step in tf.range(steps):
            logs = model.train_step(_at(batches, step))
        return logs

    compiled = tf.function(take, jit_compile=True)

    @tf.function
    def call(iterator: Any) -> Mapping[str, tf.Tensor]:
        return compiled(next(iterator))

    return call


def _at(batches: Any, step: tf.Tensor) -> Any:
    return tf.nest.map_structure(lambda stacked: stacked[step], batches)
