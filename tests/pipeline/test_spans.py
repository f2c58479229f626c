"""The words for spans."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from data.errors import InputError
from pipeline.spans import EPOCH
from pipeline.spans import NEWEST
from pipeline.spans import Span
from pipeline.spans import SpansConfig
from pipeline.spans import asked
from pipeline.spans import due_day
from pipeline.spans import exactly
from pipeline.spans import spell


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("7", (7,)),
        ("2026-11-20", (20777,)),
        ("9, 3..5,4", (3, 4, 5, 9)),
        ("2026-01-30 .. 2026-02-02", (20483, 20484, 20485, 20486)),
    ],
)
def test_spans_are_numbers_and_days(text: str, expected: tuple[int, ...]) -> None:
    assert tuple(found.span for found in asked(text)) == expected


@pytest.mark.parametrize("days", [False, True])
def test_what_is_spelled_is_read_again(days: bool) -> None:
    numbers = (20000, 20001, 20002, 20005, 20010, 20011)
    assert tuple(found.span for found in asked(spell(numbers, days=days))) == numbers


def test_versions_are_kept() -> None:
    spans = (Span(3, 1), Span(7, 12))
    assert asked(exactly(spans)) == spans
    assert asked("3..4, 4:2") == (Span(3, NEWEST), Span(4, 2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("soon", "span: expected numbers or days such as 2026-11-20, found 'soon'"),
        ("3..", "span: expected numbers or days such as 2026-11-20, found ''"),
        ("-1", "span: expected numbers or days such as 2026-11-20, found '-1'"),
        ("3:x", "span: expected numbers or days such as 2026-11-20, found 'x'"),
        ("5..3", "span: expected the earlier span first, found '5..3'"),
    ],
)
def test_a_text_that_names_no_span(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        asked(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("hours", "delay", "expected"), [(23.9, 0, -1), (24, 0, 0), (47, 0, 0), (30, 6, 0), (29, 6, -1)]
)
def test_a_day_is_due_some_hours_after_its_end(hours: float, delay: float, expected: int) -> None:
    assert due_day(EPOCH + datetime.timedelta(hours=hours), delay) == expected


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 0}, "size must be at least 1, found 0"),
        ({"patience": -1}, "patience must be 0 or more, found -1"),
        ({"patience": 1}, "patience is for missing = 'fail' or 'skip'; 'wait' waits for ever"),
        ({"delay": -1.0}, "delay must be 0 or more hours, found -1.0"),
        ({"first": "3..5"}, "first must be one span, found '3..5'"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        SpansConfig(**settings)
    assert str(caught.value) == message
