"""The spans of the logs that are there, and the file patterns of one of them."""

from __future__ import annotations

import datetime
import functools
import os
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence

from tfx.components.example_gen import utils
from tfx.dsl.io import fileio
from tfx.proto import example_gen_pb2

from data.errors import InputError
from pipeline.examples import ExamplesConfig
from pipeline.spans import EPOCH
from pipeline.spans import NEWEST
from pipeline.spans import Span
from pipeline.spans import asked
from pipeline.spans import spell

PLACEHOLDER = re.compile(r"\{(SPAN|VERSION|YYYY|MM|DD)(?::(\d+))?\}")
"""What stands for the numbers in a pattern, with or without a width, as TFX has it."""
VERSION = "VERSION"
_DIGITS = {"YYYY": 4, "MM": 2, "DD": 2}


def chosen(config: ExamplesConfig) -> tuple[Span, ...]:
    """Returns the spans to read; none for logs without spans.

    Raises:
      InputError: One that is asked for is not there, or none is.
    """
    if not config.has_spans:
        return ()
    complete = _complete(config)
    newest, wanted = _newest(complete), asked(config.span)
    if not wanted and not complete:
        patterns = ", ".join(f"'{pattern}'" for pattern in config.splits.values())
        raise InputError(f"examples.splits: no span below '{config.base}' has files for {patterns}")
    missing = [
        s for s in wanted if not (s.span in newest if s.version == NEWEST else s in complete)
    ]
    if missing:
        raise InputError(
            f"examples.span: {_words(missing, config)} is not there, or not complete; found"
            f" {_words(complete, config) or 'none'}"
        )
    found = wanted or (Span(max(newest), NEWEST),)
    return tuple(Span(s.span, newest[s.span]) if s.version == NEWEST else s for s in found)


def present(config: ExamplesConfig) -> dict[int, int]:
    """Returns the complete spans that are there, and the newest complete version of each.

    A span is complete when each split has files of it, and the marker that the configuration names
    is there.
    """
    return _newest(_complete(config))


def _newest(complete: Iterable[Span]) -> dict[int, int]:
    return {found.span: found.version for found in sorted(complete)}


def _words(spans: Iterable[Span], config: ExamplesConfig) -> str:
    return spell((found.span for found in spans), days=config.has_days)


def _complete(config: ExamplesConfig) -> set[Span]:
    complete = functools.reduce(
        set.intersection, [_matching(config, pattern) for pattern in config.splits.values()]
    )
    if config.spans and config.spans.marker:
        marked = _matching(config, config.spans.marker)
        whole = VERSION in _names(config.spans.marker)
        complete = {s for s in complete if (s if whole else Span(s.span)) in marked}
    return complete


def filled(pattern: str, span: Span) -> str:
    """Returns the file pattern of a span.

    Raises:
      InputError: The placeholders do not fit together.
    """
    try:
        kinds = utils.verify_split_pattern_specs(example_gen_pb2.Input.Split(pattern=pattern))
        return str(utils.get_pattern_for_span_version(pattern, *kinds, span.span, span.version))
    except ValueError as error:
        raise InputError(f"examples.splits: {error}") from None


def all_filled(pattern: str, spans: Sequence[Span]) -> list[str]:
    """Returns the file patterns of all these spans."""
    return [filled(pattern, span) for span in spans] or [pattern]


def _names(pattern: str) -> set[str]:
    return {found[1] for found in PLACEHOLDER.finditer(pattern)}


def _matching(config: ExamplesConfig, pattern: str) -> set[Span]:
    """Returns the spans and versions of which a pattern finds files."""
    filled(pattern, Span(0))  # refuses placeholders that do not fit together
    full = os.path.join(config.base, pattern)
    expression = re.compile("".join(_expressions(full)))
    found = map(expression.fullmatch, fileio.glob(PLACEHOLDER.sub("*", full)))
    return set(_spans(match for match in found if match))


def _expressions(pattern: str) -> Iterator[str]:
    """Yields a regular expression, part by part, for the paths that a pattern finds."""
    end = 0
    for found in PLACEHOLDER.finditer(pattern):
        yield _of_glob(pattern[end : found.start()])
        digits = found[2] or _DIGITS.get(found[1])
        yield rf"(?P<{found[1]}>\d{f'{{{digits}}}' if digits else '+'})"
        end = found.end()
    yield _of_glob(pattern[end:])


def _of_glob(text: str) -> str:
    """Returns a regular expression for a file pattern.

    >>> _of_glob("train-*.csv")
    'train\\\\-[^/]*\\\\.csv'
    >>> _of_glob("part-[0-9]")
    'part\\\\-[0-9]'
    """
    return "".join(
        part.replace("[!", "[^", 1)
        if part.startswith("[")
        else re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
        for part in re.split(r"(\[[^]]+\])", text)
    )


def _spans(matches: Iterable[re.Match[str]]) -> Iterator[Span]:
    for match in matches:
        numbers = {name: int(digits) for name, digits in match.groupdict().items()}
        if "YYYY" not in numbers:
            yield Span(numbers["SPAN"], numbers.get(VERSION, 0))
            continue
        try:
            day = datetime.date(numbers["YYYY"], numbers["MM"], numbers["DD"])
        except ValueError:
            raise InputError(f"examples.splits: '{match[0]}' names no day") from None
        yield Span((day - EPOCH.date()).days, numbers.get(VERSION, 0))
