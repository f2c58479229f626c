"""Our metrics inside TensorFlow Model Analysis: the numbers of `models.metrics`, slice by slice."""

from __future__ import annotations

import numpy as np
import pytest
from tensorflow_model_analysis.metrics import metric_types

from components import evaluation
from components import metrics as metrics_lib
from components.evaluation import Slice
from components.means import Mean
from components.measured import Judged
from components.measured import Metrics
from data import plain
from data.lists import Lists
from models.metrics import PRESETS
from models.metrics import Gathered
from models.metrics import MetricContract
from models.metrics import evaluate
from models.metrics import evaluate_documents
from models.metrics import mean_metrics
from models.metrics import parse_metric
from models.metrics.paired import Paired
from pipeline.evaluation import EvaluationConfig
from pipeline.evaluation import Threshold
from tests.components.judged import judge
from tests.components.judged import lists

NAMES = (
    "ndcg@1", "ndcg@10", "mrr", "map", "precision@5", "arp", "opa", "bpref", "pwa@5",
    "weighted_ndcg@10", "weighted_map", "weighted_opa",
)  # fmt: skip
BY_DEVICE = "gauc:device"
CONTRACT = plain.to_json(MetricContract())
CONFIG = EvaluationConfig(
    thresholds={"ndcg@10": Threshold(at_least=0.0)},
    metrics=(*NAMES, BY_DEVICE),
    contract="lightgbm",
    slices=("device", "hour"),
    min_lists=2,
)


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> list[Slice]:
    folder = tmp_path_factory.mktemp("judged") / "intervals"
    return evaluation.slices(judge(folder, CONFIG, factor=1.0).uri)


def expected(kept: np.ndarray) -> dict[str, float]:
    """The metrics of some of the lists, one list at a time and without padding."""
    found = lists()
    starts = np.cumsum(found.sizes) - found.sizes
    values, weights = [], []
    for start, size in zip(starts[kept], found.sizes[kept], strict=True):
        rows = slice(start, start + size)
        value, weight = evaluate(
            found.values["price"][rows, 0][None],
            found.values["grade"][rows, 0][None],
            metrics=[parse_metric(name) for name in NAMES],
            contract=PRESETS["lightgbm"],
            weights=found.values["importance"][rows, 0][None],
        )
        values.append(value.numpy()[0])
        weights.append(weight.numpy()[0])
    means = dict(zip(NAMES, mean_metrics(values, weights).numpy().tolist(), strict=True))
    return means | {BY_DEVICE: by_device(found.keep_lists(kept))}


def by_device(found: Lists) -> float:
    """The grouped AUC of all documents whose lists have one device."""
    devices = np.repeat(found.values["device"][:, 0], found.sizes)
    [value] = evaluate_documents(
        found.values["price"][:, 0],
        found.values["grade"][:, 0],
        metrics=[parse_metric(BY_DEVICE)],
        contract=PRESETS["lightgbm"],
        groups={"device": devices},
    )
    return value


def test_all_lists_together_have_the_metrics_of_the_library(slices: list[Slice]) -> None:
    found = evaluation.overall(slices)
    assert found.values == pytest.approx(expected(np.ones(12, bool)), rel=1e-5)
    assert found.values[BY_DEVICE] > 0.5


def test_each_slice_has_the_metrics_of_its_lists(slices: list[Slice]) -> None:
    raw = lists().values
    keys = {("device", key.decode()): raw["device"][:, 0] == key for key in (b"phone", b"desk")}
    keys |= {("hour", str(hour)): raw["hour"][:, 0] == hour for hour in set(raw["hour"][:, 0])}
    found = {next(iter(part.key.items())): part.values for part in slices if part.key}
    assert set(found) == set(keys)
    for key, kept in keys.items():
        assert found[key] == pytest.approx(expected(kept), rel=1e-5, nan_ok=True), key


def test_confidence_intervals_hold_the_value(slices: list[Slice]) -> None:
    found = evaluation.overall(slices)
    assert set(found.bounds) == {*NAMES, BY_DEVICE}
    for name, (low, high) in found.bounds.items():
        assert low <= found.values[name] <= high, name
    low, high = found.bounds["ndcg@10"]
    assert low < found.values["ndcg@10"] < high


def test_a_slice_of_one_list_has_its_values(slices: list[Slice]) -> None:
    [single] = [part for part in slices if part.key == {"hour": "3"}]
    assert (lists().values["hour"] == 3).sum() == 1
    assert set(single.values) == {*NAMES, BY_DEVICE}
    assert single.counts["ndcg@10"] == 1
    assert single.bounds["ndcg@10"] == (single.values["ndcg@10"],) * 2


def test_settings_travel_as_json() -> None:
    contract = plain.to_json(MetricContract(relevant_from=2.0))
    metrics = Metrics(("mrr", "arp"), contract, ("mrr",), 0.9, ("document_order",))
    assert metrics_lib.metrics_of(metrics_lib.config_of(metrics)) == metrics


def computation(metrics: Metrics) -> metric_types.MetricComputation:
    """How TFMA gets the metrics of two models."""
    metric = metrics_lib.RankingMetrics(plain.to_json(metrics))
    [found] = metric.computations(model_names=["candidate", "baseline"])
    return found


def test_one_computation_gives_all_metrics_of_all_models() -> None:
    keys = computation(Metrics(("mrr", "arp"), CONTRACT)).keys
    assert [(key.model_name, key.name) for key in keys] == [
        ("candidate", "mrr"),
        ("candidate", "arp"),
        ("baseline", "mrr"),
        ("baseline", "arp"),
        ("candidate", "mrr|count"),
        ("candidate", "arp|count"),
    ]


