"""How far the columns of one data set are from those of another."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import TypeAlias

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.statistics import LISTED
from components.statistics import Statistics
from components.statistics import counted
from components.statistics import distances
from data.features import Feature
from data.features import FeatureSpec
from pipeline.drift import DriftConfig

SHOWN = 5
"""How many figures are told where all is as allowed: those nearest to what is."""
_Column: TypeAlias = statistics_pb2.FeatureNameStatistics


@dataclasses.dataclass(frozen=True)
class Figure:
    """Something that was compared.

    Attributes:
      what: What, such as `feature 'price'`.
      measure: The words around the number, up to the earlier data.
      found: The number.
      allowed: The highest one that is allowed, or the highest change.
      was: What it was, where a change is looked at.
      relative: Whether that is in shares of what it was; else a rise.
    """

    what: str
    measure: str
    found: float
    allowed: float
    was: float | None = None
    relative: bool = False

    @property
    def distance(self) -> float:
        """What is compared with what is allowed."""
        if self.was is None:
            return self.found
        if self.relative:
            return abs(self.found - self.was) / self.was if self.was else float(self.found > 0)
        return self.found - self.was

    @property
    def drifted(self) -> bool:
        """Whether that is more than what is allowed."""
        return self.distance > self.allowed

    @property
    def nearness(self) -> float:
        """What is compared in shares of what is allowed."""
        return self.distance / self.allowed if self.allowed else float(self.distance > 0)

    def line(self, where: str, than: str) -> str:
        """Returns the figure in a line.

        Args:
          where: Of what it is.
          than: What that is compared with.

        >>> Figure("feature 'age'", "divergence {found} from", 0.3123, 0.4).line("train", "May")
        "train: feature 'age': divergence 0.312 from May, allowed 0.4"
        >>> Figure("lists", "{found}, {was} in", 900, 0.5, 3000, relative=True).line("train", "May")
        'train: lists drifted: 900, 3,000 in May: a change of 0.7, allowed 0.5'
        """
        measure = self.measure.format(found=_shown(self.found), was=_shown(self.was or 0.0))
        change = f": a {'change' if self.relative else 'rise'} of {_shown(self.distance)}"
        return (
            f"{where}: {self.what}{' drifted' * self.drifted}: {measure} {than}"
            f"{'' if self.was is None else change}, allowed {self.allowed:g}"
        )


def _shown(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"


def tell(found: Iterable[Figure], where: str, than: str) -> tuple[list[str], list[str]]:
    """Returns the lines of what drifted, and those of the figures nearest to what is allowed."""
    ordered = sorted(found, key=lambda figure: figure.nearness, reverse=True)
    drifted = [figure.line(where, than) for figure in ordered if figure.drifted]
    return drifted, [figure.line(where, than) for figure in ordered[:SHOWN]]


def columns(
    config: DriftConfig, spec: FeatureSpec, now: Statistics, before: Statistics
) -> Iterator[Figure]:
    """Yields what is compared of the columns of both.

    Args:
      config: What is allowed.
      spec: The columns.
      now: The statistics.
      before: Those that they are compared with.
    """
    yield from _distances(config, spec, now, before)
    yield from _cells(config, spec, dict(_both(now, before)))


def _distances(
    config: DriftConfig, spec: FeatureSpec, now: Statistics, before: Statistics
) -> Iterator[Figure]:
    both = {name for name, _ in _both(now, before)}
    of_values = {feature.name for feature in spec.raw if counted(feature)}
    allowed = {
        feature.name: config.categorical if feature.name in of_values else config.numeric
        for feature in spec.features
    }
    allowed |= config.columns | dict.fromkeys(spec.targets, config.label)
    limits = {name: limit for name, limit in allowed.items() if limit is not None and name in both}
    infinity = of_values & limits.keys()
    found = distances(now, before, divergence=limits.keys() - infinity, infinity=infinity)
    for name, limit in limits.items():
        if name in found:
            kind = "label" if name in spec.targets else "feature"
            measure = "L-infinity distance" if name in infinity else "Jensen-Shannon divergence"
            yield Figure(f"{kind} '{name}'", f"{measure} {{found}} from", found[name], limit)


def _cells(
    config: DriftConfig, spec: FeatureSpec, both: Mapping[str, tuple[_Column, _Column]]
) -> Iterator[Figure]:
    for feature in spec.features:
        if feature.name not in both:
            continue
        what, columns = f"feature '{feature.name}'", both[feature.name]
        if config.unseen is not None and counted(feature):
            measure = "a share of {found} of its values is new to"
            yield Figure(what, measure, _unseen(*columns), config.unseen)
        if config.missing is not None and _is_seen(feature):
            found, was = (_missing(feature, column) for column in columns)
            measure = "share of missing values {found}, {was} in"
            yield Figure(what, measure, found, config.missing, was)


def _both(now: Statistics, before: Statistics) -> Iterator[tuple[str, tuple[_Column, _Column]]]:
    """Yields the columns that are in both and of one kind, which another transform may change."""
    earlier = {column.path.step[0]: column for column in before.datasets[0].features}
    for column in now.datasets[0].features:
        other = earlier.get(name := column.path.step[0])
        if other is not None and other.WhichOneof("stats") == column.WhichOneof("stats"):
            yield name, (column, other)


def _number(column: _Column) -> int:
    kind = column.WhichOneof("stats")
    return int(getattr(column, kind).common_stats.tot_num_values) if kind else 0


def _frequencies(column: _Column) -> dict[str, float]:
    buckets = column.string_stats.rank_histogram.buckets
    return {bucket.label: bucket.sample_count for bucket in buckets}


def _unseen(now: _Column, before: _Column) -> float:
    """Returns the share of values that were not there before, as far as that can be told.

    Where the list of those before was cut, values about as rare as the last ones on it come and go
    by chance. Where that of now was, values that are not on it are at most as frequent as its last.
    """
    listed, number = _frequencies(now), max(_number(now), 1)
    earlier = _frequencies(before)
    if len(earlier) == LISTED:
        least = 2 * min(earlier.values()) / _number(before) * number
        return sum(n for value, n in listed.items() if value not in earlier and n > least) / number
    known = sum(n for value, n in listed.items() if value in earlier)
    if len(listed) == LISTED:
        known += len(earlier.keys() - listed.keys()) * min(listed.values())
    return max(1 - known / number, 0.0)


def _is_seen(feature: Feature) -> bool:
    """Returns whether the statistics tell how many cells took the default."""
    return feature.default == 0 or (feature.default is not None and counted(feature))


def _missing(feature: Feature, column: _Column) -> float:
    if counted(feature):
        number = _frequencies(column).get(str(feature.default), 0)
    else:
        number = column.num_stats.num_zeros
    return number / max(_number(column), 1)
