"""How far the training examples are from those that the served model learned from."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import TypeAlias

from tensorflow_metadata.proto.v0 import statistics_pb2

from components import baseline
from components.example_gen.executor import REPORT
from components.example_gen.executor import SPANS
from components.statistics import Statistics
from components.statistics import counted
from components.statistics import distances
from components.statistics import file_of
from components.statistics import read
from data import policies
from data import storage
from data.features import Feature
from data.features import FeatureSpec
from models import versions
from pipeline.drift import DriftConfig
from pipeline.examples import TRAIN

COMPARED, EVIDENCE = "compared", "evidence"
"""The properties of the anomalies with what was compared, and with the figures nearest to what is
allowed, a line each."""
SHOWN = 5
"""How many of these."""
_Column: TypeAlias = statistics_pb2.FeatureNameStatistics


@dataclasses.dataclass(frozen=True)
class Job:
    """What is compared, and by what.

    Attributes:
      config: What is allowed.
      spec: The columns.
      base: The folder of published models.
      newest: What a local run found there before it began, for the cache.
      code: A fingerprint of the code, for the cache.
    """

    config: DriftConfig
    spec: FeatureSpec
    base: str
    newest: str = ""
    code: str = ""


@dataclasses.dataclass(frozen=True)
class Data:
    """What is known of training examples.

    Attributes:
      statistics: Their statistics.
      counts: What ExampleGen counted.
      spans: How many spans they came in; 1 where logs have none.
    """

    statistics: Statistics
    counts: Mapping[str, int]
    spans: int = 1

    def count(self, name: str) -> int:
        """Returns a count of the training split."""
        return self.counts.get(f"{TRAIN} {name}", 0)


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

    def line(self, version: str) -> str:
        """Returns the figure in a line.

        >>> Figure("feature 'age'", "L-infinity distance {found} from", 0.3123, 0.4).line("17")
        "train: feature 'age': L-infinity distance 0.312 from the data of version 17, allowed 0.4"
        >>> Figure("lists", "{found}, {was} in", 900, 0.5, 3000, relative=True).line("17")
        'train: lists drifted: 900, 3,000 in the data of version 17: a change of 0.7, allowed 0.5'
        """
        measure = self.measure.format(found=_shown(self.found), was=_shown(self.was or 0.0))
        change = f": a {'change' if self.relative else 'rise'} of {_shown(self.distance)}"
        return (
            f"{TRAIN}: {self.what}{' drifted' * self.drifted}: {measure} the data of version"
            f" {version}{'' if self.was is None else change}, allowed {self.allowed:g}"
        )


def _shown(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"


def look(job: Job, statistics: list[Any], examples: Any) -> tuple[list[str], dict[str, str]]:
    """Compares the examples with those of the served version.

    Args:
      job: By what.
      statistics: The artifact of their statistics.
      examples: Their own.

    Returns:
      A line for each drift that is not allowed, and the properties for ML Metadata.
    """
    served = baseline.latest(job.base)
    if served is None:
        return [], {COMPARED: "no version was served: nothing to compare with"}
    if (before := _served(served)) is None:
        told = f"version {served.version} came without statistics: nothing to compare with"
        return [], {COMPARED: told}
    spans = json.loads(examples.get_string_custom_property(SPANS) or "[]")
    counts = json.loads((storage.at(examples.uri) / REPORT).read_text(encoding="utf-8"))
    now = Data(read(file_of(statistics, TRAIN)), counts, len(spans) or 1)
    found = sorted(figures(job, now, before), key=_nearness, reverse=True)
    version = str(served.version)
    told = f"{len(found)} figures with the data of version {version}: all as allowed"
    drifted = [figure.line(version) for figure in found if figure.drifted]
    shown = [figure.line(version) for figure in found[:SHOWN]]
    return drifted, {COMPARED: told, EVIDENCE: "\n".join(shown)}


def _nearness(figure: Figure) -> float:
    return figure.distance / figure.allowed if figure.allowed else float(figure.distance > 0)


def _served(version: versions.Version) -> Data | None:
    path, told = version.path / versions.STATISTICS, version.manifest.get("data", {})
    if "counts" not in told or not path.exists():
        return None
    return Data(read(path), told["counts"], len(told["spans"]) or 1)


def figures(job: Job, now: Data, before: Data) -> Iterator[Figure]:
    """Yields all that is compared."""
    yield from _distances(job, now.statistics, before.statistics)
    yield from _cells(job, dict(_both(now.statistics, before.statistics)))
    yield from _lists(job.config, now, before)


def _distances(job: Job, now: Statistics, before: Statistics) -> Iterator[Figure]:
    config, spec = job.config, job.spec
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


def _cells(job: Job, both: Mapping[str, tuple[_Column, _Column]]) -> Iterator[Figure]:
    config = job.config
    for feature in job.spec.features:
        if feature.name not in both:
            continue
        what, columns = f"feature '{feature.name}'", both[feature.name]
        if config.unseen is not None and counted(feature):
            values, earlier = map(_frequencies, columns)
            new = sum(number for value, number in values.items() if value not in earlier)
            measure = "a share of {found} of its values is new to"
            yield Figure(what, measure, new / max(_number(columns[0]), 1), config.unseen)
        if config.missing is not None and _is_seen(feature):
            found, was = (_missing(feature, column) for column in columns)
            measure = "share of missing values {found}, {was} in"
            yield Figure(what, measure, found, config.missing, was)


def _lists(config: DriftConfig, now: Data, before: Data) -> Iterator[Figure]:
    if config.no_relevant is not None:
        measure = "share without a relevant document {found}, {was} in"
        found, was = (_no_relevant(data) for data in (now, before))
        yield Figure("lists", measure, found, config.no_relevant, was)
    if config.list_length is not None:
        found, was = (data.count("documents") / data.count("lists") for data in (now, before))
        yield Figure("lists", "mean length {found}, {was} in", found, config.list_length, was, True)
    if config.lists is not None:
        found, was = (data.count("lists") / data.spans for data in (now, before))
        measure = (
            "{found} in a span, {was} in" if now.spans + before.spans > 2 else "{found}, {was} in"
        )
        yield Figure("lists", measure, found, config.lists, was, True)


def _no_relevant(data: Data) -> float:
    dropped = data.count(f"{policies.NO_RELEVANT} dropped")
    return (data.count(policies.NO_RELEVANT) + dropped) / (data.count("lists") + dropped)


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


def _is_seen(feature: Feature) -> bool:
    """Returns whether the statistics tell how many cells took the default."""
    return feature.default == 0 or (feature.default is not None and counted(feature))


def _missing(feature: Feature, column: _Column) -> float:
    if counted(feature):
        number = _frequencies(column).get(str(feature.default), 0)
    else:
        number = column.num_stats.num_zeros
    return number / max(_number(column), 1)
