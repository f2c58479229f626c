"""Pages of facts: one file of HTML each, which asks for nothing else and runs no script."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import jinja2
from markupsafe import Markup

from components.report import charts
from components.report import formats
from components.report.charts import Point
from components.report.facts import Curve
from components.report.facts import Estimate
from components.report.facts import MetricFacts
from components.report.facts import RunFacts
from components.report.facts import SliceFacts
from components.report.findings import ColumnFacts
from components.report.findings import Summary
from data import plain
from data.errors import InputError

_FACTS = re.compile(r'<script type="application/json" id="facts">(.*?)</script>', re.DOTALL)
_MOODS = {"published": "good", "refused": "bad"}


@functools.cache
def _environment() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.PackageLoader(__package__),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= formats.FILTERS
    found.filters["whisker"] = charts.whisker
    found.globals |= {"calibration": charts.calibration, "widest": _widest, "title": title}
    return found


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)


def title(run: RunFacts) -> str:
    """Returns what came of a run, in words."""
    return {
        "published": f"Published as version {run.version}",
        "unchanged": f"Not published again: version {run.version} is this model",
        "refused": "Not published",
        "unfinished": "Unfinished",
    }[run.outcome]


def of_run(run: RunFacts) -> str:
    """Returns the page of a run, with the facts inside."""
    refusals = [d for d in run.decisions if d.good is False]
    train, other = "train", run.split
    return _render(
        "run.html",
        run=run,
        title=title(run),
        mood=_MOODS.get(run.outcome, ""),
        reasons=[f"{d.node}: {line}" for d in refusals for line in d.details]
        or [f"{d.node}: {d.text}" for d in refusals],
        curves=list(_curves(run)),
        columns=[(column, _histogram(column, train, other)) for column in run.columns],
        names=(train, other),
        facts=Markup(plain.to_json(run).replace("</", "<\\/")),
    )


def read(text: str, where: str) -> RunFacts:
    """Returns the facts inside of a page; `where` names it in the error.

    Raises:
      InputError: It is not the page of a run.
    """
    found = _FACTS.search(text)
    if found is None:
        raise InputError(f"{where}: found no facts of a run, expected the page of one")
    return plain.from_json(RunFacts, found[1].replace("<\\/", "</"))


def of_two(first: RunFacts, second: RunFacts) -> str:
    """Returns the page that compares two runs."""
    runs = (first, second)
    settings = sorted({*first.settings, *second.settings})
    nodes = {node.name: None for run in runs for node in run.nodes}
    return _render(
        "compare.html",
        runs=runs,
        moods=[_MOODS.get(run.outcome, "") for run in runs],
        slices=list(_slices(first, second)),
        settings=[
            (name, *(run.settings.get(name, "") for run in runs))
            for name in settings
            if first.settings.get(name) != second.settings.get(name)
        ],
        curves=list(_curves_of_two(first, second)),
        importance=_importance(first, second),
        columns=list(_columns(first, second)),
        nodes=[(name, *(_cost(run, name) for run in runs)) for name in nodes],
    )


@dataclasses.dataclass(frozen=True)
class Entry:
    """A run in the history.

    Attributes:
      run: Its facts; of a run without a report, what ML Metadata tells.
      page: Where its page is, as seen from the history; empty where there is none.
    """

    run: RunFacts
    page: str = ""


def of_history(pipeline: str, entries: Sequence[Entry], versions: Sequence[str]) -> str:
    """Returns the page of all runs.

    Args:
      pipeline: The pipeline's name.
      entries: The runs, oldest first.
      versions: What is in the store of models, a line each.
    """
    gated = next((e.run.gated for e in reversed(entries) if e.run.headline), "")
    points = [
        Point(
            place,
            metric.candidate,
            marked=entry.run.outcome == "published",
            text=f"{entry.run.run}: {title(entry.run)}",
        )
        for place, entry in enumerate(entries, start=1)
        if (metric := entry.run.headline) and metric.name == gated
    ]
    return _render(
        "history.html",
        pipeline=pipeline,
        entries=list(reversed(list(enumerate(entries, start=1)))),
        moods=_MOODS,
        gated=gated,
        drawing=charts.lines(f"{gated} by run", [points], x="run") if points else "",
        versions=versions,
    )


def _widest(found: SliceFacts) -> float:
    """Returns the greatest end of an interval of a difference, which all are drawn to."""
    differences = [m.difference for m in found.metrics if m.difference]
    ends = [v for d in differences for v in (d.value, d.low, d.high) if v is not None]
    return max(map(abs, ends), default=0.0)


def _points(curve: Curve | None, best: int = 0) -> list[Point]:
    values = curve.values if curve else ()
    return [
        Point(epoch, Estimate(value), marked=epoch == best, text=f"epoch {epoch}: {value:.4f}")
        for epoch, value in enumerate(values, start=1)
    ]


def _curves(run: RunFacts) -> Iterator[tuple[str, Markup]]:
    """Yields by name the drawings of what was logged in training and in validation."""
    if run.training is None:
        return
    logged = {curve.name: curve for curve in run.training.curves}
    metric = run.training.metric
    names = {name.split(": ")[-1] for name in logged}
    for name in sorted(names, key=lambda name: (name != metric, name != "loss", name)):
        both = [logged.get(f"{part}: {name}") for part in ("train", "validation")]
        best = run.training.best_epoch if name == metric else 0
        yield name, charts.lines(f"{name} by epoch", [_points(curve, best) for curve in both])


def _curves_of_two(first: RunFacts, second: RunFacts) -> Iterator[tuple[str, Markup]]:
    logged = [
        {curve.name: curve for curve in run.training.curves} if run.training else {}
        for run in (first, second)
    ]
    metrics = [run.training.metric for run in (first, second) if run.training]
    for name in dict.fromkeys([*metrics, "loss"]):
        places = (f"validation: {name}", f"train: {name}")
        both = [next((found[p] for p in places if p in found), None) for found in logged]
        if any(both):
            yield name, charts.lines(f"{name} by epoch", [_points(curve) for curve in both])


def _histogram(column: ColumnFacts, train: str, other: str) -> Markup:
    first, second = (column.splits.get(name, Summary(0, 0.0)).bars for name in (train, other))
    return charts.histogram(f"{column.name} in {train} and {other}", first, second)


def _slices(
    first: RunFacts, second: RunFacts
) -> Iterator[tuple[str, list[tuple[MetricFacts, MetricFacts, Estimate]]]]:
    """Yields the slices that both have, with both models' metrics and the plain differences."""
    others = {found.name: found for found in second.slices}
    for found in first.slices:
        if found.name not in others:
            continue
        by_name = {metric.name: metric for metric in others[found.name].metrics}
        pairs = [(m, by_name[m.name]) for m in found.metrics if m.name in by_name]
        yield found.name, [(a, b, _difference(a.candidate, b.candidate)) for a, b in pairs]


