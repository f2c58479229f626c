"""Winners, losers and importance, of models of which all of that is known."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.report import scores
from components.report.findings import ScoreFacts
from components.report.scores import Measure
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from models import serving
from models.metrics import parse_metric
from models.metrics import preset
from pipeline.reporting import ReportConfig
from tests.components.judged import SIZES
from tests.components.judged import Priced
from tests.components.judged import lists
from tests.samples import SPEC
from tests.samples import Transformed
from tests.samples import draw
from tests.samples import stored
from tests.samples import transformed_spec

CLICKS = FeatureSpec((Feature("price"), Feature("noise")), impressions=True)
FEW = ReportConfig(lists=20, documents=1000, repeats=2)


def write(path: Path, records: list[bytes]) -> list[str]:
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for record in records:
            writer.write(record)
    return [str(path)]


def model(folder: Path, factor: float, spec: FeatureSpec = SPEC) -> str:
    servable = serving.Servable(Priced(factor), Transformed(spec), transformed_spec(spec))
    serving.export(servable, folder / "Format-Serving", warmup=[])
    return str(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("scores")
    for name, factor in (("good", 1.0), ("bad", -1.0)):
        model(made / name, factor)
    write(made / "lists.gz", stored(lists()))
    return made


def measured(folder: Path, metric: str, config: ReportConfig = FEW, *, better: bool) -> ScoreFacts:
    both = [str(folder / name) for name in ("good", "bad")][:: 1 if better else -1]
    by = Measure(parse_metric(metric), preset("default"))
    return scores.measure(both[0], both[1], [str(folder / "lists.gz")], SPEC, by, config)


@pytest.mark.parametrize("metric", ["ndcg@10", "arp"])
def test_lists_gain_by_a_better_model_and_lose_by_a_worse_one(metric: str, folder: Path) -> None:
    better, worse = (measured(folder, metric, better=flag) for flag in (True, False))
    assert better.lists == worse.lists > len(SIZES) / 2
    assert len(better.winners) == len(worse.losers) == scores.BEST
    first = better.winners[0]
    assert worse.losers[0].name == first.name
    assert (worse.losers[0].candidate, worse.losers[0].blessed) == (first.blessed, first.candidate)
    found = [document.score for document in first.ranked]
    assert found == sorted(found, reverse=True)
    # The other model ranks the other way round.
    if first.size <= scores.TOP:
        ids = [[d.document for d in side] for side in (first.ranked, first.ranked_before)]
        assert ids[0] == ids[1][::-1]
    given = lists()
    at = given.ids.index(first.name.encode())
    assert first.size == SIZES[at]
    places = {d.decode(): i for i, d in enumerate(given.values["document_id"][:, 0])}
    for document in first.ranked:
        place = places[document.document]
        assert document.label == given.values["grade"][place, 0]
        assert document.score == pytest.approx(given.values["price"][place, 0])


def test_the_feature_that_the_model_lives_by_is_the_first(folder: Path) -> None:
    found = measured(folder, "ndcg@10", better=True).importance
    assert found[0].feature == "price"
    assert found[0].loss > 0.02
    assert {importance.loss for importance in found[1:]} == {0.0}
    assert len(found) == len(SPEC.features)


def test_less_is_scored_on_demand(folder: Path) -> None:
    config = ReportConfig(lists=3, documents=1, repeats=0)
    found = measured(folder, "ndcg@10", config, better=True)
    assert found.lists <= 3
    assert found.documents == sum(SIZES[:3])  # of the first batch
    assert found.importance == ()


def test_without_a_blessed_model_no_list_is_compared(folder: Path) -> None:
    by = Measure(parse_metric("ndcg@10"), preset("default"))
    found = scores.measure(str(folder / "good"), "", [str(folder / "lists.gz")], SPEC, by, FEW)
    assert (found.lists, found.winners, found.losers) == (0, (), ())
    assert found.importance[0].feature == "price"


def test_impressions_have_importance_alone(tmp_path: Path) -> None:
    blocks = draw([40, 30], spec=CLICKS)
    blocks.values["label"][:] = blocks.values["price"] > 0
    files = write(tmp_path / "rows.gz", stored(blocks, CLICKS))
    uri = model(tmp_path / "model", 1.0, CLICKS)
    by = Measure(parse_metric("auc"), preset("default"))
    found = scores.measure(uri, uri, files, CLICKS, by, FEW)
    assert (found.lists, found.documents) == (0, 70)
    assert [importance.feature for importance in found.importance] == ["price", "noise"]
    assert found.importance[0].loss == pytest.approx(0.5, abs=0.2)
    assert found.importance[1].loss == 0.0


def test_values_are_dealt_out_among_documents_or_lists() -> None:
    rng = np.random.default_rng(0)
    batches = []
    for sizes in ([2, 4, 3, 1, 5, 2], [3, 2, 2]):
        columns = {
            "price": rng.normal(size=(len(sizes), max(sizes), 1)),
            "age": rng.normal(size=(len(sizes), 1)),
        }
        batches.append(scores.Batch(columns, np.array(sizes), np.zeros((len(sizes), max(sizes)))))
    for feature, places in (
        (Feature("price"), [batch.mask for batch in batches]),
        (Feature("age", scope=Scope.CONTEXT), [np.ones(len(b.sizes), bool) for b in batches]),
    ):
        name = feature.name
        dealt = scores.deal(batches, feature, np.random.default_rng(1))
        before, after = (
            np.concatenate([b.columns[name][p] for b, p in zip(found, places, strict=True)])
            for found in (batches, dealt)
        )
        assert sorted(before[:, 0]) == sorted(after[:, 0])
        assert not np.array_equal(before, after)
        other = {"price": "age", "age": "price"}[name]
        assert all(
            a.columns[other] is b.columns[other] for a, b in zip(batches, dealt, strict=True)
        )
        padding = dataclasses.replace(dealt[0], columns={}).mask
        np.testing.assert_array_equal(
            dealt[0].columns["price"][~padding], batches[0].columns["price"][~padding]
        )


def test_the_metric_is_one_that_scores_and_labels_decide() -> None:
    names = ("full_ndcg@10", "weighted_ndcg@5", "gauc:user_id", "calibration", "mrr", "ndcg@10")
    assert scores.measured_by(names) == parse_metric("mrr")
    assert scores.measured_by(names[:4]) is None
