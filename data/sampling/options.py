"""The settings of drawing negatives."""

from __future__ import annotations

import dataclasses
import enum
import math

from data.errors import InputError


class NegativeKind(str, enum.Enum):
    """Where the negatives of a positive come from; never from what its user is known to like."""

    UNIFORM = "uniform"
    """Every item of the catalogue is as likely as any other."""
    POPULARITY = "popularity"
    """An item is as likely as its number of training positives to the power of `power` is large."""
    IN_BATCH = "in_batch"
    """The positives of lists that are trained on at the same time."""
    ALL = "all"
    """All items, nothing drawn: a list (of `batch_size`) is a user, and negatives weigh what draws
    would. Listwise losses take no weights of negatives: `softmax_loss` is that over all items."""


@dataclasses.dataclass(frozen=True)
class Negatives:
    """How many negatives a positive gets, and which.

    Attributes:
      kind: Where they come from.
      per_positive: How many there are beside each positive; of `all` what they weigh together.
      power: Of `popularity` alone: 0 is uniform, 1 the popularity itself, and in between popular
        items are drawn less often than they are seen.
    """

    kind: NegativeKind = NegativeKind.UNIFORM
    per_positive: int = 4
    power: float = 0.75

    def __post_init__(self) -> None:
        if self.per_positive < 1:
            raise InputError(f"per_positive must be at least 1, found {self.per_positive}")
        if not 0 <= self.power < math.inf:
            raise InputError(f"power must be 0 or more, found {self.power}")
