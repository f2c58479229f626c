"""The end of a run: one table, the verdict on the model, and how to use it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from collections.abc import Sequence

from tfx.dsl.io import fileio

from components import checks
from components import evaluation
from components import gate
from components import tuner
from components.example_gen.executor import REPORT
from components.example_gen.steps import LISTS
from components.means import BASELINE
from components.pusher import CANARY
from components.pusher import UNCHANGED
from components.trainer import SUMMARY
from data.readers import Format
from models import registry
from models.metrics import parse_metric
from models.search import spell_value
from pipeline import lineage
from pipeline.config import Config
from pipeline.examples import TRAIN
from pipeline.examples import VALIDATION
from pipeline.progress import NodeTime
from pipeline.tables import table

BEST_TRIALS = 10
"""Trials that the report shows."""


def render(config: Config, times: dict[str, NodeTime]) -> str:
    """Returns the report on a run that has ended.

    Args:
      config: What ran.
      times: What each node cost.
    """
    found = lineage.outputs(config)
    # An impression is stored as a list of one document.
    counted = ["impressions"] if config.features.impressions else ["lists", "documents"]
    parts = [table(["node", "seconds", "CPU", *counted], _nodes(config, times, found))]
    cached = sum(cost.cached for cost in times.values())
    if cached:
        parts.append(
            f"{cached} of {len(times)} nodes were cached: neither their inputs nor the code changed"
        )
    parts += list(_dropped(_ingestion(found)))
    evaluated = found.get("Evaluator", {})
    if "evaluation" in evaluated:
        parts += list(_verdict(config, evaluated, found))
    if config.tuner.trials and "tuner_results" in found.get("Tuner", {}):
        parts.append(search(config, found["Tuner"]["tuner_results"].uri))
    if "model_run" in found.get("Trainer", {}):
        parts.append(_training(config, found["Trainer"]["model_run"].uri))
    return "\n\n".join(parts)


def blessed(config: Config) -> bool:
    """Returns whether the newest model passed the Evaluator and the checks of what is served."""
    found = lineage.outputs(config)
    return _blessed(found["Evaluator"]) and _blessed(found["ServingChecks"])


def _blessed(judged: lineage.Artifacts) -> bool:
    return bool(judged["blessing"].custom_properties["blessed"].int_value == 1)


def _ingestion(found: dict[str, lineage.Artifacts]) -> dict[str, int]:
    examples = found.get("RankingExampleGen", {}).get("examples")
    if examples is None:
        return {}
    with open(os.path.join(examples.uri, REPORT), encoding="utf-8") as file:
        counts: dict[str, int] = json.load(file)
    return counts


def _training(config: Config, model_run: str) -> str:
    with open(os.path.join(model_run, SUMMARY), encoding="utf-8") as file:
        summary = json.load(file)
    return (
        f"trained for {summary['epochs']} epochs; exported epoch {summary['best_epoch']},"
        f" {config.train.metric} {summary['best']:.4f} on the validation split\n"
        f"learning curves: tensorboard --logdir {os.path.relpath(model_run)}"
    )


def search(config: Config, uri: str) -> str:
    """Returns the table of the best trials; `uri` is that of the results of the Tuner."""
    outcomes = tuner.outcomes(uri)
    paths = list(outcomes[0].settings)
    header = ["trial", config.train.metric, *paths]
    rows = (
        [
            str(outcome.trial),
            "failed" if outcome.value is None else f"{outcome.value:.4f}",
            *(spell_value(outcome.settings[path]) for path in paths),
        ]
        for outcome in outcomes[:BEST_TRIALS]
    )
    where = os.path.relpath(os.path.join(uri, tuner.TRIALS))
    return f"the best of {len(outcomes)} trials, all in {where}\n{table(header, rows)}"


def _dropped(counts: dict[str, int]) -> Iterator[str]:
    kept = (LISTS, f" {LISTS}", " documents")
    lines = [f"ingestion: {name}: {n:,}" for name, n in counts.items() if not name.endswith(kept)]
    if lines:
        yield "\n".join(lines)


def _nodes(
    config: Config, times: dict[str, NodeTime], found: dict[str, lineage.Artifacts]
) -> Iterator[list[str]]:
    counts = _ingestion(found)
    columns = ("lists",) if config.features.impressions else ("lists", "documents")
    splits = list(config.examples.split_names)
    seen = {
        "RankingExampleGen": splits,
        "StatisticsGen": splits,
        "Transform": [TRAIN, VALIDATION],
        "Tuner": [TRAIN, VALIDATION],
        "Trainer": [TRAIN, VALIDATION],
        "Evaluator": [config.examples.evaluation_split],
    }
    for node, cost in times.items():
        of = seen.get(node, [])
        sums = [sum(counts.get(f"{s} {what}", 0) for s in of) for what in columns]
        numbers = [f"{n:,}" if of else "" for n in sums]
        seconds = "cached" if cost.cached else f"{cost.seconds:.1f}"
        yield [node, seconds, f"{cost.cpu_seconds:.1f}", *numbers]
    total = [sum(c.seconds for c in times.values()), sum(c.cpu_seconds for c in times.values())]
    yield ["all", *(f"{t:.1f}" for t in total), *("" for _ in columns)]


def _verdict(
    config: Config, evaluated: lineage.Artifacts, found: dict[str, lineage.Artifacts]
) -> Iterator[str]:
    uri = evaluated["evaluation"].uri
    candidate = evaluation.slices(uri)
    overall = evaluation.overall(candidate)
    baseline = evaluation.overall_baseline(uri)
    header = ["metric", "model", "95 % interval"]
    sides = f"{2 * config.evaluation.confidence - 1:.0%}".replace("%", " % interval")
    header += ["blessed before", "difference", sides] if baseline else []
    metrics = table(header, _metrics(config.evaluation.metrics, overall, baseline))
    contract = config.evaluation.metric_contract.describe()
    yield f"metrics over split '{config.examples.evaluation_split}' ({contract})\n{metrics}"
    if warning := evaluation.disagreement(candidate, config.evaluation.metrics):
        yield warning
    if buckets := evaluation.calibration(overall):
        yield table(["bucket of scores", "share", "mean score", "mean label"], _buckets(buckets))
    by_slice = [s for s in candidate if s.key]
    if by_slice:
        names = [name for name in config.evaluation.metrics if _by_slice(name, config)]
        yield table(["slice", *names], _slices(by_slice, names))
    yield "\n".join(_decision(config, evaluated, found))


def _metrics(
    names: Sequence[str], overall: evaluation.Slice, baseline: evaluation.Slice | None
) -> Iterator[list[str]]:
    for name in names:
        row = [name, f"{overall.values[name]:.4f}", _interval(overall, name)]
        if baseline:
            change = evaluation.DIFFERENCE.format(name)
            row += [f"{baseline.values[name]:.4f}", f"{overall.values[change]:+.4f}"]
            found = overall.differences.get(BASELINE, {}).get(name)
            row += [f"{found.low:+.4f} .. {found.high:+.4f}" if found else ""]
        yield row


def _buckets(buckets: Sequence[Sequence[float]]) -> Iterator[list[str]]:
    for i, numbers in enumerate(buckets, start=1):
        yield [str(i), *(f"{number:.4f}" for number in numbers)]


def _interval(found: evaluation.Slice, name: str) -> str:
    return "{:.4f} .. {:.4f}".format(*found.bounds[name]) if name in found.bounds else ""


def _by_slice(name: str, config: Config) -> bool:
    """Whether a metric is shown by slice: those of the gate, and all over documents."""
    return name in config.evaluation.thresholds or parse_metric(name).over_documents


def _slices(slices: list[evaluation.Slice], names: Sequence[str]) -> Iterator[list[str]]:
    for found in slices:
        key = ", ".join(f"{name}={value}" for name, value in found.key.items())
        yield [key, *(f"{found.values[name]:.4f}" for name in names)]


def _decision(
    config: Config, evaluated: lineage.Artifacts, found: dict[str, lineage.Artifacts]
) -> Iterator[str]:
    checked, verdict = found["ServingChecks"], gate.read(evaluated["blessing"].uri)
    yield _costs(checked)
    if not (verdict.blessed and _blessed(checked)):
        yield "not blessed, not published:"
        if not verdict.blessed:
            yield from (f"  {line}" for line in (*verdict.reasons, *verdict.notes))
        yield from (f"  {why}" for why in checks.read(checked["blessing"].uri).failures)
        return
    yield "blessed: every threshold holds"
    yield from (f"  {line}" for line in (*verdict.evidence, *verdict.notes))
    pushed = found["Pusher"]["pushed_model"].custom_properties
    version = pushed["pushed_version"].string_value
    if pushed[UNCHANGED].string_value == "yes":
        yield _unchanged(version, pushed["pushed_destination"].string_value)
    else:
        yield f"published: version {version} in {pushed['pushed_destination'].string_value}"
    if share := float(pushed[CANARY].string_value):
        yield f"a canary for {100 * share:g} % of requests; promote keeps it, rollback drops it"
    yield "rank a file of ELWC records or JSON lines with it:"
    yield f"  {_command()} score --top 3 --model {config.push.base} --input {_requests(config)}"
    if config.examples.has_catalogue and not registry.family(config.model.family).across_list:
        yield "recommend items to a user with it:"
        yield f"  {_command()} recommend --model {config.push.base} --user ID"


def _costs(checked: lineage.Artifacts) -> str:
    result = checks.read(checked["blessing"].uri)
    times = ", ".join(f"{t.p99_ms:.1f} ms for {t.documents}" for t in result.latencies)
    skipped = "".join(f"; {name} not checked: {why}" for name, why in result.skipped.items())
    return (
        f"served: {result.size_mb:.1f} MB; 99 of 100 requests within {times or 'no'} documents;"
        f" checked on {result.lists} lists{skipped}"
    )


def _unchanged(version: str, folder: str) -> str:
    if os.path.basename(folder) == version:
        return f"not published again: version {version} is the same model"
    return f"not published: retired as version {version}; rollback --to {version} serves it again"


def _command() -> str:
    if os.path.basename(sys.argv[0]) == "pipeline_runner.py":
        return f"{os.path.relpath(sys.executable)} {sys.argv[0]}"
    return "ranking-pipelines"


def _requests(config: Config) -> str:
    """Returns a file of the logs that can be sent as it is, or a placeholder."""
    pattern = config.examples.splits.get(config.examples.evaluation_split, "{")
    if config.examples.format is not Format.ELWC or "{" in pattern:
        return "FILE"
    return sorted(fileio.glob(os.path.join(config.examples.base, pattern)))[0]
