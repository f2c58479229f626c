"""Curves as a page that a browser shows without anything else, or as a table."""

from __future__ import annotations

import csv
import dataclasses
import html
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data.errors import InputError
from models.curves import Curve
from models.curves import Point

_WIDTH, _HEIGHT, _BAR = 300, 130, 14
_LOGARITHMIC_FROM = 1000.0
"""Values that reach this far are drawn by their symmetric logarithm."""
_STYLE = """
body { font: 14px sans-serif; margin: 2em } p { max-width: 50em }
figure { display: inline-block; vertical-align: top; margin: 0 2em 2em 0; width: 300px }
svg { overflow: visible } text { font-size: 10px; fill: #555 }
.band { fill: #9bd; opacity: .4 } .mean { fill: none; stroke: #036 } .bar { fill: #9bd }
.zero { stroke: #ccc } circle { fill: #036 }
"""
_TEXT = (
    "What each feature adds to a document's score, by its raw value: the mean as a line, least and"
    " most as a band, or the mean as a bar for each id. Features that move scores most come first;"
    " each has a scale of its own. Only differences rank documents: a constant moves all alike."
)


def check(path: str | os.PathLike[str]) -> None:
    """Raises InputError unless the name ends in .html or .csv."""
    suffix = Path(path).suffix
    if suffix not in (".html", ".csv"):
        raise InputError(f"{path}: found '{suffix}', expected .html or .csv")


def write(curves: Sequence[Curve], path: str | os.PathLike[str]) -> None:
    """Writes the curves as a page or as a table, as the name's end says.

    Raises:
      InputError: The name has another end, or the file cannot be written.
    """
    check(path)
    try:
        with Path(path).open("w", encoding="utf-8", newline="") as file:
            if Path(path).suffix == ".html":
                file.write(page(curves))
                return
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["feature", *(field.name for field in dataclasses.fields(Point))])
            for curve in curves:
                table.writerows([curve.feature, *vars(point).values()] for point in curve.points)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from error


def page(curves: Sequence[Curve]) -> str:
    """Returns the curves as one HTML page with the drawings in it."""
    figures = "\n".join(
        f"<figure><figcaption><b>{html.escape(curve.feature)}</b>, spread {curve.spread:.3g}"
        f"</figcaption>{_drawing(curve)}</figure>"
        for curve in curves
    )
    return (
        '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Curves</title>'
        f"<style>{_STYLE}</style>\n<h1>{len(curves)} features</h1>\n<p>{_TEXT}</p>\n"
        f"{figures}\n</html>\n"
    )


def _drawing(curve: Curve) -> str:
    bars = any(isinstance(point.value, str) for point in curve.points)
    return _bars(curve.points) if bars else _line(curve.points)


def _line(points: Sequence[Point]) -> str:
    values = np.array([float(point.value) for point in points])
    logarithmic = np.abs(values).max() >= _LOGARITHMIC_FROM
    x = _scale(np.sign(values) * np.log1p(np.abs(values)) if logarithmic else values, _WIDTH)
    heights = np.array([[point.low, point.sub_score, point.high] for point in points])
    y = _HEIGHT - _scale(np.append(heights, 0.0), _HEIGHT)
    zero, (low, mean, high) = y[-1], y[:-1].reshape(-1, 3).T
    band = _path(np.append(x, x[::-1]), np.append(low, high[::-1]))
    dots = "".join(
        f'<circle cx="{a:.1f}" cy="{b:.1f}" r="1.5"/>' for a, b in zip(x, mean, strict=True)
    )
    kind = " (logarithmic)" if logarithmic else ""
    return (
        f'<svg width="{_WIDTH}" height="{_HEIGHT + 15}">'
        f'<line class="zero" x2="{_WIDTH}" y1="{zero:.1f}" y2="{zero:.1f}"/>'
        f'<polygon class="band" points="{band}"/>'
        f'<polyline class="mean" points="{_path(x, mean)}"/>{dots}'
        f'<text y="10">{max(heights.max(), 0):.3g}</text>'
        f'<text y="{_HEIGHT}">{min(heights.min(), 0):.3g}</text>'
        f'<text y="{_HEIGHT + 12}">{values[0]:.4g}</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT + 12}" text-anchor="end">{values[-1]:.4g}{kind}</text>'
        "</svg>"
    )


def _bars(points: Sequence[Point]) -> str:
    *x, zero = _scale(np.array([point.sub_score for point in points] + [0.0]), _WIDTH)
    rows = "".join(
        f'<rect class="bar" x="{min(end, zero):.1f}" y="{i * _BAR}" width="{abs(end - zero):.1f}"'
        f' height="{_BAR - 2}"/><text x="2" y="{i * _BAR + 10}">'
        f"{html.escape(str(point.value))}: {point.sub_score:.3g},"
        f" {point.documents} documents</text>"
        for i, (end, point) in enumerate(zip(x, points, strict=True))
    )
    return f'<svg width="{_WIDTH}" height="{len(points) * _BAR}">{rows}</svg>'


def _scale(values: np.ndarray, size: int) -> np.ndarray:
    """Returns the values as lengths from 0 to `size`; half of it where they are all the same."""
    low, high = values.min(), values.max()
    if low == high:
        return np.full(values.shape, size / 2)
    return (values - low) / (high - low) * size


def _path(x: np.ndarray, y: np.ndarray) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
