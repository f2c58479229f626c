"""Metrics over documents: formulas, scikit-learn's numbers, and sums that do not mind the parts."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from models.metrics import DOCUMENT
from models.metrics import Gathered
from models.metrics import Kind
from models.metrics import Metric
from models.metrics import MetricContract
from models.metrics import evaluate_documents
from models.metrics import tally as tally_lib
from models.metrics.documents import BUCKETS
from models.metrics.documents import buckets
from models.metrics.tally import tally

KINDS = sorted(DOCUMENT, key=lambda kind: kind.value)
ALL = [Metric(kind, weighted=weighted) for kind in KINDS for weighted in (False, True)]


def draw(n: int, *, digits: int = 8, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities rounded to so many digits, clicks that follow them, and weights."""
    rng = np.random.default_rng(seed)
    scores = np.round(rng.beta(1, 4, n), digits).astype(np.float32)
    return scores, (rng.random(n) < scores).astype(np.float32), rng.uniform(0, 2, n)


def value(
    kind: Kind,
    scores: Sequence[float] | np.ndarray,
    labels: Sequence[float] | np.ndarray,
    weights: np.ndarray | None = None,
) -> float:
    metric = Metric(kind, weighted=weights is not None)
    return evaluate_documents(scores, labels, metrics=[metric], weights=weights)[0]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("digits", [1, 3, 8])
def test_it_is_what_scikit_learn_finds(digits: int, weighted: bool) -> None:
    scores, labels, weights = draw(5000, digits=digits)
    given = weights if weighted else None
    exact = scores.astype(np.float64)
    auc = sklearn_metrics.roc_auc_score(labels, exact, sample_weight=given)
    assert value(Kind.AUC, scores, labels, given) == pytest.approx(auc, abs=1e-12)
    clipped = np.clip(exact, 1e-7, 1 - 1e-7)
    loss = sklearn_metrics.log_loss(labels, clipped, sample_weight=given)
    assert value(Kind.LOG_LOSS, scores, labels, given) == pytest.approx(loss, rel=1e-9)
    error = sklearn_metrics.mean_squared_error(labels, exact, sample_weight=given)
    assert value(Kind.MSE, scores, labels, given) == pytest.approx(error, rel=1e-9)
    assert value(Kind.RMSE, scores, labels, given) == pytest.approx(math.sqrt(error), rel=1e-9)


@pytest.mark.parametrize("logits", [False, True])
def test_auc_of_more_scores_than_are_told_apart_is_nearly_exact(logits: bool) -> None:
    scores, labels, _ = draw(600_000, seed=5)
    scores = np.log(scores / (1 - scores + 1e-9) + 1e-9).astype(np.float32) if logits else scores
    assert len(np.unique(scores)) > tally_lib.LIMIT
    found = value(Kind.AUC, scores, labels)
    assert found == pytest.approx(sklearn_metrics.roc_auc_score(labels, scores), abs=1e-6)
    assert found != 0.5


