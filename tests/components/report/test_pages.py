"""What a page says, and that it asks for nothing."""

from __future__ import annotations

import dataclasses
import re

import pytest

from components.report import formats
from components.report import pages
from components.report.facts import RunFacts
from data.errors import InputError
from tests.components.report import made_up

RUN, REFUSED, BARE = made_up.run(0.01), made_up.run(-0.02, "refused"), made_up.without_parts()
PAGES = {
    "run": pages.of_run(RUN),
    "refused": pages.of_run(REFUSED),
    "bare": pages.of_run(BARE),
    "compare": pages.of_two(RUN, REFUSED),
    "unlike": pages.of_two(BARE, RUN),
    "history": pages.of_history(
        "products", [pages.Entry(BARE), pages.Entry(RUN, "a.html")], ["1795231100  live"]
    ),
    "none published": pages.of_history("products", [pages.Entry(BARE)], []),
}


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_refers_to_nothing_else(name: str) -> None:
    found = re.findall(r"""(?:href|src|url)\s*[=(]\s*["']?([^"')> ]*)""", PAGES[name])
    expected = {"data:,", "a.html"} if name == "history" else {"data:,"}
    assert {link for link in found if not link.startswith("#")} == expected
    assert "<script" not in PAGES[name].replace('<script type="application/json" id="facts">', "")


@pytest.mark.parametrize("run", [RUN, REFUSED, BARE], ids=["run", "refused", "bare"])
def test_the_facts_are_in_the_page(run: RunFacts) -> None:
    assert pages.read(pages.of_run(run), "a.html") == run


def test_what_is_no_page_is_named() -> None:
    with pytest.raises(InputError) as caught:
        pages.read(PAGES["history"], "history.html")
    text = "history.html: found no facts of a run, expected the page of one"
    assert str(caught.value) == text


def test_the_verdict_comes_first_with_its_reasons() -> None:
    text = PAGES["refused"]
    verdict = text[text.index("<h1>") : text.index("</header>")]
    assert "<h1>Not published</h1>" in verdict
    assert "Evaluator: ndcg@10: changed by -0.0200 from the blessed model" in verdict
    assert "<h1>Published as version 1795231100</h1>" in PAGES["run"]
    assert "<h1>Unfinished</h1>" in PAGES["bare"]
    assert "ExampleValidator: train: feature &#39;price&#39;" in PAGES["bare"]


def test_sections_without_facts_are_not_there() -> None:
    sections = ["metrics", "lists", "importance", "calibration", "training", "data"]
    for section in sections:
        assert f'<section id="{section}">' in PAGES["run"]
        assert f'<section id="{section}">' not in PAGES["bare"]
        assert f'href="#{section}"' not in PAGES["bare"]


def test_a_difference_is_good_or_bad_only_beyond_doubt() -> None:
    (overall,) = made_up.run(0.01).slices[:1]
    moods = {m.name: formats.mood(m) for m in overall.metrics}
    assert moods["ndcg@1"] == ""  # its interval has zero in it
    assert moods["map"] == "good-text"
    assert moods["arp"] == "bad-text"  # less is better


def test_settings_that_differ_are_compared() -> None:
    text = PAGES["compare"]
    assert "train.learning_rate" in text
    assert "features.columns" not in text
    same = pages.of_two(RUN, dataclasses.replace(REFUSED, settings=RUN.settings))
    assert "None: both runs had the same configuration." in same
