"""Planning a run on this machine, by its logs, its ledger and the clock."""

from __future__ import annotations

import dataclasses
import datetime

from components.example_gen import portions
from pipeline import ledger
from pipeline.config import Config
from pipeline.plans import Decision
from pipeline.plans import Known
from pipeline.plans import Plan
from pipeline.plans import plan
from pipeline.spans import due_day
from pipeline.spans import spell


def planned(config: Config, now: datetime.datetime | None = None) -> Plan:
    """Plans the next run.

    Args:
      config: The configuration; without `examples.spans`, or with `examples.span`, it says itself
        what to train on.
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
    return plan(examples.spans, Known(due, present, ledger.trained(config), examples.has_days))


def following(config: Config, found: Plan) -> Config:
    """Returns the configuration of a run that follows a plan."""
    if not found.spans:
        return config
    text = spell((span.span for span in found.spans), days=config.examples.has_days)
    return dataclasses.replace(config, examples=dataclasses.replace(config.examples, span=text))


def describe(config: Config, found: Plan) -> str:
    """Returns a plan in a line."""
    spans = spell((span.span for span in found.spans), days=config.examples.has_days)
    return f"{found.decision.value}{f' on {spans}' if spans else ''}: {found.why}"
