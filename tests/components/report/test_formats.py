"""Numbers as they read in a page."""

from __future__ import annotations

from components.report import formats
from components.report.facts import Estimate


def test_what_is_not_known_is_a_dash() -> None:
    for name in ("number", "percent", "seconds", "short", "signed", "size"):
        assert formats.FILTERS[name](None) == "–"


def test_intervals_are_there_where_they_were_computed() -> None:
    assert formats.interval(Estimate(0.5)) == ""
    assert "[−0.1000, 0.2000]" in formats.interval(Estimate(0.05, -0.1, 0.2))


def test_numbers_are_as_short_as_they_can_be() -> None:
    assert formats.short(-123456.0) == "−1.235e+05"
    assert formats.percent(0.1234) == "12.3 %"
    assert formats.size(3_400_000_000) == "3.4 GB"
    assert formats.seconds(0.04) == "0.0 s"
