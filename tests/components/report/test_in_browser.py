"""The pages in a real browser: silent, alone, and no wider than the window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import browser
from tests.browser import Browser
from tests.components.report.test_pages import PAGES

WIDTHS = (320, 390, 1280)
OVERFLOWING = """
[...document.querySelectorAll("body *")]
  .filter(e => !e.closest(".scroll") && !e.closest("svg"))
  .filter(e => e.getBoundingClientRect().right > window.innerWidth + 0.5)
  .map(e => e.outerHTML.slice(0, 80))
"""
UNNAMED = 'document.querySelectorAll("svg:not([aria-label]):not([aria-hidden])").length'
OPEN_ALL = 'document.querySelectorAll("details").forEach(e => { e.open = true })'


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not browser.executable():
        pytest.skip("no Chromium is on PATH")
    with browser.start(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_is_silent_alone_and_fits(
    name: str, width: int, chromium: Browser, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    path.write_text(PAGES[name], encoding="utf-8")
    opened = chromium.open(path, width=width)
    assert set(opened.requests) <= {path.as_uri(), "data:,"}
    assert opened.complaints == []
    opened.evaluate(OPEN_ALL)
    assert opened.evaluate(OVERFLOWING) == []
    assert opened.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert opened.evaluate(UNNAMED) == 0


def test_dark_pages_are_dark(chromium: Browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(PAGES["run"], encoding="utf-8")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert chromium.open(path, width=390).evaluate(paper) == "rgb(255, 255, 255)"
    assert chromium.open(path, width=390, dark=True).evaluate(paper) == "rgb(18, 22, 29)"


def test_what_is_wrong_is_seen(chromium: Browser, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(
        '<!doctype html><meta name="viewport" content="width=device-width"><body>'
        '<p style="width: 2000px">wide</p><img src="http://images.example/a.png">'
        "<script>console.log('said'); missing()</script>"
    )
    opened = chromium.open(path, width=390)
    assert "http://images.example/a.png" in opened.requests
    assert "said" in "".join(opened.complaints)
    assert "missing is not defined" in "".join(opened.complaints)
    assert len(opened.evaluate(OVERFLOWING)) == 1