def test_memory_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 64 scores told apart, an AUC is within half the share of pairs of one key."""
    monkeypatch.setattr(tally_lib, "LIMIT", 64)
    scores, labels, _ = draw(4000)
    gathered = Gathered([Metric(Kind.AUC)], MetricContract())
    for i in range(0, 4000, 40):
        gathered.add(scores[i : i + 40], labels[i : i + 40])
    whole = tally(scores, labels)
    assert 32 <= len(whole.keys) <= 64
    bound = whole.positive @ whole.negative / labels.sum() / (1 - labels).sum() / 2
    exact = sklearn_metrics.roc_auc_score(labels, scores)
    assert gathered.values() == [pytest.approx(exact, abs=bound)]
    assert gathered.values() == [pytest.approx(value(Kind.AUC, scores, labels), abs=1e-12)]


def test_formulas_of_calibration() -> None:
    scores, labels, _ = draw(3000)
    rate, exact = labels.mean(dtype=np.float64), scores.astype(np.float64)
    entropy = -(rate * math.log(rate) + (1 - rate) * math.log(1 - rate))
    loss = value(Kind.LOG_LOSS, scores, labels)
    assert value(Kind.NORMALIZED_ENTROPY, scores, labels) == pytest.approx(loss / entropy)
    assert value(Kind.CALIBRATION, scores, labels) == pytest.approx(exact.mean() / rate)
    parts = np.array_split(np.argsort(scores, kind="stable"), BUCKETS)
    gaps = [abs(exact[part].mean() - labels[part].mean()) / BUCKETS for part in parts]
    assert value(Kind.CALIBRATION_ERROR, scores, labels) == pytest.approx(sum(gaps), rel=1e-6)


def test_documents_of_one_score_share_a_bucket() -> None:
    table = buckets(tally([0.25] * 15 + [0.5] * 5, [0, 1, 1] * 5 + [1] * 5))
    assert table[:, table[0] > 0].T.tolist() == [[15, 3.75, 10], [5, 2.5, 5]]


def test_a_model_that_knows_the_base_rate_alone_has_normalised_entropy_1() -> None:
    labels = [1, 0, 0, 1, 0]
    assert value(Kind.NORMALIZED_ENTROPY, [0.4] * 5, labels) == pytest.approx(1, rel=1e-6)
    assert value(Kind.CALIBRATION, [0.4] * 5, labels) == pytest.approx(1)
    assert value(Kind.CALIBRATION_ERROR, [0.4] * 5, labels) == pytest.approx(0, abs=1e-7)
    assert value(Kind.AUC, [0.4] * 5, labels) == 0.5


def test_certainty_that_is_wrong_has_a_finite_loss() -> None:
    assert value(Kind.LOG_LOSS, [0.0, 1.0], [1, 0]) == pytest.approx(-math.log(1e-7))


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_parts_in_any_order_are_the_whole(metric: Metric) -> None:
    scores, labels, weights = draw(500, digits=2)
    want = evaluate_documents(scores, labels, metrics=[metric], weights=weights)
    gathered = [Gathered([metric], MetricContract()) for _ in range(3)]
    for i, rows in enumerate(np.array_split(np.random.default_rng(1).permutation(500), 7)):
        gathered[i % 2].add(scores[rows], labels[rows], weights[rows])
    first, second, empty = pickle.loads(pickle.dumps(gathered))
    for part in (second, empty):
        first.merge(part)
    assert first.values() == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_padding_and_documents_without_weight_change_nothing(metric: Metric) -> None:
    scores, labels, weights = draw(90)
    want = evaluate_documents(scores, labels, metrics=[metric], weights=weights)
    junk = np.array([9.0, np.nan, -np.inf])
    lists = [np.concatenate([part, other]) for part, other in ((scores, junk), (labels, [-1] * 3))]
    got = evaluate_documents(*lists, metrics=[metric], weights=np.append(weights, [1] * 3))
    assert got == want
    if metric.weighted:
        kept = weights > 1
        got = evaluate_documents(scores, labels, metrics=[metric], weights=weights * kept)
        want = evaluate_documents(
            scores[kept], labels[kept], metrics=[metric], weights=weights[kept]
        )
        assert got == pytest.approx(want)


@pytest.mark.parametrize("kind", KINDS)
def test_no_number_comes_of_nothing_or_of_a_score_that_is_none(kind: Kind) -> None:
    assert math.isnan(value(kind, [], []))
    assert math.isnan(value(kind, [0.5, np.nan, 0.25], [1, 0, 1]))


def test_labels_that_are_all_alike_leave_some_undefined() -> None:
    alike = {Kind.AUC, Kind.NORMALIZED_ENTROPY}
    for kind in KINDS:
        assert math.isnan(value(kind, [0.5, 0.25], [1, 1])) == (kind in alike), kind
        nothing = alike | {Kind.CALIBRATION}
        assert math.isnan(value(kind, [0.5, 0.25], [0, 0])) == (kind in nothing), kind


def test_order_is_that_of_numbers_of_either_sign() -> None:
    scores = [-np.inf, -3e38, -1.0, -1e-40, -0.0, 1e-40, 0.5, 1.0, np.inf]
    labels = np.arange(9) > 4
    assert value(Kind.AUC, scores, labels) == 1
    assert value(Kind.AUC, [-0.0, 0.0], [1, 0]) == 0.5


def test_the_contract_says_who_is_relevant() -> None:
    contract = MetricContract(relevant_from=3.0)
    found = evaluate_documents([1, 2, 3], [2, 3, 4], metrics=[Metric(Kind.AUC)], contract=contract)
    assert found == [1.0]


def test_metrics_of_lists_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^metrics: ndcg@5 is over lists, see evaluate$"):
        evaluate_documents([1.0], [1.0], metrics=[Metric(Kind.NDCG, 5)])
    with pytest.raises(ValueError, match=r"^weights: weighted metrics need them, found none$"):
        evaluate_documents([1.0], [1.0], metrics=[Metric(Kind.AUC, weighted=True)])
