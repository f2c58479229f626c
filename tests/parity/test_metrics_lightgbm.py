"""The "lightgbm" preset against LightGBM's own `ndcg` and `map` on given scores."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.metrics import evaluate
from models.metrics import mean_metrics
from models.metrics import parse_metric
from models.metrics import preset

lgb = pytest.importorskip("lightgbm")

CUTS = (1, 3, 5, 10)


def _lightgbm(
    scores: list[NDArray[np.float64]], labels: list[NDArray[np.int64]]
) -> list[dict[str, float]]:
    """Returns LightGBM's metrics of each list, whose scores a model without a split starts from."""
    # It refuses data without a feature that varies; gradients of 0 leave it nothing to learn.
    feature = np.arange(100.0)[:, None]
    train = lgb.Dataset(feature, feature[:, 0] % 2, group=[100], params={"verbosity": -1})
    valid = [
        lgb.Dataset(np.zeros((len(s), 1)), y, group=[len(s)], init_score=s, reference=train)
        for s, y in zip(scores, labels, strict=True)
    ]
    results: dict[str, dict[str, list[float]]] = defaultdict(dict)
    parameters: dict[str, Any] = {
        "objective": lambda scores, _: (np.zeros_like(scores), np.ones_like(scores)),
        "metric": ["ndcg", "map"],
        "eval_at": [*CUTS, 1000],
        "verbosity": -1,
        "num_threads": 1,
    }
    lgb.train(
        parameters,
        train,
        num_boost_round=1,
        valid_sets=valid,
        valid_names=[str(i) for i in range(len(valid))],
        callbacks=[lgb.record_evaluation(results)],
    )
    return [{k: v[0] for k, v in results[str(i)].items()} for i in range(len(valid))]


def test_ndcg_and_uncut_map_list_by_list() -> None:
    """Ties, lists shorter than the cut, lists without a relevant document."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 30, 40)
    scores = [rng.integers(-4, 4, size) / 4 for size in sizes]
    labels = [rng.integers(0, 2 if i % 3 else 5, size) for i, size in enumerate(sizes)]
    labels[:4] = [0 * one for one in labels[:4]]
    padded = np.zeros((40, 30)), np.full((40, 30), -1.0)
    for i, size in enumerate(sizes):
        padded[0][i, :size], padded[1][i, :size] = scores[i], labels[i]
    metrics = [parse_metric(f"ndcg@{cut}") for cut in CUTS] + [parse_metric("map")]
    values, weights = evaluate(*padded, metrics=metrics, contract=preset("lightgbm"))
    names = [metric.name for metric in metrics[:-1]] + ["map@1000"]
    want = np.array([[one[name] for name in names] for one in _lightgbm(scores, labels)])
    np.testing.assert_allclose(values, want, rtol=1e-12)
    np.testing.assert_allclose(mean_metrics(values, weights), want.mean(0), rtol=1e-12)
