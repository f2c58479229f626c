"""The spans of the logs, portions that come one after the other, and how training follows them."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Iterable

from data.errors import InputError

DAY = datetime.timedelta(days=1)
NEWEST = -1
"""Stands for the newest version of a span."""
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


class Window(str, enum.Enum):
    """What a run takes."""

    ONE = "one"
    """The oldest span that was not trained yet."""
    SINCE_LAST = "since_last"
    """All spans that were not trained yet."""
    ROLLING = "rolling"
    """The last `size` spans, as soon as one of them was not trained yet."""


class Missing(str, enum.Enum):
    """What becomes of a span that is due and not there."""

    WAIT = "wait"
    """No later span is trained before it."""
    FAIL = "fail"
    """Nothing is trained, and the run says so, as a mistake in the input."""
    SKIP = "skip"
    """Later spans are trained without it."""


class Late(str, enum.Enum):
    """What becomes of a span, or of a new version of one, that comes after later ones."""

    TRAIN = "train"
    """It is trained."""
    IGNORE = "ignore"
    """It is not."""


@dataclasses.dataclass(frozen=True, order=True)
class Span:
    """A portion of the logs.

    Attributes:
      span: Its number; that of a day is in days since 1970-01-01.
      version: Its version, 0 where there are none.
    """

    span: int
    version: int = 0


@dataclasses.dataclass(frozen=True)
class SpansConfig:
    """How training follows the spans of the logs.

    Attributes:
      window: What a run takes: one, since_last or rolling.
      size: The spans of a rolling window.
      missing: What becomes of a span that is due and not there: wait, fail or skip.
      patience: How many later spans must be due before a missing one fails or is skipped.
      late: What becomes of spans and new versions that come after later ones: train or ignore.
      delay: The hours after the end of a day until its span is due.
      first: The first span to train on, a number or a day; empty for the first that is there.
      marker: A file pattern below `base`, with the placeholders of the splits, without which a span
        is not complete, such as `{YYYY}-{MM}-{DD}/_SUCCESS`.
    """

    window: Window = Window.ONE
    size: int = 7
    missing: Missing = Missing.WAIT
    patience: int = 0
    late: Late = Late.TRAIN
    delay: float = 0.0
    first: str = ""
    marker: str = ""

    def __post_init__(self) -> None:
        if self.size < 1:
            raise InputError(f"size must be at least 1, found {self.size}")
        if self.patience < 0:
            raise InputError(f"patience must be 0 or more, found {self.patience}")
        if self.patience and self.missing is Missing.WAIT:
            raise InputError("patience is for missing = 'fail' or 'skip'; 'wait' waits for ever")
        if self.delay < 0:
            raise InputError(f"delay must be 0 or more hours, found {self.delay}")
        if len(asked(self.first)) > 1:
            raise InputError(f"first must be one span, found '{self.first}'")

    @property
    def start(self) -> int | None:
        """The first span to train on, if it is set."""
        return next((found.span for found in asked(self.first)), None)


def asked(text: str) -> tuple[Span, ...]:
    """Returns the spans that a text names, in order; of version `NEWEST` where it names none.

    Args:
      text: Numbers and days such as 2026-11-20, with commas between them; `..` between two stands
        for all from one to the other, and `:2` after one for its version. Nothing gives no span.

    Raises:
      InputError: It is none of these.

    >>> [found.span for found in asked("3, 1970-01-05..1970-01-07")], asked("18:2")
    ([3, 4, 5, 6], (Span(span=18, version=2),))
    """
    found: dict[int, int] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        first, dots, last = (end.strip() for end in part.partition(".."))
        if dots:
            numbers = range(_number(first), _number(last) + 1)
            if not numbers:
                raise InputError(f"span: expected the earlier span first, found '{part}'")
            found.update(dict.fromkeys(numbers, NEWEST))
        else:
            name, colon, version = first.partition(":")
            found[_number(name)] = _number(version) if colon else NEWEST
    return tuple(Span(*pair) for pair in sorted(found.items()))


def _number(text: str) -> int:
    if text.isdecimal():
        return int(text)
    try:
        return (datetime.date.fromisoformat(text) - EPOCH.date()).days
    except ValueError:
        raise InputError(
            f"span: expected numbers or days such as 2026-11-20, found '{text}'"
        ) from None


def spell(spans: Iterable[int], *, days: bool) -> str:
    """Returns the text that names spans, numbers or days.

    >>> spell([3, 4, 5, 9], days=False), spell([3], days=True)
    ('3..5, 9', '1970-01-04')
    """
    runs: list[list[int]] = []
    for span in sorted(set(spans)):
        if runs and span == runs[-1][-1] + 1:
            runs[-1][1:] = [span]
        else:
            runs.append([span])
    named = (map(_day if days else str, run) for run in runs)
    return ", ".join("..".join(ends) for ends in named)


def exactly(spans: Iterable[Span]) -> str:
    """Returns the text that names spans in these versions.

    >>> exactly([Span(3), Span(4, 2)])
    '3, 4:2'
    """
    return ", ".join(f"{s.span}:{s.version}" if s.version else str(s.span) for s in sorted(spans))


def _day(span: int) -> str:
    return (EPOCH.date() + span * DAY).isoformat()


def due_day(now: datetime.datetime, delay: float) -> int:
    """Returns the span of the last day that ended `delay` hours or more before a time.

    >>> due_day(EPOCH + 3.5 * DAY, delay=6)
    2
    """
    return (now - EPOCH - datetime.timedelta(hours=delay)) // DAY - 1
