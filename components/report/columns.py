"""The columns of the examples, by what StatisticsGen found of them, and how far they drifted."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Sequence

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.report.findings import Bar
from components.report.findings import ColumnFacts
from components.report.findings import Summary
from components.statistics import FILE
from components.statistics import Statistics
from components.statistics import distances
from components.statistics import read as of_file
from data import storage

PREVIOUS = "the run before"
"""What the training split of an earlier run is called."""
TOP = 8
"""The most frequent texts that are kept."""


def read(uri: str, splits: Iterable[str]) -> dict[str, Statistics]:
    """Returns the statistics of the splits that have any, by split."""
    paths = {split: storage.at(f"{uri}/Split-{split}/{FILE}") for split in splits}
    return {split: of_file(path) for split, path in paths.items() if path.exists()}


def describe(
    statistics: dict[str, Statistics], *, train: str, other: str, ids: Collection[str] = ()
) -> list[ColumnFacts]:
    """Returns the columns of all splits, those that differ most between two of them first.

    Args:
      statistics: By split.
      train: The split that is trained on.
      other: The one that its columns are compared with.
      ids: Columns to leave out: no split has the ids of another one.
    """
    drifted = {}
    if {train, other} <= statistics.keys():
        drifted = distances(statistics[train], statistics[other])
    summaries: dict[str, dict[str, Summary]] = {}
    for split, found in statistics.items():
        for feature in found.datasets[0].features:
            if (name := _name(feature)) not in ids:
                summaries.setdefault(name, {})[split] = _summary(feature)
    columns = [
        ColumnFacts(name, splits, {other: drifted[name]} if name in drifted else {})
        for name, splits in summaries.items()
    ]
    return sorted(columns, key=lambda column: -max(column.drift.values(), default=-1.0))


def with_drift(
    columns: Sequence[ColumnFacts], current: Statistics, previous: Statistics, name: str = PREVIOUS
) -> tuple[ColumnFacts, ...]:
    """Returns the columns with their drift from what they were elsewhere.

    Args:
      columns: What `describe` returned.
      current: The statistics of their training split.
      previous: Those of the other one.
      name: What that is called.
    """
    found = distances(current, previous)
    return tuple(
        dataclasses.replace(column, drift={**column.drift, name: found[column.name]})
        if column.name in found
        else column
        for column in columns
    )


def _name(feature: statistics_pb2.FeatureNameStatistics) -> str:
    return feature.name or ".".join(feature.path.step)


def _summary(feature: statistics_pb2.FeatureNameStatistics) -> Summary:
    kind = feature.WhichOneof("stats")
    common = getattr(feature, kind).common_stats if kind else statistics_pb2.CommonStatistics()
    lists = common.num_missing + common.num_non_missing
    summary = Summary(int(common.tot_num_values), common.num_missing / max(lists, 1))
    if kind == "num_stats":
        return _numbers(summary, feature.num_stats)
    if kind == "string_stats":
        top = feature.string_stats.top_values[:TOP]
        return dataclasses.replace(
            summary,
            unique=int(feature.string_stats.unique),
            top={value.value: int(value.frequency) for value in top},
        )
    return summary


def _numbers(summary: Summary, found: statistics_pb2.NumericStatistics) -> Summary:
    standard = statistics_pb2.Histogram.STANDARD
    buckets = [bucket for h in found.histograms if h.type == standard for bucket in h.buckets]
    total = sum(bucket.sample_count for bucket in buckets) or 1.0
    return dataclasses.replace(
        summary,
        mean=_finite(found.mean),
        std=_finite(found.std_dev),
        zeros=found.num_zeros / max(summary.values, 1),
        low=_finite(found.min),
        median=_finite(found.median),
        high=_finite(found.max),
        bars=tuple(
            Bar(bucket.low_value, bucket.high_value, bucket.sample_count / total)
            for bucket in buckets
            if math.isfinite(bucket.low_value) and math.isfinite(bucket.high_value)
        ),
    )


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
