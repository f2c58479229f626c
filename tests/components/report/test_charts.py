"""Drawings: they are well-formed, and what they draw is where it should be."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from components.report import charts
from components.report.charts import Point
from components.report.facts import Bucket
from components.report.facts import Estimate
from components.report.findings import Bar


def circles(svg: str) -> list[tuple[float, float]]:
    found = ElementTree.fromstring(svg).iter("circle")
    return [(float(c.attrib["cx"]), float(c.attrib["cy"])) for c in found]


def test_higher_values_are_drawn_higher() -> None:
    line = [Point(i, Estimate(value, value - 1, value + 1)) for i, value in enumerate([1, 3, 2])]
    svg = charts.lines("a <b>", [line, []])
    assert ElementTree.fromstring(svg).attrib["aria-label"] == "a <b>"
    xs, ys = zip(*circles(svg), strict=True)
    assert list(xs) == sorted(xs)
    assert np.argsort(ys).tolist() == [1, 2, 0]


def test_one_point_and_equal_values_are_drawn() -> None:
    for values in ([1.0], [1.0, 1.0]):
        points = [Point(i, Estimate(value)) for i, value in enumerate(values)]
        assert len(circles(charts.lines("flat", [points]))) == len(values)


def test_nothing_is_no_drawing() -> None:
    assert charts.lines("none", [[], [Point(1, Estimate(None))]]) == ""
    assert charts.histogram("none", [], []) == ""
    assert charts.calibration([]) == ""
    assert charts.whisker(None, 1.0) == charts.whisker(Estimate(None), 1.0) == ""


def test_a_histogram_keeps_shares() -> None:
    bars = [Bar(0.0, 1.0, 0.25), Bar(1.0, 4.0, 0.5), Bar(4.0, 4.0, 0.25)]
    edges = np.linspace(0.0, 4.0, 9)
    found = charts._rebinned(bars, edges)
    assert found.sum() == pytest.approx(1.0)
    assert found[:2].sum() == pytest.approx(0.25)
    assert found[-1] == pytest.approx(0.5 / 6 + 0.25)
    assert len(re.findall("<polygon", charts.histogram("two", bars, bars[:1]))) == 2


def test_a_calibrated_model_is_on_the_line() -> None:
    svg = charts.calibration([Bucket(0.5, 0.1, 0.1), Bucket(0.5, 0.9, 0.9)])
    diagonal = list(ElementTree.fromstring(svg).iter("line"))[-1].attrib
    ends = [(float(diagonal["x1"]), float(diagonal["y1"]))]
    ends.append((float(diagonal["x2"]), float(diagonal["y2"])))
    assert circles(svg) == ends


def test_a_whisker_has_zero_in_its_middle() -> None:
    for value, side in ((0.5, 1), (-0.5, -1), (0.0, 0)):
        ((x, _),) = circles(charts.whisker(Estimate(value, value - 0.1, value + 0.1), 0.6))
        assert np.sign(x - 60) == side
