"""Metrics over a whole catalogue through TFX's Evaluator, and where they disagree with others."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from components import evaluation
from components.evaluation import Slice
from data import columnar
from data.features import Scope
from data.sampling.catalogue import Catalogue
from models import serving
from models.metrics import Metric
from models.metrics import evaluate
from models.metrics import mean_metrics
from models.metrics import parse_metric
from models.recommend import CatalogueServable
from pipeline.evaluation import EvaluationConfig
from pipeline.evaluation import Threshold
from tests.components.judged import judge
from tests.components.judged import lists
from tests.samples import Transformed
from tests.samples import stored
from tests.samples import transformed_spec

CUTS = {"full_ndcg@5": "ndcg@5", "full_hit_rate@2": "hit_rate@2", "full_recall@9": "recall@9"}
NAMES = ("ndcg@5", "mrr", *CUTS)
CONFIG = EvaluationConfig(
    thresholds={"full_ndcg@5": Threshold(at_least=0.0, max_loss=0.01)},
    metrics=NAMES,
    slices=("device",),
    confidence_intervals=False,
    min_lists=2,
)
HISTORY = {"q0": [3, 4, 5], "q2": list(range(20, 40))}
"""What lists have in the training data: places in the catalogue of all documents."""


def of_catalogue(model: tf.keras.Model) -> serving.Exportable:
    """Returns a model whose catalogue is all documents of the lists."""
    found = lists()
    spec = transformed_spec()
    columns = Transformed()(columnar.parse(tf.constant(stored(found)), spec.spec.features))
    items = Catalogue(
        tf.constant(found.values["document_id"][:, 0].tolist()),
        {
            column.name: columnar.to_rows(columns[column.name], column.width)
            for column in spec.columns
            if column.scope is Scope.DOCUMENT
        },
    )
    seen = tf.ragged.constant(list(HISTORY.values()), tf.int32)
    return CatalogueServable(
        model, Transformed(), spec, catalogue=items, history=(tf.constant(list(HISTORY)), seen)
    )


def expected(kept: np.ndarray, sign: float = 1.0) -> dict[str, float]:
    """The metrics of some of the lists, those over all from the scores of the whole catalogue."""
    found = lists()
    prices, grades = sign * found.values["price"][:, 0], found.values["grade"][:, 0]
    ends = np.cumsum(found.sizes)
    sums = []
    for index in np.flatnonzero(kept):
        mine = np.arange(ends[index] - found.sizes[index], ends[index])
        labels = np.zeros_like(grades)
        labels[mine] = grades[mine]
        competes = np.ones(len(labels), bool)
        competes[HISTORY.get(f"q{index}", [])] = False
        values = {}
        for name in NAMES:
            metric = parse_metric(name)
            if not metric.full:
                values[name] = evaluate([prices[mine]], [grades[mine]], metrics=[metric])
                continue
            over = Metric(metric.kind, metric.topn)
            values[name] = evaluate([prices[competes]], [labels[competes]], metrics=[over])
        sums.append([[v[part].numpy()[0, 0] for v in values.values()] for part in (0, 1)])
    values_, weights = np.moveaxis(np.array(sums), 1, 0)
    return dict(zip(NAMES, mean_metrics(values_, weights).numpy().tolist(), strict=True))


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> list[Slice]:
    folder = tmp_path_factory.mktemp("judged") / "full"
    verdict = judge(folder, CONFIG, factor=-1.0, baseline=1.0, publish=of_catalogue)
    assert not verdict.blessed
    [reason] = verdict.gate.reasons
    assert reason.startswith("full_ndcg@5: -0.")
    baseline = evaluation.overall_baseline(verdict.uri)
    assert baseline is not None
    assert baseline.values == pytest.approx(expected(np.ones(12, bool)), rel=1e-5)
    return evaluation.slices(verdict.uri)


def test_values_are_those_of_all_items_sorted(slices: list[Slice]) -> None:
    found = evaluation.overall(slices).values
    everything = expected(np.ones(12, bool), sign=-1.0)
    assert {name: found[name] for name in NAMES} == pytest.approx(everything, rel=1e-5)
    for full, sampled in CUTS.items():
        if sampled in everything:
            assert everything[full] < everything[sampled]


def test_each_slice_has_those_of_its_lists(slices: list[Slice]) -> None:
    [part] = [part for part in slices if part.key == {"device": "desk"}]
    kept = lists().values["device"][:, 0] == b"desk"
    found = {name: part.values[name] for name in NAMES}
    assert found == pytest.approx(expected(kept, sign=-1.0), rel=1e-5)


def compared(**differences: float) -> list[Slice]:
    values = {name.replace("_at_", "@") + "_diff": value for name, value in differences.items()}
    return [Slice({"device": "desk"}, {}, {}), Slice({}, values, {})]


def test_disagreement_with_the_sample_is_told() -> None:
    warning = evaluation.disagreement(compared(ndcg_at_5=0.1, full_ndcg_at_5=-0.05), NAMES)
    assert warning.startswith(
        "warning: sampled candidates and the full catalogue disagree on the better model:"
        " ndcg@5 +0.1000, full_ndcg@5 -0.0500; "
    )
    assert evaluation.disagreement(compared(ndcg_at_5=0.1, full_ndcg_at_5=0.05), NAMES) == ""
    assert evaluation.disagreement([Slice({}, {"ndcg@5": 0.1}, {})], NAMES) == ""


def test_both_turned_round_is_no_disagreement(slices: list[Slice]) -> None:
    assert evaluation.disagreement(slices, NAMES) == ""
