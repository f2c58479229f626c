"""The spans of the logs, portions that come one after the other, and how training follows them."""

from __future__ import annotations

import dataclasses
import datetime
import enum
from collections.abc import Iterable

from data.errors import InputError

DAY = datetime.timedelta(days=1)
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
        if len(span_numbers(self.first)) > 1:
            raise InputError(f"first must be one span, found '{self.first}'")

    @property
    def start(self) -> int | None:
        """The first span to train on, if it is set."""
        return next(iter(span_numbers(self.first)), None)


def span_numbers(text: str) -> tuple[int, ...]:
    """Returns the spans that a text names, in order.

    Args:
      text: Numbers and days such as 2026-11-20, with commas between them; `..` between two stands
        for all from one to the other. Nothing gives no span.

    Raises:
      InputError: It is none of these.

    >>> span_numbers("3, 1970-01-05..1970-01-07"), span_numbers("")
    ((3, 4, 5, 6), ())
    """
    found: set[int] = set()
    for part in filter(None, map(str.strip, text.split(","))):
        first, dots, last = (end.strip() for end in part.partition(".."))
        numbers = range(_number(first), _number(last if dots else first) + 1)
        if not numbers:
            raise InputError(f"span: expected the earlier span first, found '{part}'")
        found.update(numbers)
    return tuple(sorted(found))


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


def _day(span: int) -> str:
    return (EPOCH.date() + span * DAY).isoformat()


def due_day(now: datetime.datetime, delay: float) -> int:
    """Returns the span of the last day that ended `delay` hours or more before a time.

    >>> due_day(EPOCH + 3.5 * DAY, delay=6)
    2
    """
    return (now - EPOCH - datetime.timedelta(hours=delay)) // DAY - 1
