"""How far the examples may be from those of the model that is served."""

from __future__ import annotations

import dataclasses
import math

from data.errors import InputError
from data.errors import did_you_mean
from data.features import FeatureSpec


@dataclasses.dataclass(frozen=True)
class DriftConfig:
    """What the training examples are compared by with those that the served model learned from.

    More than what is allowed stops the run before training. What is not set is not looked at.

    Attributes:
      numeric: The Jensen-Shannon divergence of each column of numbers, from 0 to 1.
      categorical: The L-infinity distance, from 0 to 1, of each column of strings, or of integers
        that `vocabulary`, `hash` or `key` looks up: the most by which the share of a value changed.
      columns: By column, what is allowed there in the place of these two; 1 allows anything. The
        ids of lists and documents are compared where they are named here only.
      unseen: The share of such a column's values that are new: not among the 1,000 most frequent
        ones of before, though twice as frequent as the last of these where there were more.
      label: The Jensen-Shannon divergence of the label, and of each task.
      missing: By how much the share of cells may rise that took their column's default; of
        defaults that are texts or 0.
      no_relevant: By how much the share of lists without a relevant document may rise.
      list_length: The change of the mean length of lists, in shares of what it was.
      lists: The change of the number of lists, or of impressions, in shares of what it was; where
        several spans were read, of the mean number in a span.
      requests: A pattern of files with logged requests, TFRecords of ExampleListWithContext, whose
        columns are compared with the training examples by the same limits. The exported model is
        asked them too, before it is published.
    """

    numeric: float | None = None
    categorical: float | None = None
    columns: dict[str, float] = dataclasses.field(default_factory=dict)
    unseen: float | None = None
    label: float | None = None
    missing: float | None = None
    no_relevant: float | None = None
    list_length: float | None = None
    lists: float | None = None
    requests: str = ""

    def __post_init__(self) -> None:
        shares = ("numeric", "categorical", "unseen", "label", "missing", "no_relevant")
        found = {name: getattr(self, name) for name in shares}
        found |= {f"columns: {name}": value for name, value in self.columns.items()}
        for name, value in found.items():
            if value is not None and not 0 <= value <= 1:
                raise InputError(f"{name} must be from 0 to 1, found {value:g}")
        changes = {"list_length": self.list_length, "lists": self.lists}
        for name, value in changes.items():
            if value is not None and not 0 <= value < math.inf:
                raise InputError(f"{name} must be 0 or more, found {value:g}")
        if all(value is None for value in (found | changes).values()):
            limits = [field.name for field in dataclasses.fields(self) if field.name != "requests"]
            raise InputError(f"expected at least one of {', '.join(limits)}")

    def require(self, features: FeatureSpec) -> None:
        """Raises InputError where these columns cannot be compared so."""
        known = [feature.name for feature in features.raw]
        for name in self.columns:
            if name in features.targets:
                raise InputError(f"drift.columns: '{name}' is a label; set drift.label")
            if name not in known:
                near = did_you_mean(name, known)
                raise InputError(f"drift.columns: '{name}' is no feature.{near}")
        for name in ("no_relevant", "list_length"):
            if features.impressions and getattr(self, name) is not None:
                raise InputError(f"drift.{name}: impressions have no lists; leave it out")