def _difference(first: Estimate, second: Estimate) -> Estimate:
    if first.value is None or second.value is None:
        return Estimate(None)
    return Estimate(second.value - first.value)


def _importance(first: RunFacts, second: RunFacts) -> list[tuple[str, float | None, float | None]]:
    found = [
        {i.feature: i.loss for i in run.scores.importance} if run.scores else {}
        for run in (first, second)
    ]
    names = sorted({*found[0], *found[1]}, key=lambda n: -max(f.get(n, 0.0) for f in found))
    return [(name, found[0].get(name), found[1].get(name)) for name in names]


def _columns(
    first: RunFacts, second: RunFacts
) -> Iterator[tuple[str, float | None, Summary, Summary]]:
    """Yields the columns of both, with how far their means are apart in standard deviations."""
    others = {column.name: column.splits.get("train") for column in second.columns}
    rows = []
    for column in first.columns:
        a, b = column.splits.get("train"), others.get(column.name)
        if a is None or b is None:
            continue
        apart = None
        if a.mean is not None and b.mean is not None and a.std:
            apart = abs(a.mean - b.mean) / a.std
        rows.append((column.name, apart, a, b))
    yield from itertools.islice(sorted(rows, key=lambda row: -(row[1] or 0.0)), 30)


def _cost(run: RunFacts, name: str) -> float | None:
    return next((node.seconds for node in run.nodes if node.name == name), None)
