"""Planning a run on this machine, by its logs, its ledger and the clock."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping

from components.example_gen import portions
from pipeline import ledger
from pipeline.config import Config
from pipeline.plans import Decision
from pipeline.plans import Known
from pipeline.plans import Plan
from pipeline.plans import plan
from pipeline.spans import due_day
from pipeline.spans import exactly
from pipeline.spans import spell


def planned(
    config: Config,
    trained: Mapping[int, int] | None = None,
    *,
    now: datetime.datetime | None = None,
) -> Plan:
    """Plans the next run.

    Args:
      config: The configuration; without `examples.spans`, or with `examples.span`, it says itself
        what to train on.
      trained: The ledger; by default that of local runs.
      now: The time; by default that of the clock.

    Raises:
      InputError: A file's path cannot be understood.
    """
    examples = config.examples
    if examples.spans is None or examples.span:
        return Plan(Decision.TRAIN, (), "as asked for" if examples.span else "")
    present = portions.present(examples)
    due = max(present, default=0)
    if examples.has_days:
        due = due_day(now or datetime.datetime.now(datetime.timezone.utc), examples.spans.delay)
    if trained is None:
        trained = ledger.trained(config)
    return plan(examples.spans, Known(due, present, trained, examples.has_days))


def following(config: Config, found: Plan) -> Config:
    """Returns the configuration of a run that follows a plan."""
    if not found.spans:
        return config
    examples = dataclasses.replace(config.examples, span=exactly(found.spans))
    return dataclasses.replace(config, examples=examples)


def describe(config: Config, found: Plan) -> str:
    """Returns a plan in a line."""
    spans = spell((span.span for span in found.spans), days=config.examples.has_days)
    return f"{found.decision.value}{f' on {spans}' if spans else ''}: {found.why}"
