"""Optimizers that change, of a table, only the rows that a step looked up."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from data.errors import InputError
from data.errors import did_you_mean

Step = Callable[[tf.Tensor, Sequence[tf.Tensor], tf.Tensor, tf.Tensor], Sequence[tf.Tensor]]
"""Gradient, slots, learning rate and number of the step to the change and the new slots."""


def _sgd(
    gradient: tf.Tensor, slots: Sequence[tf.Tensor], rate: tf.Tensor, number: tf.Tensor
) -> Sequence[tf.Tensor]:
    return (-rate * gradient,)


def _adagrad(
    gradient: tf.Tensor,
    slots: Sequence[tf.Tensor],
    rate: tf.Tensor,
    number: tf.Tensor,
    *,
    epsilon: float,
) -> Sequence[tf.Tensor]:
    total = slots[0] + gradient**2
    return -rate * gradient / tf.sqrt(total + epsilon), total


def _adam(
    gradient: tf.Tensor,
    slots: Sequence[tf.Tensor],
    rate: tf.Tensor,
    number: tf.Tensor,
    *,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> Sequence[tf.Tensor]:
    mean = slots[0] + (gradient - slots[0]) * (1 - beta_1)
    square = slots[1] + (gradient**2 - slots[1]) * (1 - beta_2)
    rate = rate * tf.sqrt(1 - beta_2**number) / (1 - beta_1**number)
    return -rate * mean / (tf.sqrt(square) + epsilon), mean, square


@dataclasses.dataclass(frozen=True)
class Rule:
    """How one optimizer steps.

    Attributes:
      step: The formula.
      slots: Its slots and what these start with; a word names the option that says so.
      options: The constants of the formula and what they are by default.
    """

    step: Callable[..., Sequence[tf.Tensor]]
    slots: Mapping[str, float | str]
    options: Mapping[str, float]


RULES: Mapping[str, Rule] = {
    "adagrad": Rule(
        _adagrad,
        {"accumulator": "initial_accumulator_value"},
        {"initial_accumulator_value": 0.1, "epsilon": 1e-7},
    ),
    "adam": Rule(_adam, {"m": 0.0, "v": 0.0}, {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}),
    "sgd": Rule(_sgd, {}, {}),
}
"""The formulas of the Keras optimizers of these names."""


class RowOptimizer(tf.keras.optimizers.Optimizer):
    """Steps as the Keras optimizer of the same name, but leaves alone rows without a gradient.

    For weights other than tables this is no difference. For rows it is one with Adam, whose Keras
    class lets all moments decay and all rows move in every step: here a row's moments decay when
    the row is used, as "lazy Adam" does, and a step costs what the looked-up rows cost. Its slots
    can grow with a table.

    Args:
      rule: A name of `RULES`.
      learning_rate: The step size or its schedule.
      options: The rule's constants by Keras's names.
      kwargs: Arguments of all Keras optimizers, such as `clipnorm`.

    Raises:
      InputError: There is no such rule or option.
    """

    def __init__(
        self,
        rule: str = "adagrad",
        learning_rate: float | tf.keras.optimizers.schedules.LearningRateSchedule = 1e-3,
        options: Mapping[str, float] | None = None,
        name: str = "RowOptimizer",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if rule not in RULES:
            raise InputError(f"unknown rule '{rule}'.{did_you_mean(rule, RULES)}")
        self._rule, self._options = rule, dict(options or {})
        for option in self._options:
            if option not in RULES[rule].options:
                near = did_you_mean(option, RULES[rule].options)
                raise InputError(f"{rule} has no option '{option}'.{near}")
        self._learning_rate = self._build_learning_rate(learning_rate)
        constants = {**RULES[rule].options, **self._options}
        starts = RULES[rule].slots.values()
        self._starts = [constants.pop(s) if isinstance(s, str) else s for s in starts]
        self._step: Step = functools.partial(RULES[rule].step, **constants)

    def build(self, var_list: Sequence[tf.Variable]) -> None:
        """Makes the slots; those of a table that grows can grow as well."""
        super().build(var_list)
        if hasattr(self, "_slots"):
            return
        self._slots = [
            [self._slot(variable, *slot) for variable in var_list]
            for slot in zip(RULES[self._rule].slots, self._starts, strict=True)
        ]

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        """Changes a variable, or the rows of it that the gradient is for."""
        rate = tf.cast(self.learning_rate, variable.dtype)
        number = tf.cast(self.iterations + 1, variable.dtype)
        place = self._index_dict[self._var_key(variable)]
        slots = [of_slot[place] for of_slot in self._slots]
        if not isinstance(gradient, tf.IndexedSlices):
            change, *new = self._step(gradient, slots, rate, number)
            variable.assign_add(change)
            for slot, value in zip(slots, new, strict=True):
                slot.assign(value)
            return
        rows = gradient.indices
        old = [tf.gather(slot, rows) for slot in slots]
        change, *new = self._step(gradient.values, old, rate, number)
        variable.scatter_add(tf.IndexedSlices(change, rows))
        for slot, value in zip(slots, new, strict=True):
            slot.scatter_update(tf.IndexedSlices(value, rows))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments."""
        rate = self._serialize_hyperparameter(self._learning_rate)
        own = {"rule": self._rule, "learning_rate": rate, "options": self._options}
        return {**super().get_config(), **own}

    def _slot(self, variable: tf.Variable, name: str, start: float) -> tf.Variable:
        def shaped(create: Callable[..., tf.Variable], **kwargs: Any) -> tf.Variable:
            return create(**{**kwargs, "shape": variable.shape})

        with tf.variable_creator_scope(shaped):
            return self.add_variable_from_reference(
                model_variable=variable,
                variable_name=name,
                initial_value=tf.fill(tf.shape(variable), tf.cast(start, variable.dtype)),
            )
