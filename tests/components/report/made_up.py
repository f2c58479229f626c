"""Facts of runs that never were, with something in every section of a page."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from components.report.facts import Bucket
from components.report.facts import Curve
from components.report.facts import Decision
from components.report.facts import Estimate
from components.report.facts import MetricFacts
from components.report.facts import NodeFacts
from components.report.facts import Origin
from components.report.facts import RunFacts
from components.report.facts import SliceFacts
from components.report.facts import TrainingFacts
from components.report.findings import Bar
from components.report.findings import ColumnFacts
from components.report.findings import Importance
from components.report.findings import ListFacts
from components.report.findings import Ranked
from components.report.findings import ScoreFacts
from components.report.findings import Summary

METRICS = ("ndcg@1", "ndcg@5", "ndcg@10", "mrr@10", "map", "precision@5", "arp")
LONG = "a_feature_whose_name_is_so_long_that_no_phone_has_a_line_for_all_of_it_at_once"


def estimate(value: float, width: float = 0.012) -> Estimate:
    return Estimate(value, value - width, value + width)


def metrics(shift: float) -> tuple[MetricFacts, ...]:
    return tuple(
        MetricFacts(
            name,
            estimate(0.71 + 0.03 * i + shift),
            estimate(0.715 + 0.03 * i),
            estimate(shift - 0.005 + 0.002 * i, 0.006),
        )
        for i, name in enumerate(METRICS)
    )


def summary(mean: float) -> Summary:
    edges = np.linspace(mean - 3, mean + 3, 11)
    shares = np.exp(-(((edges[1:] + edges[:-1]) / 2 - mean) ** 2))
    bars = zip(edges, edges[1:], shares / shares.sum(), strict=False)
    return Summary(
        values=20812,
        missing=0.013,
        mean=mean,
        std=1.0,
        zeros=0.02,
        low=mean - 3,
        median=mean,
        high=mean + 3,
        bars=tuple(Bar(float(a), float(b), float(s)) for a, b, s in bars),
    )


def words(n: int) -> Summary:
    return Summary(n, 0.0, unique=3, top={"phone": n // 2, "desktop <b>": n // 3, "tablet": n // 6})


def one_list(name: str, candidate: float, blessed: float) -> ListFacts:
    ranked = tuple(
        Ranked(f"document-{i:03}", float(4 - i if i < 4 else 0), 2.0 - i) for i in range(8)
    )
    other = tuple(ranked[i] for i in (4, 0, 5, 1, 6, 2, 7, 3))
    return ListFacts(name, 24, candidate, blessed, ranked, other)


def decided(*, good: bool) -> tuple[Decision, ...]:
    verdict = Decision("Evaluator", "blessed: every threshold holds", True)
    pushed = Decision("Pusher", "published as version 1795231100", True)
    if not good:
        reason = (
            "ndcg@10: changed by -0.0200 from the blessed model, expected a loss of at most 0.005"
        )
        verdict = Decision("Evaluator", "not blessed", False, (reason,))
        pushed = Decision("Pusher", "not published", False)
    return (
        Decision("RankingExampleGen", "read span 20778 (version 1)"),
        Decision("ExampleValidator", "the examples fit the schema", True),
        Decision("Trainer", "trained from the start"),
        Decision("LatestBlessedModel", "version 1795144700 was served: the model to compare with"),
        verdict,
        pushed,
    )


def trained(shift: float) -> TrainingFacts:
    epochs = range(1, 13)
    return TrainingFacts(
        epochs=12,
        best_epoch=9,
        metric="ndcg@10",
        best=0.768,
        curves=(
            Curve("train: loss", tuple(2.0 / e + shift for e in epochs)),
            Curve(
                "validation: ndcg@10", tuple(0.77 - 0.3 / e - 0.001 * abs(e - 9) for e in epochs)
            ),
            Curve("validation: loss", tuple(2.1 / e + 0.2 for e in epochs)),
        ),
    )


def columns(shift: float) -> tuple[ColumnFacts, ...]:
    drift = {"test": 0.034, "the run before": 0.21}
    alike = {"train": summary(0.0), "test": summary(0.0)}
    return (
        ColumnFacts("price", {"train": summary(2.0 + shift), "test": summary(2.4)}, drift),
        ColumnFacts(LONG, alike, {"test": 0.001}),
        ColumnFacts("device", {"train": words(1200), "test": words(200)}, {"test": 0.0004}),
    )


SCORES = ScoreFacts(
    metric="ndcg@10",
    lists=200,
    documents=2974,
    repeats=3,
    winners=(one_list("q-17 </script> lamp", 0.98, 0.41), one_list("q-3", 0.7, 0.5)),
    losers=(one_list("q-44", 0.31, 0.93),),
    importance=(
        Importance("price", 0.1021, 0.002),
        Importance(LONG, 0.034, 0.001),
        *(Importance(f"feature{i}", 0.03 / (i + 1), 0.001) for i in range(22)),
        Importance("jitter", -0.0003, 0.0004),
    ),
)


def run(shift: float = 0.0, outcome: str = "published") -> RunFacts:
    """A run that was better by `shift` than usual."""
    good = outcome == "published"
    return RunFacts(
        pipeline="products",
        created="2026-11-21T03:20:11+00:00",
        run=f"2026-11-2{1 if good else 2}T03:15:00.123456",
        split="test",
        contract="gain 2^l-1, discount 1/log2(1+rank), ties worst, empty lists 0",
        gated="ndcg@10",
        outcome=outcome,
        version="1795231100" if good else "",
        decisions=decided(good=good),
        slices=(
            SliceFacts("", metrics(shift)),
            *(SliceFacts(f"device={name}", metrics(shift / 2)) for name in ("phone", "desktop")),
        ),
        warning="" if good else "full_ndcg@10 and ndcg@10 do not agree on which model is better",
        calibration=tuple(
            Bucket(0.1, 0.05 + i / 10, 0.04 + i / 10 + 0.02 * math.sin(i)) for i in range(10)
        ),
        training=trained(shift),
        columns=columns(shift),
        scores=SCORES,
        counts={"test lists": 200, "train documents": 20812, "train lists": 1200, "dropped": 3},
        nodes=NODES,
        lineage=(
            Origin("logs", "span 20778 (version 1)"),
            Origin("examples", "gs://bucket/a/long/path/" + "artifacts/" * 12),
        ),
        settings={
            "train.learning_rate": "0.01" if good else "0.1",
            "features.columns": "[" + ", ".join(f'"column{i}"' for i in range(80)) + "]",
        },
    )


NODES = (
    NodeFacts("RankingExampleGen", "complete", 21.4, 1_530_000),
    NodeFacts("Transform", "cached", 0.1),
    NodeFacts("Trainer", "complete", 211.5, 4_200_000),
    NodeFacts("Pusher", "complete", 0.4, 812),
)


def without_parts() -> RunFacts:
    """A run that ended early: only what ML Metadata knows."""
    return dataclasses.replace(
        RunFacts(pipeline="products", created=""),
        run="2026-11-20T03:15:00.000001",
        decisions=(
            Decision("ExampleValidator", "failed", False, ("train: feature 'price': ...",)),
        ),
        nodes=(NodeFacts("ExampleValidator", "failed", 0.2),),
    )
