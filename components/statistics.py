"""The statistics of examples: how they are computed, where they lie, and how far two are apart."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any
from typing import TypeAlias

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.types import artifact_utils
from tfx.utils import io_utils

from data import storage
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Transform

FILE = "FeatureStats.pb"
"""What StatisticsGen writes for each split."""
QUANTILES = 40
"""Into how many parts of equal size StatisticsGen divides the numbers of a column."""
LISTED = 1000
"""How many of a column's most frequent values it lists."""
Statistics: TypeAlias = statistics_pb2.DatasetFeatureStatisticsList
_OF_VALUES = frozenset({Transform.VOCABULARY, Transform.HASH, Transform.KEY})


def options(spec: FeatureSpec) -> tfdv.StatsOptions:
    """Returns how StatisticsGen computes statistics: of all examples, in bounded memory.

    Sketches count the distinct and the most frequent values, about right; an exact count holds
    every value of every column. Integers that are looked up by value are counted as texts are.
    """
    schema = schema_pb2.Schema()
    for feature in spec.features:
        if feature.dtype is DType.INT and counted(feature):
            added = schema.feature.add(name=feature.name, type=schema_pb2.INT)
            added.int_domain.is_categorical = True
    return tfdv.StatsOptions(
        schema=schema if schema.feature else None,
        use_sketch_based_topk_uniques=True,
        num_quantiles_histogram_buckets=QUANTILES,
        num_rank_histogram_buckets=LISTED,
    )


def counted(feature: Feature) -> bool:
    """Returns whether values of a column are counted: texts, and integers looked up by value."""
    return feature.transform[-1] in _OF_VALUES


def file_of(artifacts: list[Any], split: str) -> storage.AnyPath:
    """Returns the file with the statistics of a split."""
    return storage.at(artifact_utils.get_split_uri(artifacts, split)) / FILE


def read(path: storage.AnyPath) -> Statistics:
    """Returns the statistics in a file."""
    return Statistics.FromString(io_utils.read_bytes_file(str(path)))


def distances(
    current: Statistics,
    previous: Statistics,
    *,
    divergence: Collection[str] | None = None,
    infinity: Collection[str] = (),
) -> dict[str, float]:
    """Returns how far columns are from what they were, from 0 to 1, of those that both have.

    Numbers are compared by parts of equal size: by parts of equal width one number that is far off
    moves all others into one part.

    Args:
      current: The statistics.
      previous: The earlier ones.
      divergence: The columns whose Jensen-Shannon divergence is wanted; None: all but the others.
      infinity: Those whose L-infinity distance is wanted: the most by which the share of a value
        among all values changed. Numbers have none.
    """
    schema = tfdv.infer_schema(current)
    for feature in schema.feature:
        comparator = feature.drift_comparator
        if feature.name in infinity:
            comparator.infinity_norm.threshold = 1.0
        elif divergence is None or feature.name in divergence:
            comparator.jensen_shannon_divergence.threshold = 1.0
            comparator.jensen_shannon_divergence.source.type = (
                schema_pb2.HistogramSelection.QUANTILES
            )
    found = tfdv.validate_statistics(current, schema, previous_statistics=previous)
    measured = {
        info.path.step[0]: info.drift_measurements[0].value
        for info in found.drift_skew_info
        if info.drift_measurements
    }
    return {name: value for name, value in measured.items() if math.isfinite(value)}
