"""Impressions in the Evaluator: every row counts once, and for its own slices."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma

from components import evaluation
from components import evaluator
from components import impressions
from components.evaluation import Slice
from components.metrics import seed_of
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Transform
from data.lists import Lists
from models import serving
from models.metrics import evaluate_documents
from models.metrics import parse_metric
from pipeline.evaluation import EvaluationConfig
from pipeline.evaluation import Threshold
from tests.components.judged import Source
from tests.components.judged import judge
from tests.samples import HASH
from tests.samples import SPEC as OF_LISTS
from tests.samples import Transformed
from tests.samples import draw
from tests.samples import transformed_spec

HOUR: dict[str, Any] = {"dtype": DType.INT, "transform": (Transform.INTEGER,), "size": 5}
SPEC = FeatureSpec(
    (
        Feature("price"),
        Feature("device", **HASH),
        Feature("hour", **HOUR),
        Feature("user", **HOUR),
    ),
    label="click",
    weight="importance",
    impressions=True,
)
BLOCKS = (150, 90, 3)
NAMES = (
    "auc", "log_loss", "calibration", "weighted_normalized_entropy", "calibration_error",
    "gauc:user", "weighted_gauc:device",
)  # fmt: skip
CONFIG = EvaluationConfig(
    thresholds={
        "log_loss": Threshold(at_most=1.0, max_loss=0.01),
        "gauc:user": Threshold(at_least=0.5, max_loss=0.01),
    },
    metrics=NAMES,
    slices=("device", "hour"),
    min_lists=2,
)


def blocks() -> Lists:
    """Clicks that follow the price, but for noise."""
    found = draw(BLOCKS, spec=SPEC)
    noise = np.random.default_rng(8).logistic(size=found.values["price"].shape)
    found.values["click"][:] = found.values["price"] > noise
    return found


def publish(model: tf.keras.Model) -> serving.Exportable:
    """Returns a model whose scores are probabilities."""
    return serving.Servable(
        model, Transformed(SPEC), transformed_spec(SPEC), to_scores=tf.sigmoid, per_document=True
    )


def expected(kept: np.ndarray) -> dict[str, float]:
    """The metrics of some of the rows."""
    raw = {name: column[kept, 0] for name, column in blocks().values.items()}
    scores = tf.sigmoid(raw["price"]).numpy()
    metrics = [parse_metric(name) for name in NAMES]
    found = evaluate_documents(
        scores, raw["click"], metrics=metrics, weights=raw["importance"], groups=raw
    )
    return dict(zip(NAMES, found, strict=True))


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> list[Slice]:
    folder = tmp_path_factory.mktemp("judged") / "impressions"
    source = Source(SPEC, blocks)
    verdict = judge(folder, CONFIG, factor=1.0, baseline=0.5, publish=publish, source=source)
    assert verdict.blessed
    return evaluation.slices(verdict.uri)


def test_all_rows_together_have_the_metrics_of_the_library(slices: list[Slice]) -> None:
    found = evaluation.overall(slices)
    assert {name: found.values[name] for name in NAMES} == pytest.approx(
        expected(np.ones(sum(BLOCKS), bool)), rel=1e-5
    )


def test_a_row_counts_for_its_own_slices(slices: list[Slice]) -> None:
    raw = blocks().values
    keys = {
        ("device", device.decode()): raw["device"][:, 0] == device
        for device in set(raw["device"][:, 0])
    }
    keys |= {("hour", str(hour)): raw["hour"][:, 0] == hour for hour in set(raw["hour"][:, 0])}
    found = {next(iter(part.key.items())): part.values for part in slices if part.key}
    assert set(found) == set(keys)
    for key, kept in keys.items():
        values = {name: found[key][name] for name in NAMES}
        assert values == pytest.approx(expected(kept), rel=1e-5, nan_ok=True), key


def test_the_calibration_table_is_that_of_all_rows(slices: list[Slice]) -> None:
    """Ten buckets of about 24 rows; the mean over buckets of what they are off is the error."""
    found = evaluation.overall(slices)
    table = np.array(evaluation.calibration(found))
    raw = blocks().values
    order = np.argsort(raw["price"][:, 0], kind="stable")
    parts = np.array_split(order, np.cumsum(np.rint(table[:-1, 0] * sum(BLOCKS))).astype(int))
    scores, clicks = tf.sigmoid(raw["price"]).numpy()[:, 0], raw["click"][:, 0]
    expected = [[len(p) / sum(BLOCKS), scores[p].mean(), clicks[p].mean()] for p in parts]
    np.testing.assert_allclose(table, expected, rtol=1e-5)
    assert table[:, 0] == pytest.approx(0.1, abs=0.01)
    error = (table[:, 0] * abs(table[:, 1] - table[:, 2])).sum()
    assert found.values["calibration_error"] == pytest.approx(error)
    assert evaluation.calibration(Slice({}, {"auc": 0.5}, {})) == []


def test_less_loss_is_better(slices: list[Slice]) -> None:
    """The model at half the scale, blessed before, has the same order and another loss."""
    found = evaluation.overall(slices).values
    assert found["auc_diff"] == pytest.approx(0, abs=1e-9)
    assert found["log_loss_diff"] < 0


def test_rows_make_confidence_intervals(slices: list[Slice]) -> None:
    """The interval of the mean score over the mean click is about that of a ratio of means."""
    found = evaluation.overall(slices)
    assert set(NAMES) <= set(found.bounds)
    low, high = found.bounds["auc"]
    assert 0.005 < (high - low) / 4 < 0.1
    assert low < found.values["auc"] < high


@pytest.mark.parametrize("size", [1, 16, 33, 512, 700])
def test_parts_have_each_row_once(size: int) -> None:
    rng = np.random.default_rng(size)
    columns = {"a": rng.integers(0, 2, size), "pair": rng.choice([b"x", b"y"], (size, 2)).ravel()}
    users = rng.integers(0, 9, size)
    padded = np.append(np.arange(size), [-1] * 5)
    extracts = {
        tfma.FEATURES_KEY: {**columns, "user": users, "other": rng.normal(size=3)},
        tfma.LABELS_KEY: padded * 1.0,
        tfma.PREDICTIONS_KEY: {"candidate": {"scores": padded + 0.5}, "baseline": padded},
        tfma.EXAMPLE_WEIGHTS_KEY: None,
    }
    parts = list(impressions.divided(extracts, ("a", "pair"), ("user",)))
    rows = np.concatenate([part[tfma.LABELS_KEY] for part in parts])
    assert sorted(rows.tolist()) == list(range(size))
    assert len({seed_of(part[tfma.FEATURES_KEY]) for part in parts}) == len(parts)
    for part in parts:
        rows = part[tfma.LABELS_KEY].astype(int)
        assert len(rows) <= max(16, size // 32)
        predictions = part[tfma.PREDICTIONS_KEY]
        np.testing.assert_array_equal(predictions["candidate"]["scores"], rows + 0.5)
        np.testing.assert_array_equal(predictions["baseline"], rows)
        assert part[tfma.EXAMPLE_WEIGHTS_KEY] is None
        assert set(part[tfma.FEATURES_KEY]) == {"a", "pair", "user", impressions.PLACE}
        np.testing.assert_array_equal(part[tfma.FEATURES_KEY]["user"], users[rows])
        for row in rows:
            np.testing.assert_array_equal(part[tfma.FEATURES_KEY]["a"], columns["a"][row])
            of_row = columns["pair"].reshape(size, 2)[row]
            np.testing.assert_array_equal(part[tfma.FEATURES_KEY]["pair"], of_row)


def test_lists_are_not_divided() -> None:
    assert evaluator.extractors_module(SPEC) == "components.impressions"
    assert evaluator.extractors_module(OF_LISTS) is None
    without = dataclasses.replace(SPEC, impressions=False)
    assert evaluator.extractors_module(without) is None
