"""Reading the Evaluator's verdict: blessed or not, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from components import evaluation
from pipeline.evaluation import EvaluationConfig
from pipeline.evaluation import Threshold
from tests.components.judged import Verdict
from tests.components.judged import judge

METRICS = ("ndcg@10", "mrr", "arp")


def config(**thresholds: Threshold) -> EvaluationConfig:
    by_name = {name.replace("_", "@"): threshold for name, threshold in thresholds.items()}
    return EvaluationConfig(by_name, METRICS, confidence_intervals=False)


@pytest.fixture(scope="module")
def worse(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """A model that misses every threshold; the blessed one ranks the other way round."""
    settings = config(
        ndcg_10=Threshold(at_least=0.5, max_loss=0.01),
        mrr=Threshold(at_least=0.1),
        arp=Threshold(at_most=1.5, max_loss=0.1),
    )
    folder = tmp_path_factory.mktemp("judged") / "worse"
    return judge(folder, settings, factor=-1.0, baseline=1.0)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    """A good model without one before it, whose change thresholds cannot be judged."""
    settings = config(ndcg_10=Threshold(at_least=0.5, max_loss=0.0))
    return judge(tmp_path_factory.mktemp("judged") / "alone", settings, factor=1.0)


def test_a_good_first_model_is_blessed(alone: Verdict) -> None:
    assert alone.blessed
    assert list(evaluation.failures(alone.uri)) == []
    assert evaluation.overall_baseline(alone.uri) is None
    [found] = evaluation.slices(alone.uri)
    assert (found.key, found.bounds) == ({}, {})
    assert set(found.values) == set(METRICS)


def test_each_missed_threshold_is_told_in_plain_words(worse: Verdict) -> None:
    assert not worse.blessed
    candidate = evaluation.overall(evaluation.slices(worse.uri)).values
    blessed = evaluation.overall_baseline(worse.uri)
    assert blessed is not None
    ndcg, arp = candidate["ndcg@10"], candidate["arp"]
    loss, gain = ndcg - blessed.values["ndcg@10"], arp - blessed.values["arp"]
    assert sorted(evaluation.failures(worse.uri)) == [
        f"arp: changed by {gain:+.4f} from the blessed model, expected a loss of at most 0.1",
        f"arp: found {arp:.4f}, expected at most 1.5",
        f"ndcg@10: changed by {loss:+.4f} from the blessed model, expected a loss of at most 0.01",
        f"ndcg@10: found {ndcg:.4f}, expected at least 0.5",
    ]


def test_the_blessed_model_is_read_beside_the_candidate(worse: Verdict, alone: Verdict) -> None:
    blessed = evaluation.overall_baseline(worse.uri)
    assert blessed == evaluation.overall(evaluation.slices(alone.uri))
    candidate = evaluation.overall(evaluation.slices(worse.uri))
    differences = {evaluation.DIFFERENCE.format(name) for name in METRICS}
    assert set(candidate.values) == set(METRICS) | differences
    assert blessed is not None
    for name in METRICS:
        difference = candidate.values[evaluation.DIFFERENCE.format(name)]
        assert difference == pytest.approx(candidate.values[name] - blessed.values[name])


def test_an_equal_model_is_no_loss(tmp_path: Path) -> None:
    settings = config(ndcg_10=Threshold(at_least=0.5, max_loss=0.0), arp=Threshold(max_loss=0.0))
    verdict = judge(tmp_path / "equal", settings, factor=1.0, baseline=1.0)
    assert verdict.blessed
    assert list(evaluation.failures(verdict.uri)) == []
