"""Hyper-parameter search: which settings are tried, and how."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Iterator

from data.errors import InputError

MOST_VALUES, MOST_COMBINATIONS = 1000, 100_000
"""Of one setting, and of a grid."""

Scalar = bool | int | float | str
Value = Scalar | tuple[Scalar, ...]


class Algorithm(str, enum.Enum):
    """How the values of the next trial are chosen."""

    RANDOM = "random"
    """Drawn at random, no combination twice."""
    BAYESIAN = "bayesian"
    """At random for three trials per setting, then where a Gaussian process promises most."""
    GRID = "grid"
    """Every combination once, in random order."""


@dataclasses.dataclass(frozen=True)
class Axis:
    """The values of one setting that are tried: a range or a choice.

    Attributes:
      low: The least value of the range.
      high: Its greatest value.
      step: The distance of neighbouring values; with `log` their ratio. Any value if None.
      log: Whether each order of magnitude counts alike.
      choices: The values, where it is no range.
    """

    low: int | float | None = None
    high: int | float | None = None
    step: int | float | None = None
    log: bool = False
    choices: tuple[Value, ...] = ()

    def __post_init__(self) -> None:
        for rule, broken in self._choice_rules() if self.choices else self._range_rules():
            if broken:
                raise InputError(rule)

    def _choice_rules(self) -> Iterator[tuple[str, bool]]:
        bounded = self.low is not None or self.high is not None
        yield "choices stand alone, without 'low' and 'high'", bounded
        yield "choices stand alone, without 'step' and 'log'", self.step is not None or self.log

    def _range_rules(self) -> Iterator[tuple[str, bool]]:
        low, high, step = self.low, self.high, self.step
        missing = low is None or high is None
        yield "expected 'choices', or 'low' and 'high'", missing
        assert low is not None
        assert high is not None
        finite = math.isfinite(low) and math.isfinite(high)
        yield f"low must be below high, found {low} and {high}", not finite or low >= high
        yield f"log needs a low above 0, found {low}", self.log and low <= 0
        if step is not None:
            least = 1 if self.log else 0
            sound = least < step < math.inf
            yield f"step must be above {least}{' with log' * self.log}, found {step}", not sound
            many = f"step {step} makes more than {MOST_VALUES} values"
            yield many, self._count(low, high, step) > MOST_VALUES

    def _count(self, low: float, high: float, step: float) -> int:
        steps = math.log(high / low, step) if self.log else (high - low) / step
        return math.floor(steps + 1e-9) + 1

    @property
    def values(self) -> tuple[Value, ...]:
        """All values; none for a range without steps.

        >>> Axis(0.0, 0.3, step=0.1).values
        (0.0, 0.1, 0.2, 0.3)
        >>> Axis(16, 100, step=2, log=True).values
        (16, 32, 64)
        """
        low, high, step = self.low, self.high, self.step
        if low is None or high is None or step is None:
            return self.choices
        places = range(self._count(low, high, step))
        return tuple(_round(low * step**i if self.log else low + i * step) for i in places)


def _round(value: float) -> float:
    return value if isinstance(value, int) else float(f"{value:.12g}")  # 0.1 * 3 is not 0.3


@dataclasses.dataclass(frozen=True)
class TunerConfig:
    """The search for settings, which comes before training.

    Attributes:
      trials: The most trainings that are tried; 0: no search.
      algorithm: How their values are chosen.
      epochs: The most epochs of a trial; 0: as many as in training.
      seed: Fixes the values that are tried.
      space: For each setting, such as `train.learning_rate` or `model.dropout`, its values.
    """

    trials: int = 0
    algorithm: Algorithm = Algorithm.RANDOM
    epochs: int = 0
    seed: int = 42
    space: dict[str, Axis] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for rule, broken in self._rules():
            if broken:
                raise InputError(rule)

    def _rules(self) -> Iterator[tuple[str, bool]]:
        for name in ("trials", "epochs"):
            yield f"{name} must be 0 or more, found {vars(self)[name]}", vars(self)[name] < 0
        yield f"seed must be in [0, 2^31), found {self.seed}", not 0 <= self.seed < 2**31
        yield (
            "trials need a space: name settings in [tuner.space]",
            self.trials > 0 and not self.space,
        )
        twice = "'train.epochs' is in space and 'epochs' is set; choose one"
        yield twice, self.epochs > 0 and "train.epochs" in self.space
        if self.algorithm is Algorithm.GRID:
            for path, axis in self.space.items():
                yield f"space: '{path}': a grid needs 'step' or 'choices'", not axis.values
            size = math.prod(len(axis.values) for axis in self.space.values())
            large = f"a grid of {size:,} combinations is too large; search at random"
            yield large, size > MOST_COMBINATIONS
