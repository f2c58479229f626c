"""How far the training examples are from those that the served model learned from, and from what it
is asked."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from components import baseline
from components import skew
from components.example_gen.executor import REPORT
from components.example_gen.executor import SPANS
from components.figures import Figure
from components.figures import columns
from components.figures import tell
from components.statistics import Statistics
from components.statistics import file_of
from components.statistics import read
from data import policies
from data import storage
from data.features import FeatureSpec
from models import versions
from pipeline.drift import DriftConfig
from pipeline.examples import TRAIN

COMPARED, REQUESTS, EVIDENCE = "compared", "requests", "evidence"
"""The properties of the anomalies with what was compared, with the requests that were, and with the
figures nearest to what is allowed, a line each."""


@dataclasses.dataclass(frozen=True)
class Job:
    """What is compared, and by what.

    Attributes:
      config: What is allowed.
      spec: The columns.
      base: The folder of published models.
      newest: What a local run found there before it began, for the cache.
      files: Fingerprints of the files of requests, likewise.
      code: A fingerprint of the code, for the cache.
    """

    config: DriftConfig
    spec: FeatureSpec
    base: str
    newest: str = ""
    files: tuple[str, ...] = ()
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


def look(job: Job, statistics: list[Any], examples: Any) -> tuple[list[str], dict[str, str]]:
    """Compares the examples with those of the served version, and with logged requests.

    Args:
      job: By what.
      statistics: The artifact of their statistics.
      examples: Their own.

    Returns:
      A line for each drift that is not allowed, and the properties for ML Metadata.
    """
    served, now = baseline.latest(job.base), read(file_of(statistics, TRAIN))
    drifted, nearest, told = _drift(job, served, now, examples)
    properties = {COMPARED: told}
    if job.config.requests:
        skewed, near, told = skew.look(job.config, job.spec, now, required=served is not None)
        drifted, nearest = drifted + skewed, nearest + near
        properties[REQUESTS] = told
    if nearest:
        properties[EVIDENCE] = "\n".join(nearest)
    return drifted, properties


def _drift(
    job: Job, served: versions.Version | None, statistics: Statistics, examples: Any
) -> tuple[list[str], list[str], str]:
    if served is None:
        return [], [], "no version was served: nothing to compare with"
    if (before := _served(served)) is None:
        told = f"version {served.version} came without statistics: nothing to compare with"
        return [], [], told
    spans = json.loads(examples.get_string_custom_property(SPANS) or "[]")
    counts = json.loads((storage.at(examples.uri) / REPORT).read_text(encoding="utf-8"))
    now = Data(statistics, counts, len(spans) or 1)
    than = f"the data of version {served.version}"
    found = [
        *columns(job.config, job.spec, now.statistics, before.statistics),
        *_lists(job.config, now, before),
    ]
    drifted, nearest = tell(found, TRAIN, than)
    told = f"{len(found)} figures with {than}: all as allowed"
    return drifted, nearest, told


def _served(version: versions.Version) -> Data | None:
    path, told = version.path / versions.STATISTICS, version.manifest.get("data", {})
    if "counts" not in told or not path.exists():
        return None
    return Data(read(path), told["counts"], len(told["spans"]) or 1)


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
