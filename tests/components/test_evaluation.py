"""Reading the Evaluator's verdict: blessed or not, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from components import evaluation
from components.evaluation import Difference
from components.means import BASELINE
from pipeline.evaluation import EvaluationConfig
from pipeline.evaluation import Threshold
from tests.components.judged import Verdict
from tests.components.judged import judge

METRICS = ("ndcg@10", "mrr", "arp")


def config(**thresholds: Threshold) -> EvaluationConfig:
    by_name = {name.replace("_", "@"): threshold for name, threshold in thresholds.items()}
    return EvaluationConfig(by_name, METRICS, confidence_intervals=False, min_lists=2)


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
    assert alone.gate.notes == ("no model was blessed before: judged by absolute thresholds alone",)
    assert evaluation.overall_baseline(alone.uri) is None
    [found] = evaluation.slices(alone.uri)
    assert (found.key, set(found.bounds), found.differences) == ({}, {"ndcg@10"}, {})
    assert set(found.values) == set(METRICS)
    assert found.counts == {"ndcg@10": 12, "mrr": 12, "arp": 9}


def test_each_missed_threshold_is_told_in_plain_words(worse: Verdict) -> None:
    assert not worse.blessed
    found = evaluation.overall(evaluation.slices(worse.uri))
    ndcg, arp = found.values["ndcg@10"], found.values["arp"]
    loss, gain = (found.differences[BASELINE][name] for name in ("ndcg@10", "arp"))
    assert loss.low < loss.mean < loss.high < 0
    assert gain.low < gain.mean < gain.high
    assert set(worse.gate.reasons) == {
        f"arp: {gain.mean:+.4f} ({gain.low:+.4f} .. {gain.high:+.4f}) from the blessed model,"
        " expected a loss of at most 0.1 for sure",
        f"arp: found {arp:.4f}, expected at most 1.5",
        f"ndcg@10: {loss.mean:+.4f} ({loss.low:+.4f} .. {loss.high:+.4f}) from the blessed model,"
        " expected a loss of at most 0.01 for sure",
        f"ndcg@10: found {ndcg:.4f}, expected at least 0.5",
    }


def test_metadata_alone_explains_the_verdict(worse: Verdict) -> None:
    found = worse.blessing
    assert found.get_int_custom_property("blessed") == 0
    assert found.get_string_custom_property("reasons") == "\n".join(worse.gate.reasons)
    assert found.get_string_custom_property("evidence") == "\n".join(worse.gate.evidence)
    assert found.get_string_custom_property("current_model").endswith("worse/model")
    assert found.get_string_custom_property("baseline_model").endswith("worse/baseline")


def test_the_blessed_model_is_read_beside_the_candidate(worse: Verdict, alone: Verdict) -> None:
    blessed = evaluation.overall_baseline(worse.uri)
    assert blessed is not None
    assert blessed.values == evaluation.overall(evaluation.slices(alone.uri)).values
    candidate = evaluation.overall(evaluation.slices(worse.uri))
    differences = {evaluation.DIFFERENCE.format(name) for name in METRICS}
    assert set(candidate.values) == set(METRICS) | differences
    for name in METRICS:
        difference = candidate.values[evaluation.DIFFERENCE.format(name)]
        assert difference == pytest.approx(candidate.values[name] - blessed.values[name])
    for name, found in candidate.differences[BASELINE].items():
        assert found.mean == pytest.approx(candidate.values[evaluation.DIFFERENCE.format(name)])


def test_an_equal_model_is_no_loss(tmp_path: Path) -> None:
    settings = config(ndcg_10=Threshold(at_least=0.5, max_loss=0.0), arp=Threshold(max_loss=0.0))
    verdict = judge(tmp_path / "equal", settings, factor=1.0, baseline=1.0)
    assert verdict.blessed
    assert verdict.gate.reasons == ()


def test_yardsticks_rank_the_same_lists(tmp_path: Path) -> None:
    """The price is the model's own score; the order of the documents says nothing."""
    yardsticks = {"feature:price": 0.0, "document_order": 0.5}
    settings = config(ndcg_10=Threshold(at_least=0.5, yardsticks=yardsticks))
    verdict = judge(tmp_path / "yardsticks", settings, factor=1.0)
    assert verdict.blessed
    found = evaluation.overall(evaluation.slices(verdict.uri)).differences
    assert found["feature:price"]["ndcg@10"] == Difference(0.0, 0.0, 0.0)
    assert found["document_order"]["ndcg@10"].mean > 0.01
    assert verdict.gate.evidence[2] == (
        "ndcg@10: +0.0000 (+0.0000 .. +0.0000) from feature:price, expected a loss of at most 0 for"
        " sure"
    )
