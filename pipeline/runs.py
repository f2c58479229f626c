"""The reports of local runs: what ML Metadata knows, and the facts that lie in their pages."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

from components.report import collect
from components.report import columns
from components.report import decisions
from components.report import pages
from components.report.facts import Decision
from components.report.facts import NodeFacts
from components.report.facts import RunFacts
from components.report.findings import ColumnFacts
from data import storage
from data.errors import InputError
from models import versions
from pipeline import dag
from pipeline import lineage
from pipeline.config import Config
from pipeline.examples import TRAIN
from pipeline.lineage import Node
from pipeline.lineage import Run

FOLDER = "reports"
"""Where pages are written, below the root."""
_CACHED = "taken from the cache: neither inputs nor code changed"


def write_report(config: Config, name: str = "", output: str = "") -> str:
    """Writes the page of a local run, the newest one by default, and returns its file."""
    run = lineage.find(config, name)
    path = output or _page(config, run)
    _write(path, pages.of_run(facts(config, run)))
    return path


def write_comparison(config: Config, first: str, second: str, output: str = "") -> str:
    """Writes the page that compares two runs, each named or a page of its own."""
    both = [_named(config, name) for name in (first, second)]
    path = output or os.path.join(config.pipeline.root, FOLDER, "compare.html")
    _write(path, pages.of_two(*both))
    return path


def write_history(config: Config, output: str = "") -> str:
    """Writes the page of all local runs and of the published versions, and returns its file."""
    path = output or os.path.join(config.pipeline.root, FOLDER, "history.html")
    folder = os.path.dirname(path) or "."
    entries = []
    for run in lineage.runs(config):
        page = _page(config, run)
        link = os.path.relpath(page, folder) if os.path.exists(page) else ""
        entries.append(pages.Entry(_with_metadata(_stored(run) or _bare(config), run), link))
    if not entries:
        raise InputError(f"{config.pipeline.root}: found no local run of {config.pipeline.name}")
    known = versions.versions(storage.at(config.push.base))
    _write(
        path, pages.of_history(config.pipeline.name, entries, list(map(versions.describe, known)))
    )
    return path


def explain(config: Config, name: str = "") -> str:
    """Returns every decision of a local run as ML Metadata alone tells it."""
    run = lineage.find(config, name)
    facts = _with_metadata(_bare(config), run)
    lines = [f"run {run.name} of {config.pipeline.name}: {_lower(pages.title(facts))}"]
    for decision in facts.decisions:
        lines.append(f"{decision.node}: {decision.text}")
        lines += [f"  {line}" for line in decision.details]
    return "\n".join(lines)


def facts(config: Config, run: Run) -> RunFacts:
    """Returns the facts of a run: those in its page, or what its artifacts tell without one."""
    settings = dag.report_settings(config)
    found = _stored(run) or collect.facts(run.found, settings, score=False)
    found = _with_metadata(found, run)
    return dataclasses.replace(found, columns=_drifted(config, run, found))


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _named(config: Config, name: str) -> RunFacts:
    if name.endswith(".html"):
        try:
            return pages.read(Path(name).read_text(encoding="utf-8"), name)
        except OSError as error:
            raise InputError(f"{name}: cannot be read: {error.strerror}") from None
    return facts(config, lineage.find(config, name))


def _page(config: Config, run: Run) -> str:
    return os.path.join(config.pipeline.root, FOLDER, f"{run.name.replace(':', '')}.html")


def _write(path: str, text: str) -> None:
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        storage.replace_text(storage.at(path), text)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


def _stored(run: Run) -> RunFacts | None:
    """Returns the facts in the page that the run's own node wrote; None where it did not."""
    page = run.found.get("RunReport", {}).get("report")
    if page is None or not (path := storage.at(page.uri)).exists():
        return None
    return pages.read(path.read_text(encoding="utf-8"), page.uri)


def _bare(config: Config) -> RunFacts:
    """Returns the facts of a run of which nothing is known yet."""
    return RunFacts(pipeline=config.pipeline.name, created="")


def _with_metadata(found: RunFacts, run: Run) -> RunFacts:
    outcome, version = decisions.outcome(run.found)
    return dataclasses.replace(
        found,
        run=run.name,
        outcome=outcome,
        version=version,
        decisions=tuple(_decisions(found, run)),
        lineage=tuple(decisions.lineage(run.found)),
        nodes=tuple(NodeFacts(n.name, n.state, n.seconds, _size(n)) for n in run.nodes),
    )


def _decisions(found: RunFacts, run: Run) -> Iterator[Decision]:
    """Yields what every node decided: of those in a page, the details that are only there too."""
    told = {decision.node: decision for decision in found.decisions}
    for node in run.nodes:
        if node.state not in ("complete", "cached"):
            yield Decision(node.name, node.state, False, (node.error,) if node.error else ())
            continue
        decided = list(decisions.decisions({node.name: node.outputs}))
        if node.state == "cached" and not decided:
            yield Decision(node.name, _CACHED)
        for decision in decided:
            details = decision.details or told.get(node.name, decision).details
            if node.state == "cached":
                details = (*details, _CACHED)
            yield dataclasses.replace(decision, details=details)


def _size(node: Node) -> int | None:
    if node.state != "complete":
        return None
    files = [path for a in node.outputs.values() for path in _files(storage.at(a.uri))]
    return sum(os.path.getsize(path) for path in files)


def _files(path: storage.AnyPath) -> Iterator[storage.AnyPath]:
    if path.is_file():
        yield path
    else:
        yield from storage.walk(path)


def _drifted(config: Config, run: Run, found: RunFacts) -> tuple[ColumnFacts, ...]:
    """Returns the columns with their drift from the last run before that had other examples."""
    current = _statistics(run)
    for other in reversed(lineage.runs(config)):
        previous = _statistics(other)
        if other.name < run.name and current and previous not in ("", current):
            first, second = (columns.read(uri, [TRAIN])[TRAIN] for uri in (current, previous))
            return columns.with_drift(found.columns, first, second)
    return found.columns


def _statistics(run: Run) -> str:
    artifact = run.found.get("StatisticsGen", {}).get("statistics")
    return artifact.uri if artifact else ""
