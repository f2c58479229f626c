"""How far logged requests are from the training examples."""

from __future__ import annotations

import dataclasses

from tensorflow_data_validation.statistics import stats_impl

from components import figures
from components import statistics
from components.statistics import Statistics
from data import logged
from data.features import FeatureSpec
from data.lists import to_arrow
from pipeline.drift import DriftConfig

MOST = 10_000
"""The most requests that are looked at."""


def look(
    config: DriftConfig, spec: FeatureSpec, training: Statistics, *, required: bool
) -> tuple[list[str], list[str], str]:
    """Compares the columns of requests with those of the training examples.

    Args:
      config: What is allowed, and where the requests are.
      spec: The columns.
      training: The statistics of the training examples.
      required: Whether there must be requests.

    Returns:
      A line for each skew that is not allowed, those of the figures nearest to what is, and what
      was compared.
    """
    paths = logged.files(config.requests, required=required)
    if not paths:
        return [], [], "none were logged yet"
    lists = logged.read(paths, spec, MOST)
    asked = stats_impl.generate_statistics_in_memory(
        to_arrow(lists, spec), statistics.options(spec)
    )
    unlabelled = dataclasses.replace(config, label=None)
    found = list(figures.columns(unlabelled, spec, asked, training))
    drifted, nearest = figures.tell(found, "requests", "the training examples")
    told = f"{len(found)} figures of {len(lists):,} with the training examples: all as allowed"
    return drifted, nearest, told
