"""Drawings as SVG in the page: colours come from its style, so that they suit a dark one too."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from markupsafe import escape

from components.report.facts import Bucket
from components.report.facts import Estimate
from components.report.findings import Bar

_WIDTH, _HEIGHT, _LEFT, _BELOW, _ABOVE = 360, 150, 46, 18, 6
_INSET = 5
"""Between the axes and what is drawn, so that dots at the ends are whole."""
_BINS = 24


@dataclasses.dataclass(frozen=True)
class Point:
    """A number at a place of the horizontal axis.

    Attributes:
      at: The place.
      estimate: The number, and its interval where there is one.
      marked: Whether it is drawn as something special.
      text: What is shown on pointing at it.
    """

    at: float
    estimate: Estimate
    marked: bool = False
    text: str = ""


@dataclasses.dataclass(frozen=True)
class _Frame:
    """From numbers to places in the drawing."""

    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        (left, right), (low, high) = self.x, self.y
        across = (x - left) / (right - left) if right > left else 0.5
        up = (y - low) / (high - low) if high > low else 0.5
        return (
            _LEFT + _INSET + across * (_WIDTH - _LEFT - 8 - 2 * _INSET),
            _ABOVE + _INSET + (1 - up) * (_HEIGHT - _BELOW - _ABOVE - 2 * _INSET),
        )


def lines(name: str, series: Sequence[Sequence[Point]], x: str = "epoch") -> Markup:
    """Returns one drawing of up to two lines; intervals are whiskers, marked points are larger.

    Args:
      name: What is drawn, for those who do not see it.
      series: The points of each line.
      x: What the horizontal axis counts.
    """
    points = [point for line in series for point in line if point.estimate.value is not None]
    if not points:
        return Markup("")
    values = [v for p in points for v in _known(p.estimate)]
    places = [p.at for p in points]
    frame = _Frame((min(places), max(places)), (min(values), max(values)))
    parts = [_axes(frame, x)]
    for i, line in enumerate(series):
        drawn = [point for point in line if point.estimate.value is not None]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in (_place(frame, p) for p in drawn))
        parts.append(f'<polyline class="line s{i}" points="{path}"/>')
        parts += [_dot(frame, point, i) for point in drawn]
    return _svg(name, "".join(parts), _HEIGHT)


def histogram(name: str, first: Sequence[Bar], second: Sequence[Bar]) -> Markup:
    """Returns two histograms over each other: shares of values on the same bins."""
    both = [*first, *second]
    if not both:
        return Markup("")
    low, high = min(bar.low for bar in both), max(bar.high for bar in both)
    edges = np.linspace(low, high if high > low else low + 1.0, _BINS + 1)
    heights = [_rebinned(bars, edges) for bars in (first, second)]
    frame = _Frame((edges[0], edges[-1]), (0.0, max(float(h.max()) for h in heights)))
    parts = [_axes(frame, "")]
    for i, found in enumerate(heights):
        corners = [(edges[0], 0.0)]
        for a, b, height in zip(edges, edges[1:], found, strict=False):
            corners += [(a, height), (b, height)]
        path = " ".join(
            f"{x:.1f},{y:.1f}" for x, y in (frame.at(*c) for c in [*corners, (edges[-1], 0.0)])
        )
        parts.append(f'<polygon class="area s{i}" points="{path}"/>')
    return _svg(name, "".join(parts), _HEIGHT)


def calibration(buckets: Sequence[Bucket]) -> Markup:
    """Returns mean labels over mean scores; on the diagonal a model is calibrated."""
    if not buckets:
        return Markup("")
    values = [v for bucket in buckets for v in (bucket.score, bucket.label)]
    ends = min(values), max(values)
    frame = _Frame(ends, ends)
    a, b = frame.at(ends[0], ends[0]), frame.at(ends[1], ends[1])
    parts = [
        _axes(frame, "mean score"),
        f'<line class="grid" x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}"/>',
    ]
    widest = max(bucket.share for bucket in buckets)
    for bucket in buckets:
        x, y = frame.at(bucket.score, bucket.label)
        radius = 2.0 + 5.0 * math.sqrt(bucket.share / widest)
        title = (
            f"{bucket.share:.1%} of documents: score {bucket.score:.4f}, label {bucket.label:.4f}"
        )
        parts.append(
            f'<circle class="dot s0" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}">'
            f"<title>{title}</title></circle>"
        )
    return _svg("Mean label over mean score, by bucket of scores", "".join(parts), _HEIGHT)


def whisker(found: Estimate | None, widest: float) -> Markup:
    """Returns a difference as a dot on a line with zero in its middle.

    Args:
      found: The difference.
      widest: What reaches to the end of the line.
    """
    if found is None or found.value is None or not widest:
        return Markup("")
    place = [60 + 54 * max(-1.0, min(1.0, value / widest)) for value in _ends(found)]
    sign = "up" if found.value > 0 else "down" if found.value < 0 else "none"
    return Markup(
        '<svg class="whisker" viewBox="0 0 120 14" aria-hidden="true">'
        '<line class="grid" x1="60" x2="60" y1="0" y2="14"/>'
        f'<line class="span" x1="{place[0]:.1f}" x2="{place[2]:.1f}" y1="7" y2="7"/>'
        f'<circle class="{sign}" cx="{place[1]:.1f}" cy="7" r="3.5"/></svg>'
    )


def _known(estimate: Estimate) -> list[float]:
    return [v for v in (estimate.value, estimate.low, estimate.high) if v is not None]


def _ends(estimate: Estimate) -> tuple[float, float, float]:
    value = estimate.value or 0.0
    low, high = estimate.low, estimate.high
    return (value if low is None else low, value, value if high is None else high)


def _place(frame: _Frame, point: Point) -> tuple[float, float]:
    return frame.at(point.at, _ends(point.estimate)[1])


def _dot(frame: _Frame, point: Point, i: int) -> str:
    x, y = _place(frame, point)
    low, _, high = _ends(point.estimate)
    (_, bottom), (_, top) = frame.at(point.at, low), frame.at(point.at, high)
    bar = f'<line class="span" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"/>'
    title = f"<title>{escape(point.text)}</title>" if point.text else ""
    marked = " marked" if point.marked else ""
    radius = 4.5 if point.marked else 2.0
    return (
        f'{bar if high > low else ""}<circle class="dot s{i}{marked}" cx="{x:.1f}" cy="{y:.1f}"'
        f' r="{radius}">{title}</circle>'
    )


def _axes(frame: _Frame, x: str) -> str:
    base, right = _HEIGHT - _BELOW, _WIDTH - 8
    low, high, left_end, right_end = map(_end, (*frame.y, *frame.x))
    return (
        f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{base}" y2="{base}"/>'
        f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{_ABOVE}" y2="{_ABOVE}"/>'
        f'<text x="{_LEFT - 4}" y="{base}" text-anchor="end">{low}</text>'
        f'<text x="{_LEFT - 4}" y="{_ABOVE + 8}" text-anchor="end">{high}</text>'
        f'<text x="{_LEFT}" y="{_HEIGHT - 4}">{left_end}</text>'
        f'<text x="{(_LEFT + right) / 2:.0f}" y="{_HEIGHT - 4}" text-anchor="middle">{x}</text>'
        f'<text x="{right}" y="{_HEIGHT - 4}" text-anchor="end">{right_end}</text>'
    )


def _end(value: float) -> str:
    return f"{value:.4g}".replace("e+0", "e").replace("-", "−")


def _svg(name: str, content: str, height: int) -> Markup:
    return Markup(
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {height}" role="img"'
        f' aria-label="{escape(name)}">{content}</svg>'
    )


def _rebinned(bars: Sequence[Bar], edges: np.ndarray) -> np.ndarray:
    """Returns the share in each bin, as if a bar's values lay evenly between its ends."""
    found = np.zeros(len(edges) - 1)
    for bar in bars:
        if bar.high <= bar.low:
            place = int(np.searchsorted(edges, bar.low, side="right")) - 1
            found[min(max(place, 0), len(found) - 1)] += bar.share
            continue
        overlap = np.minimum(edges[1:], bar.high) - np.maximum(edges[:-1], bar.low)
        found += bar.share * np.clip(overlap, 0.0, None) / (bar.high - bar.low)
    return found
