"""Plans of runs, held to an oracle that walks the spans one by one, over random schedules."""

from __future__ import annotations

import collections
import random
from typing import Any

import pytest

from pipeline.plans import Decision
from pipeline.plans import Known
from pipeline.plans import Plan
from pipeline.plans import plan
from pipeline.spans import Late
from pipeline.spans import Missing
from pipeline.spans import Span
from pipeline.spans import SpansConfig
from pipeline.spans import Window

SCHEDULES, DAYS = 1000, 25


def oracle(config: SpansConfig, known: Known) -> tuple[Decision, list[tuple[int, int]]]:
    """Decides by one walk over all spans from the first to the one that is due."""
    first = config.start
    if first is None:
        everything = [*known.trained, *(s for s in known.present if s <= known.due)]
        if not everything:
            return Decision.NOTHING, []
        first = min(everything)
    elif not known.trained and not any(s <= known.due for s in known.present):
        return Decision.NOTHING, []
    newest = max([s for s in known.trained if s >= first], default=first - 1)
    new, passed, stopped = [], [], Decision.NOTHING
    for span in range(first, known.due + 1):
        version = known.present.get(span)
        if version is not None:
            passed.append((span, version))
            again = span not in known.trained or known.trained[span] < version
            if span > newest or (again and config.late is Late.TRAIN):
                new.append((span, version))
        elif span > newest:
            waited = known.due - span
            if config.missing is Missing.SKIP and waited >= config.patience:
                continue
            fails = config.missing is Missing.FAIL and waited >= config.patience
            stopped = Decision.FAIL if fails else Decision.WAIT
            break
    end = span - 1 if stopped is not Decision.NOTHING else known.due
    if config.window is Window.ROLLING:
        passed = [found for found in passed if end - config.size < found[0]]
        new = [found for found in new if found in passed]
    if not new:
        return stopped, []
    taken = {Window.ONE: new[:1], Window.SINCE_LAST: new, Window.ROLLING: passed}[config.window]
    return Decision.TRAIN, taken


def drawn_config(draw: random.Random) -> SpansConfig:
    missing = draw.choice(list(Missing))
    return SpansConfig(
        window=draw.choice(list(Window)),
        size=draw.randint(1, 5),
        missing=missing,
        patience=0 if missing is Missing.WAIT else draw.randint(0, 3),
        late=draw.choice(list(Late)),
        first=draw.choice(["", "", "3"]),
    )


def drawn_arrivals(draw: random.Random) -> dict[int, dict[int, int]]:
    """Returns the spans that are there on each day, and their newest versions."""
    arrivals: dict[int, dict[int, int]] = collections.defaultdict(dict)
    for span in range(DAYS):
        if draw.random() < 0.08:
            continue  # never comes
        day = span + (draw.randint(1, 6) if draw.random() < 0.2 else 0)
        for version in range(draw.choice([1, 1, 1, 1, 2, 3])):
            for later in range(day + 3 * version, DAYS + 20):
                arrivals[later][span] = version
    return arrivals


def test_plans_are_those_of_the_oracle_and_train_every_span_once() -> None:
    outcomes: collections.Counter[Decision] = collections.Counter()
    for seed in range(SCHEDULES):
        draw = random.Random(seed)
        config, arrivals = drawn_config(draw), drawn_arrivals(draw)
        trained: dict[int, int] = {}
        times: collections.Counter[Span] = collections.Counter()
        for day in range(DAYS + 20):
            for _ in range(draw.choice([0, 1, 1, 2]) if day < DAYS + 19 else 2 * DAYS):
                known = Known(day, arrivals[day], dict(trained))
                found = plan(config, known)
                spans = [(span.span, span.version) for span in found.spans]
                assert (found.decision, spans) == oracle(config, known), (seed, day)
                outcomes[found.decision] += 1
                if found.decision is not Decision.TRAIN:
                    break
                if draw.random() < 0.1:
                    continue  # killed before its end
                times.update(s for s in found.spans if trained.get(s.span, -1) < s.version)
                trained |= dict(spans)
        assert set(times.values()) <= {1}
        rolls = config.window is Window.ROLLING
        if config.missing is Missing.SKIP and config.late is Late.TRAIN and not rolls:
            start = min(trained, default=0) if config.start is None else config.start
            came = arrivals[DAYS + 19].items()
            assert trained == {span: version for span, version in came if span >= start}, seed
    assert min(outcomes[decision] for decision in Decision) > SCHEDULES


def spans(*numbers: int) -> dict[int, int]:
    return dict.fromkeys(numbers, 0)


@pytest.mark.parametrize(
    ("settings", "known", "expected"),
    [
        ({}, Known(3, {}, {}), Plan(Decision.NOTHING, (), "no span is there yet")),
        (
            {},
            Known(3, spans(1, 2, 3), spans(1)),
            Plan(Decision.TRAIN, (Span(2),), "not trained before: 2"),
        ),
        (
            {"window": Window.SINCE_LAST},
            Known(20780, {20778: 2, 20779: 0, 20780: 0}, {20778: 1}, days=True),
            Plan(
                Decision.TRAIN,
                (Span(20778, 2), Span(20779), Span(20780)),
                "not trained before: 2026-11-21..2026-11-23; late, or in a new version: 2026-11-21",
            ),
        ),
        (
            {"window": Window.ROLLING, "size": 2},
            Known(3, spans(1, 2, 3), spans(1, 2)),
            Plan(Decision.TRAIN, (Span(2), Span(3)), "not trained before: 3"),
        ),
        (
            {},
            Known(3, spans(1, 3), spans(1)),
            Plan(Decision.WAIT, (), "span 2 is awaited; 3 is due"),
        ),
        (
            {"missing": Missing.FAIL, "patience": 1},
            Known(3, spans(1, 3), spans(1)),
            Plan(Decision.FAIL, (), "span 2 is missing, and 3 is due"),
        ),
        (
            {"missing": Missing.SKIP},
            Known(3, spans(1, 3), spans(1)),
            Plan(Decision.TRAIN, (Span(3),), "not trained before: 3"),
        ),
        (
            {},
            Known(3, spans(1, 2, 3), spans(1, 2, 3)),
            Plan(Decision.NOTHING, (), "all spans up to 3 that are there were trained"),
        ),
        (
            {"first": "9"},
            Known(3, spans(1, 2, 3), {}),
            Plan(Decision.NOTHING, (), "the first span, 9, is not due; 3 is"),
        ),
    ],
    ids=["none", "one", "since-last", "rolling", "wait", "fail", "skip", "nothing-new", "later"],
)
def test_plan(settings: dict[str, Any], known: Known, expected: Plan) -> None:
    assert plan(SpansConfig(**settings), known) == expected
