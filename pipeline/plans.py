"""Which spans of the logs a run trains on: what is due, what is there, what was trained before."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator
from collections.abc import Mapping

from pipeline.spans import Late
from pipeline.spans import Missing
from pipeline.spans import Span
from pipeline.spans import SpansConfig
from pipeline.spans import Window
from pipeline.spans import spell


class Decision(str, enum.Enum):
    """What a plan comes to."""

    TRAIN = "train"
    NOTHING = "nothing"
    """All that is due was trained."""
    WAIT = "wait"
    """A span that is due is not there."""
    FAIL = "fail"
    """It is not there, and it was waited for long enough."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a run does.

    Attributes:
      decision: Whether it trains.
      spans: What it trains on, oldest first; none if it does not.
      why: The reason, in a sentence.
    """

    decision: Decision
    spans: tuple[Span, ...]
    why: str


@dataclasses.dataclass(frozen=True)
class Known:
    """What a plan is made of.

    Attributes:
      due: The last span that should be there.
      present: The spans that are there, complete, and the newest version of each.
      trained: The spans that finished runs trained on, and the newest version of each.
      days: Whether spans are days, for the words.
    """

    due: int
    present: Mapping[int, int]
    trained: Mapping[int, int]
    days: bool = False


def plan(config: SpansConfig, known: Known) -> Plan:
    """Plans a run; the same arguments always give the same plan."""
    due, present = known.due, known.present
    spans = [span for span in present if span <= due] + list(known.trained)
    if not spans:
        return Plan(Decision.NOTHING, (), "no span is there yet")
    start = min(spans) if config.start is None else config.start
    if start > due:
        first, last_due = spell([start], days=known.days), spell([due], days=known.days)
        return Plan(Decision.NOTHING, (), f"the first span, {first}, is not due; {last_due} is")
    last = max((span for span in known.trained if span >= start), default=start - 1)
    awaited = next(_awaited(config, last, known), None)
    end = due if awaited is None else awaited - 1
    there = [Span(*found) for found in sorted(present.items()) if start <= found[0] <= end]
    if config.window is Window.ROLLING:
        there = [found for found in there if found.span > end - config.size]
    new = [found for found in there if found.span > last or _comes_late(config, found, known)]
    if new:
        new = new[:1] if config.window is Window.ONE else new
        taken = there if config.window is Window.ROLLING else new
        return Plan(Decision.TRAIN, tuple(taken), _why(new, last, days=known.days))
    of_due = spell([due], days=known.days)
    if awaited is None:
        return Plan(Decision.NOTHING, (), f"all spans up to {of_due} that are there were trained")
    missing = spell([awaited], days=known.days)
    if config.missing is Missing.FAIL and due - awaited >= config.patience:
        return Plan(Decision.FAIL, (), f"span {missing} is missing, and {of_due} is due")
    return Plan(Decision.WAIT, (), f"span {missing} is awaited; {of_due} is due")


def _awaited(config: SpansConfig, last: int, known: Known) -> Iterator[int]:
    """Yields the spans after the last one that must come before others are trained."""
    for span in range(last + 1, known.due + 1):
        given_up = config.missing is Missing.SKIP and known.due - span >= config.patience
        if span not in known.present and not given_up:
            yield span


def _comes_late(config: SpansConfig, found: Span, known: Known) -> bool:
    trained = known.trained.get(found.span, -1)
    return config.late is Late.TRAIN and found.version > trained


def _why(new: list[Span], last: int, *, days: bool) -> str:
    reason = f"not trained before: {spell((found.span for found in new), days=days)}"
    late = [found.span for found in new if found.span <= last]
    return f"{reason}; late, or in a new version: {spell(late, days=days)}" if late else reason
