"""How negatives are drawn."""

from __future__ import annotations

import dataclasses
import enum
import math

from data.errors import InputError


class NegativeKind(str, enum.Enum):
    """Where the negatives of a positive come from; none is a training positive of its user."""

    UNIFORM = "uniform"
    """All items alike."""
    POPULARITY = "popularity"
    """Items in proportion to a power of the number of their training positives."""
    IN_BATCH = "in_batch"
    """The positives of the next lists of the batch."""


@dataclasses.dataclass(frozen=True)
class Negatives:
    """The table `[train.negatives]`.

    Attributes:
      kind: uniform, popularity or in_batch.
      per_positive: The number of negatives beside each positive.
      power: popularity: the power of an item's number of training positives.
    """

    kind: NegativeKind = NegativeKind.UNIFORM
    per_positive: int = 4
    power: float = 0.75

    def __post_init__(self) -> None:
        if self.per_positive < 1:
            raise InputError(f"per_positive must be at least 1, found {self.per_positive}")
        if not 0 <= self.power < math.inf:
            raise InputError(f"power must be 0 or more, found {self.power}")
