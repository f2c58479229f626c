"""Differences of metrics over documents, whose replicates are few."""

from __future__ import annotations

import numpy as np

from components import evaluation
from components.evaluation import Difference
from components.means import BASELINE
from components.means import Mean
from components.measured import Judged
from components.measured import Metrics
from data import plain
from models.metrics import MetricContract

RUNS, PARTS, ROWS = 200, 40, 16
METRICS = Metrics(("auc",), plain.to_json(MetricContract()), ("auc",))


def difference(rng: np.random.Generator, seed: int, *, noise: float = 0.5) -> Difference:
    """Of two models that know the truth but for noise of their own, over parts of blocks."""
    mean = Mean(METRICS, ("candidate", "baseline"))
    state, nothing = mean.create_accumulator(), np.zeros((2, 0))
    for part in range(PARTS):
        truth = rng.normal(size=ROWS)
        clicks = truth + rng.logistic(size=ROWS) > 1
        documents = (METRICS.gathered(), METRICS.gathered())
        for model in documents:
            model.add(truth + rng.normal(size=ROWS, scale=noise), clicks)
        judged = Judged(seed * PARTS + part, nothing, nothing, documents, ROWS)
        state = mean.add_input(state, judged)
    numbers = {k.name: v for k, v in mean.extract_output(state).items() if k.model_name != BASELINE}
    found = evaluation.to_slice({}, numbers)
    assert found.counts == {"auc": PARTS * ROWS}
    return found.differences[BASELINE]["auc"]


def test_no_better_model_seldom_looks_better_or_worse() -> None:
    """Of models as good as each other 5 % are thought better, and 5 % worse (3 sigma)."""
    rng = np.random.default_rng(3)
    found = [difference(rng, run) for run in range(RUNS)]
    most = 0.05 * RUNS + 3 * np.sqrt(0.05 * 0.95 * RUNS)
    assert sum(one.low > 0 for one in found) <= most
    assert sum(one.high < 0 for one in found) <= most


def test_the_same_model_does_not_differ() -> None:
    same = difference(np.random.default_rng(4), 1, noise=0.0)
    assert same == Difference(0.0, 0.0, 0.0)
