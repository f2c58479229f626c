"""Metrics over a whole catalogue: the ranks of a few documents say as much as all scores."""

from __future__ import annotations

import numpy as np
import pytest

from models.metrics import FULL
from models.metrics import PRESETS
from models.metrics import Kind
from models.metrics import Metric
from models.metrics import disagreement
from models.metrics import evaluate
from models.metrics import evaluate_full
from models.metrics.full import placed

KINDS = sorted(FULL, key=lambda kind: kind.value)
CUTS = (1, 3, 10)
N_ITEMS, N_SHOWN = 30, 8


def catalogues(n: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores with many ties and labels of whole catalogues, and the documents that lists hold."""
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 12, (n, N_ITEMS)).astype(np.float32)
    labels = np.zeros((n, N_ITEMS), np.float32)
    shown = np.array([rng.permutation(N_ITEMS)[:N_SHOWN] for _ in range(n)])
    for row, places in zip(labels, shown, strict=True):
        row[places] = rng.permutation([3.0, 2.0, 2.0, 1.0, 0.5, 0.0, 0.0, 0.0])
    labels[:4] = 0.0
    return scores, labels, shown


def worst_ranks(scores: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """1 + the number of other items that do not score less."""
    own = np.take_along_axis(scores, shown, axis=1)
    return (scores[:, np.newaxis, :] >= own[:, :, np.newaxis]).sum(axis=2)


@pytest.mark.parametrize("contract", ["default", "letor", "lightgbm", "tfma"])
def test_ranks_give_what_all_scores_give(contract: str) -> None:
    """Among all items, ties at their worst: the lower labels first."""
    scores, labels, shown = catalogues()
    conventions = PRESETS[contract]
    broken = scores - labels / 100
    sampled = [Metric(kind, cut) for kind in KINDS for cut in CUTS]
    expected = evaluate(broken, labels, metrics=sampled, contract=conventions)
    found = evaluate_full(
        worst_ranks(scores, shown),
        np.take_along_axis(labels, shown, axis=1),
        metrics=[Metric(kind, cut, full=True) for kind in KINDS for cut in CUTS],
        contract=conventions,
    )
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_one_relevant_document_has_the_formulas_of_its_rank() -> None:
    ranks = [[7, 1, 9]]
    labels = [[1.0, 0.0, 0.0]]
    metrics = [Metric(kind, 10, full=True) for kind in (Kind.NDCG, Kind.MRR, Kind.HIT_RATE)]
    values, weights = evaluate_full(ranks, labels, metrics=metrics)
    np.testing.assert_allclose(values, [[1 / np.log2(8), 1 / 7, 1]])
    np.testing.assert_array_equal(weights, [[1, 1, 1]])


def test_padding_and_irrelevant_documents_change_nothing() -> None:
    metrics = [Metric(kind, 5, full=True) for kind in KINDS]
    alone = evaluate_full([[4, 2]], [[1.0, 2.0]], metrics=metrics)
    more = evaluate_full([[4, 1, 2, 4, 0]], [[1.0, 0.0, 2.0, 0.0, -1.0]], metrics=metrics)
    for one, other in zip(alone, more, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("ranks", "labels", "expected"),
    [
        ([2, 9], [1, 2], [0, 1, 0, 0, -1, 2]),
        ([9, 8], [1, 2], [0, 0, 0, 0, 2, 1]),
        ([4, 4], [2, 1], [0, 0, 1, 2, -1, -1]),
        ([5, 5], [2, 1], [0, 0, 0, 1, -1, 2]),
        # One that is itself no candidate has the rank of another; it cannot stand before the first.
        ([1, 1], [1, 2], [1, 2, 0, 0, -1, -1]),
    ],
)
def test_documents_of_one_rank_stand_before_it(
    ranks: list[int], labels: list[float], expected: list[float]
) -> None:
    assert placed([ranks], [labels], topn=4).tolist() == [expected]


def test_other_metrics_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^metrics: ndcg@5 is none over the full catalogue$"):
        evaluate_full([[1]], [[1.0]], metrics=[Metric(Kind.NDCG, 5)])
    with pytest.raises(ValueError, match=r"^metrics: expected at least one$"):
        evaluate_full([[1]], [[1.0]], metrics=[])
    with pytest.raises(ValueError, match=r"^metrics: full_ndcg@5 needs ranks, see evaluate_full$"):
        evaluate([[1.0]], [[1.0]], metrics=[Metric(Kind.NDCG, 5, full=True)])


def test_disagreement_names_both_sides() -> None:
    differences = {
        "hit_rate@10": 0.0123,
        "full_hit_rate@10": -0.004,
        "ndcg@10": -0.01,
        "full_ndcg@10": 0.002,
        "full_mrr@10": -0.1,
        "mrr": 0.1,
        "map@10": 0.0,
        "full_map@10": -0.1,
        "recall@10": float("nan"),
        "full_recall@10": -0.1,
    }
    assert disagreement(differences) == (
        "warning: sampled candidates and the full catalogue disagree on the better model:"
        " hit_rate@10 +0.0123, full_hit_rate@10 -0.0040; ndcg@10 -0.0100, full_ndcg@10 +0.0020;"
        " metrics over a sample need not keep the order of models (Krichene and Rendle,"
        ' "On Sampled Metrics for Item Recommendation", KDD 2020)'
    )


def test_agreement_is_not_worth_a_word() -> None:
    assert disagreement({"ndcg@10": 0.1, "full_ndcg@10": 0.2, "full_mrr@10": -0.1}) == ""
    assert disagreement({}) == ""
