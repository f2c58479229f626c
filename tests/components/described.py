"""Statistics of a few lists, as StatisticsGen computes them."""

from __future__ import annotations

from collections.abc import Sequence

from tensorflow_data_validation.statistics import stats_impl
from tfx_bsl.coders import example_coder

from components import statistics
from components.statistics import Statistics
from data.features import FeatureSpec
from tests.samples import SPEC


def describe(serialized: Sequence[bytes], spec: FeatureSpec = SPEC) -> Statistics:
    """Returns the statistics of serialized examples."""
    batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(list(serialized))
    return stats_impl.generate_statistics_in_memory(batch, statistics.options(spec))