def test_every_number_has_its_key() -> None:
    metrics = Metrics(
        ("mrr", "auc"), CONTRACT, resampled=("mrr", "auc"), yardsticks=("document_order",)
    )
    combiner = computation(metrics).combiner
    found = combiner.extract_output(combiner.create_accumulator())
    assert set(found) == set(computation(metrics).keys)
    assert "mrr|document_order|low" in {key.name for key in found}
    assert "auc|document_order|low" not in {key.name for key in found}


@pytest.mark.parametrize("broken", [False, True])
def test_a_broken_score_has_no_rank(broken: bool) -> None:
    names = ("full_mrr@5", "mrr", "full_hit_rate@1")
    per_list = metrics_lib.PerList(Metrics(names, CONTRACT), ("",))
    scores = np.array([np.nan if broken else 3.0, 2.0, 9.0])
    extracts = {
        "labels": np.array([0.0, 1.0, -1.0]),
        "predictions": {"scores": scores, "ranks": np.array([2, 4, 0])},
        "features": {},
    }
    [found] = per_list.process(extracts)
    expected = [np.nan] * 3 if broken else [1 / 4, 1 / 2, 0]
    np.testing.assert_allclose(found.values, [expected])
    np.testing.assert_array_equal(found.weights, [[1, 1, 1]])
    assert found.size == 2


LIST = {"price": np.array([1.0, 2.0]), "brand": np.array([b"a", b"bc"], object)}


def test_a_list_is_drawn_as_often_by_whatever_it_was_scored() -> None:
    per_list = metrics_lib.PerList(Metrics(("mrr",), CONTRACT), ("",))
    rest = {"labels": np.array([0.0, 1.0]), "features": LIST}
    first, second = (
        next(per_list.process({**rest, "predictions": {"scores": np.array(scores)}}))
        for scores in ([1.0, 2.0], [3.0, 2.0])
    )
    assert first.seed == second.seed
    assert (first.values != second.values).all()


@pytest.mark.parametrize(
    "changed",
    [
        {"price": np.array([1.0, 2.5])},
        {"brand": np.array([b"ab", b"c"], object)},
        {"brand": np.array([b"a"], object)},
        {"other": np.array([], object)},
    ],
    ids=str,
)
def test_other_lists_are_drawn_otherwise(changed: dict[str, np.ndarray]) -> None:
    assert metrics_lib.seed_of({**LIST, **changed}) != metrics_lib.seed_of(LIST)
    assert metrics_lib.seed_of(dict(reversed(LIST.items()))) == metrics_lib.seed_of(LIST)


@pytest.mark.parametrize("parts", [[[0, 1, 2]], [[0], [1, 2]], [[0], [], [2, 1]]])
def test_means_do_not_depend_on_how_the_lists_were_spread(parts: list[list[int]]) -> None:
    """Each list has values and weights of two metrics; none counts for the other."""
    metrics = Metrics(("mrr", "auc", "arp"), CONTRACT, ("mrr", "auc"))
    combiner = Mean(metrics, ("",))
    accumulators = []
    for part in parts:
        accumulator = combiner.create_accumulator()
        for i in part:
            documents = Gathered([parse_metric("auc")], MetricContract())
            documents.add([0.1 * i, 0.3], [0.0, 1.0 * (i != 1)])
            value, weight = [(0.5, 1.0), (0.25, 2.0), (1.0, 1.0)][i]
            values, weights = np.array([[value, 0.0]]), np.array([[weight, 0.0]])
            found = Judged(i, values, weights, (documents,), 2)
            accumulator = combiner.add_input(accumulator, found)
        accumulators.append(accumulator)
    merged = combiner.extract_output(combiner.merge_accumulators(accumulators))
    numbers = {key.name: value for key, value in merged.items()}
    assert numbers["mrr"] == pytest.approx((0.5 + 2 * 0.25 + 1.0) / 4)
    assert np.isnan(numbers["arp"])
    # Two documents of score 0.3 are relevant; others have 0, 0.1, 0.2, and one 0.3 as well.
    assert numbers["auc"] == pytest.approx((3 + 0.5) / 4)
    assert [numbers[f"{name}|count"] for name in metrics.names] == [3, 6, 0]
    ends = [numbers[f"mrr|{end}"] for end in ("low", "high")]
    paired = Paired(1, 1)
    for seed, (value, weight) in enumerate(((0.5, 1.0), (0.25, 2.0), (1.0, 1.0))):
        paired.add(seed, np.array([[value]]), np.array([weight]))
    expected = paired.intervals([0.025], own=1)
    assert ends == pytest.approx([expected.low[0, 0], expected.high[0, 0]])


def test_the_same_lists_are_drawn_for_both_models() -> None:
    """A model that is better by 0.25 on every list is so in every replicate."""
    metrics = Metrics(("mrr",), CONTRACT, ("mrr",))
    combiner = Mean(metrics, ("candidate", "baseline"))
    state = combiner.create_accumulator()
    nothing = (metrics.gathered(), metrics.gathered())
    for i, value in enumerate(np.linspace(0, 0.75, 4)):
        values = np.array([[value + 0.25], [value]])
        state = combiner.add_input(state, Judged(i, values, np.ones_like(values), nothing, 1))
    numbers = {key.name: value for key, value in combiner.extract_output(state).items()}
    assert [numbers[f"mrr|baseline|{what}"] for what in ("difference", "low", "high")] == [0.25] * 3
    assert numbers["mrr|low"] < numbers["mrr|high"] - 0.25
