"""What a report knows of the examples and of the scores: plain values beside those of `facts`."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Bar:
    """A bar of a histogram.

    Attributes:
      low: Its lower end.
      high: Its upper end.
      share: The share of the values in it.
    """

    low: float
    high: float
    share: float


@dataclasses.dataclass(frozen=True)
class Summary:
    """The values of a column in one split.

    Attributes:
      values: Their number.
      missing: The share of lists without one.
      mean: Of numbers.
      std: Of numbers.
      zeros: The share of numbers that are 0.
      low: The least number.
      median: The median of numbers.
      high: The greatest number.
      unique: How many different texts there are, about.
      top: The most frequent texts and their numbers.
      bars: A histogram of numbers.
    """

    values: int
    missing: float
    mean: float | None = None
    std: float | None = None
    zeros: float | None = None
    low: float | None = None
    median: float | None = None
    high: float | None = None
    unique: int | None = None
    top: dict[str, int] = dataclasses.field(default_factory=dict)
    bars: tuple[Bar, ...] = ()


@dataclasses.dataclass(frozen=True)
class ColumnFacts:
    """A column of the examples.

    Attributes:
      name: The column.
      splits: Its values by split.
      drift: The Jensen-Shannon divergence, from 0 to 1, of the training split from another one, by
        the name of that.
    """

    name: str
    splits: dict[str, Summary]
    drift: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Ranked:
    """A document at its place.

    Attributes:
      document: Its id, or its place in the list as it was logged.
      label: Its label.
      score: The model's score.
    """

    document: str
    label: float
    score: float


@dataclasses.dataclass(frozen=True)
class ListFacts:
    """A list as both models rank it.

    Attributes:
      name: The list's id, or its place in the split.
      size: The number of its documents.
      candidate: The metric of the model of this run.
      blessed: The metric of the model blessed before.
      ranked: The first documents by the model of this run.
      ranked_before: The first documents by the other one.
    """

    name: str
    size: int
    candidate: float
    blessed: float
    ranked: tuple[Ranked, ...]
    ranked_before: tuple[Ranked, ...]


@dataclasses.dataclass(frozen=True)
class Importance:
    """What a metric loses when the values of a feature are dealt out anew.

    Attributes:
      feature: The feature.
      loss: The mean over repetitions; more is worse for the ranking.
      spread: The standard deviation over repetitions.
    """

    feature: str
    loss: float
    spread: float


@dataclasses.dataclass(frozen=True)
class ScoreFacts:
    """What scoring some lists of the evaluation split told.

    Attributes:
      metric: The metric behind these numbers.
      lists: How many lists were compared; impressions are no lists.
      documents: How many documents the importance was measured on.
      repeats: How many times each feature was dealt out anew.
      winners: The lists that gained most.
      losers: The lists that lost most.
      importance: The features, those that matter most first.
    """

    metric: str
    lists: int
    documents: int
    repeats: int
    winners: tuple[ListFacts, ...] = ()
    losers: tuple[ListFacts, ...] = ()
    importance: tuple[Importance, ...] = ()
