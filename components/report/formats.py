"""How numbers read in a page."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from components.report.facts import Estimate
from components.report.facts import MetricFacts
from models.metrics import parse_metric

_MISSING = "–"


def number(value: float | None) -> str:
    """Returns a metric or its like: 0.9461."""
    return _MISSING if value is None else f"{value:.4f}"


def signed(value: float | None) -> str:
    """Returns a difference: +0.0123, with a minus sign that is as wide.

    >>> signed(-0.5), signed(0.25)
    ('−0.5000', '+0.2500')
    """
    return _MISSING if value is None else f"{value:+.4f}".replace("-", "−")


def short(value: float | None) -> str:
    """Returns a number of any size: 12.3, 4.1e+09."""
    return _MISSING if value is None else f"{value:.4g}".replace("-", "−")


def percent(value: float | None) -> str:
    """Returns a share: 12.5 %."""
    return _MISSING if value is None else f"{100 * value:.1f} %"


def seconds(value: float | None) -> str:
    """Returns a time.

    >>> seconds(4.21), seconds(75.0), seconds(7505.0)
    ('4.2 s', '1 min 15 s', '2 h 5 min')
    """
    if value is None:
        return _MISSING
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def size(value: int | None) -> str:
    """Returns a number of bytes.

    >>> size(812), size(1_500_000)
    ('812 B', '1.5 MB')
    """
    if value is None:
        return _MISSING
    amount, units = float(value), ["B", "kB", "MB", "GB", "TB"]
    while amount >= 1000 and len(units) > 1:
        amount, units = amount / 1000, units[1:]
    return f"{amount:.0f} {units[0]}" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def interval(estimate: Estimate) -> Markup:
    """Returns the interval of an estimate in brackets, nothing where there is none."""
    if estimate.low is None or estimate.high is None:
        return Markup("")
    low, high = (f"{end:.4f}".replace("-", "−") for end in (estimate.low, estimate.high))
    return Markup(f'<span class="interval">[{low}, {high}]</span>')


def mood(metric: MetricFacts) -> str:
    """Returns the class of a difference: whether it is good, where its interval leaves no doubt."""
    found, kind = metric.difference, parse_metric(metric.name)
    if found is None or found.low is None or found.high is None or not kind.directed:
        return ""
    if found.low <= 0 <= found.high:
        return ""
    return "good-text" if (found.low > 0) == kind.higher_is_better else "bad-text"


FILTERS: Mapping[str, Callable[..., Any]] = {
    "interval": interval,
    "mood": mood,
    "number": number,
    "percent": percent,
    "seconds": seconds,
    "short": short,
    "signed": signed,
    "size": size,
}
"""The formats by the names that templates use."""
