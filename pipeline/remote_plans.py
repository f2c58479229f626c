"""Planning a run on Kubeflow Pipelines, by what its runs were told and how they ended."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from components.example_gen import portions
from data.errors import InputError
from pipeline import following
from pipeline import planning
from pipeline import submission
from pipeline.client import Server
from pipeline.config import Config
from pipeline.examples import SPAN
from pipeline.plans import Decision
from pipeline.plans import Plan
from pipeline.spans import asked
from pipeline.spans import exactly


def planned(server: Server, config: Config) -> Plan:
    """Plans the next run; waits while one goes on.

    Args:
      server: Where the runs are.
      config: The configuration as it is deployed, with `examples.spans`.

    Raises:
      InputError: The logs or the runs cannot be understood.
    """
    found: dict[int, int] = {}
    for run in _runs(server, config):
        if run.state not in following.ENDED:
            return Plan(Decision.WAIT, (), f"run {run.run_id} goes on")
        if run.state == following.SUCCEEDED:
            for span in _told(run):
                found[span.span] = max(span.version, found.get(span.span, 0))
    return planning.planned(config, found)


def exact(config: Config, spans: str) -> str:
    """Returns spans with the versions they have by now, for later plans to know them by.

    Raises:
      InputError: One of them is not there.
    """
    examples = dataclasses.replace(config.examples, span=spans)
    return exactly(portions.chosen(examples))


def _runs(server: Server, config: Config) -> Iterator[Any]:
    """Yields the runs of the pipeline, in whatever version."""
    within = submission.experiment(server, config)
    pipeline_id = submission.find(server, config.pipeline.name)
    if within and pipeline_id:
        for run in server.pages(server.api.runs.list_runs, "runs", experiment_id=within):
            reference = run.pipeline_version_reference
            if reference is not None and reference.pipeline_id == pipeline_id:
                yield run


def _told(run: Any) -> Iterator[Any]:
    parameters = (run.runtime_config and run.runtime_config.parameters) or {}
    try:
        yield from asked(str(parameters.get(SPAN, "")))
    except InputError as error:
        raise InputError(f"run {run.run_id}: {error}") from None
