"""Collecting the facts of a run from its artifacts; what is not there yet is left out."""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from ml_metadata.proto import metadata_store_pb2 as mlmd

from components import baseline
from components import evaluation
from components.example_gen.executor import REPORT
from components.means import BASELINE
from components.report import columns
from components.report import decisions
from components.report import scores
from components.report import training
from components.report.decisions import Found
from components.report.facts import Bucket
from components.report.facts import Estimate
from components.report.facts import MetricFacts
from components.report.facts import RunFacts
from components.report.facts import SliceFacts
from components.report.findings import ColumnFacts
from components.report.findings import ScoreFacts
from data import storage
from data.features import FeatureSpec
from models.metrics import MetricContract
from pipeline.reporting import ReportConfig


@dataclasses.dataclass(frozen=True)
class Settings:
    """What collecting has to know of the configuration.

    Attributes:
      pipeline: The pipeline's name.
      splits: All splits with lists.
      train: The one that is trained on.
      split: The one that judges the model.
      features: The columns.
      metrics: The metrics, in the order in which they are shown.
      gated: Those with thresholds.
      contract: The conventions behind them.
      metric: What makes an epoch the best.
      report: How much is scored.
      values: The whole configuration, flat, as JSON texts by path.
    """

    pipeline: str
    splits: tuple[str, ...]
    train: str
    split: str
    features: FeatureSpec
    metrics: tuple[str, ...]
    gated: tuple[str, ...]
    contract: MetricContract
    metric: str
    report: ReportConfig = ReportConfig()
    values: dict[str, str] = dataclasses.field(default_factory=dict)


def flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yields the values of nested tables as JSON by their paths.

    >>> dict(flat({"train": {"epochs": 3, "loss": "mse"}}))
    {'train.epochs': '3', 'train.loss': '"mse"'}
    """
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", json.dumps(value)


def facts(found: Found, settings: Settings, *, score: bool = True) -> RunFacts:
    """Returns the facts of a run.

    Args:
      found: Its artifacts.
      settings: What the configuration says.
      score: Whether to load the models and score lists.
    """
    outcome, version = decisions.outcome(found)
    run = RunFacts(
        pipeline=settings.pipeline,
        created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        split=settings.split,
        contract=settings.contract.describe(),
        gated=(*settings.gated, *settings.metrics)[0],
        outcome=outcome,
        version=version,
        decisions=tuple(decisions.decisions(found)),
        columns=tuple(_columns(found, settings)),
        counts=_counts(found),
        lineage=tuple(decisions.lineage(found)),
        settings=settings.values,
    )
    if trained := _uri(found, "Trainer", "model_run"):
        run = dataclasses.replace(run, training=training.read(trained, settings.metric))
    if evaluated := _uri(found, "Evaluator", "evaluation"):
        run = _evaluated(run, evaluated, settings)
        if score:
            run = dataclasses.replace(run, scores=_scores(found, evaluated, settings))
    return run


def _uri(found: Found, node: str, output: str) -> str:
    artifact = found.get(node, {}).get(output)
    return artifact.uri if artifact else ""


def _counts(found: Found) -> dict[str, int]:
    if not (examples := _uri(found, "RankingExampleGen", "examples")):
        return {}
    counts: dict[str, int] = json.loads((storage.at(examples) / REPORT).read_text(encoding="utf-8"))
    return counts


def _columns(found: Found, settings: Settings) -> list[ColumnFacts]:
    if not (uri := _uri(found, "StatisticsGen", "statistics")):
        return []
    statistics = columns.read(uri, settings.splits)
    ids = {feature.name for feature in settings.features.identifiers}
    return columns.describe(statistics, train=settings.train, other=settings.split, ids=ids)


def _evaluated(run: RunFacts, uri: str, settings: Settings) -> RunFacts:
    candidate, blessed = evaluation.slices(uri), evaluation.baseline_slices(uri)
    before = {_key(found): found for found in blessed}
    slices = [
        SliceFacts(_key(found), tuple(_metrics(found, before.get(_key(found)), settings)))
        for found in sorted(candidate, key=_key)
    ]
    return dataclasses.replace(
        run,
        slices=tuple(slices),
        warning=evaluation.disagreement(candidate, settings.metrics),
        calibration=tuple(
            Bucket(*row) for row in evaluation.calibration(evaluation.overall(candidate))
        ),
    )


def _key(found: evaluation.Slice) -> str:
    return ", ".join(f"{name}={value}" for name, value in found.key.items())


def _metrics(
    found: evaluation.Slice, before: evaluation.Slice | None, settings: Settings
) -> Iterator[MetricFacts]:
    for name in settings.metrics:
        if name not in found.values:
            continue
        metric = MetricFacts(name, _estimate(found, name))
        if before is not None and name in before.values:
            blessed, difference = _estimate(before, name), _difference(found, name)
            metric = dataclasses.replace(metric, blessed=blessed, difference=difference)
        yield metric


def _difference(found: evaluation.Slice, name: str) -> Estimate | None:
    """Returns the difference from the blessed model, with an interval where there is one."""
    if judged := found.differences.get(name, {}).get(BASELINE):
        return Estimate(_finite(judged.mean), _finite(judged.low), _finite(judged.high))
    difference = evaluation.DIFFERENCE.format(name)
    return _estimate(found, difference) if difference in found.values else None


def _estimate(found: evaluation.Slice, name: str) -> Estimate:
    low, high = found.bounds.get(name, (math.nan, math.nan))
    return Estimate(_finite(found.values[name]), _finite(low), _finite(high))


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None


def _scores(found: Found, evaluated: str, settings: Settings) -> ScoreFacts | None:
    metric = scores.measured_by((*settings.gated, *settings.metrics))
    examples, model = _uri(found, "RankingExampleGen", "examples"), _uri(found, "Trainer", "model")
    if metric is None or not examples or not model:
        return None
    compared = evaluation.overall_baseline(evaluated) is not None
    blessed = found.get("LatestBlessedModel", {}).get("model", mlmd.Artifact())
    told = decisions.properties(blessed).get(baseline.VERSION, baseline.NONE)
    return scores.measure(
        model,
        blessed.uri if compared and told != baseline.NONE else "",
        sorted(tf.io.gfile.glob(f"{examples}/Split-{settings.split}/*")),
        settings.features,
        scores.Measure(metric, settings.contract),
        settings.report,
    )
