"""Validation during training: the same numbers as the metrics of all lists at once."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models.metrics import PRESETS
from models.metrics import Empty
from models.metrics import MetricContract
from models.metrics import Ties
from models.metrics import evaluate
from models.metrics import evaluate_documents
from models.metrics import mean_metrics
from models.metrics import parse_metric
from models.validation import validator

# Shuffled ties depend on the place in the batch.
ORDERLY = {name: c for name, c in PRESETS.items() if c.ties is not Ties.RANDOM}
METRICS = [parse_metric(name) for name in ("ndcg@2", "mrr", "arp", "opa", "weighted_ndcg", "bpref")]
Batch = tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]


class Scale(tf.keras.Model):
    """Scores are the input times one weight; in training they are nonsense."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = tf.Variable(1.0)

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        return inputs["x"] * self.factor * (-1.0 if training else 1.0)


def batches(lists: list[tuple[list[float], list[float]]], sizes: list[int]) -> tf.data.Dataset:
    """Batches of `(x, labels)` lists, each padded to its longest."""

    def made() -> list[Batch]:
        found, rest = [], list(lists)
        for size in sizes:
            part, rest = rest[:size], rest[size:]
            x = tf.ragged.constant([x for x, _ in part]).to_tensor(99.0)
            labels = tf.ragged.constant([y for _, y in part]).to_tensor(-1.0)
            found.append(({"x": x}, labels, WEIGHT * tf.abs(x)))
        return found

    tensor = tf.TensorSpec([None, None])
    return tf.data.Dataset.from_generator(made, output_signature=({"x": tensor}, tensor, tensor))


WEIGHT = 0.5
"""A document weighs this, times the size of its x."""
RNG = np.random.default_rng(3)
LISTS = [
    (RNG.normal(size=n).tolist(), RNG.integers(0, 3, n).astype(float).tolist())
    for n in (3, 1, 7, 4, 2)
]


def expected(contract: MetricContract, factor: float = 1.0) -> dict[str, float]:
    values, weights = [], []
    for x, labels in LISTS:
        scores = np.array([x], np.float32) * factor
        value, weight = evaluate(
            scores,
            np.array([labels], np.float32),
            metrics=METRICS,
            contract=contract,
            weights=WEIGHT * np.abs([x]),
        )
        values.append(value[0])
        weights.append(weight[0])
    means = mean_metrics(tf.stack(values), tf.stack(weights)).numpy()
    return dict(zip([m.name for m in METRICS], means.tolist(), strict=True))


@pytest.mark.parametrize("contract", ORDERLY.values(), ids=ORDERLY)
@pytest.mark.parametrize("sizes", [[5], [1, 1, 1, 1, 1], [2, 2, 1]])
def test_batches_do_not_matter(contract: MetricContract, sizes: list[int]) -> None:
    run = validator(Scale(), batches(LISTS, sizes), METRICS, contract)
    assert run() == pytest.approx(expected(contract), abs=1e-6)


def test_every_list_counts_once_where_the_batch_size_does_not_divide_them() -> None:
    """Three lists by two: the second batch has the third list alone, not the first again."""
    lists = [([2.0, 1.0], [1.0, 0.0]), ([1.0, 2.0], [1.0, 0.0]), ([1.0, 2.0], [1.0, 0.0])]
    run = validator(Scale(), batches(lists, [2, 1]), [parse_metric("mrr")], PRESETS["default"])
    assert run() == {"mrr": pytest.approx((1 + 1 / 2 + 1 / 2) / 3)}


class Agreement(tf.keras.losses.Loss):
    """The mean over lists of the sum of label times score; padding adds nothing."""

    def call(self, labels: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.maximum(labels, 0.0) * scores, axis=1)


@pytest.mark.parametrize("sizes", [[5], [1, 1, 1, 1, 1], [2, 2, 1]])
def test_loss_is_the_mean_over_lists(sizes: list[int]) -> None:
    unweighted = batches(LISTS, sizes).map(lambda inputs, labels, _: (inputs, labels))
    run = validator(
        Scale(),
        unweighted,
        [parse_metric("mrr")],
        PRESETS["default"],
        objective=(Agreement(), None),
    )
    expected = np.mean([np.dot(x, labels) for x, labels in LISTS])
    assert run()["loss"] == pytest.approx(expected, rel=1e-5)


def test_main_label_of_several_and_scores_of_logits() -> None:
    """The loss sees logits, the metrics what documents are ranked by."""

    class Tasks(Scale):
        def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> dict:
            x = super().call(inputs, training)
            return {"buy": tf.stack([x, 2 * x], axis=-1), "click": -x[..., tf.newaxis]}

    class First(Agreement):
        def call(self, labels: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
            return super().call(labels, scores[..., 0])

    named = batches(LISTS, [2, 2, 1]).map(
        lambda inputs, labels, weights: (
            inputs,
            {"buy": labels, "click": labels},
            tf.ones_like(weights[:, 0]),
        )
    )
    run = validator(
        Tasks(),
        named,
        [parse_metric("ndcg@2")],
        PRESETS["default"],
        objective=({"buy": First(), "click": First()}, {"click": 0.5}),
        main="buy",
        to_scores=lambda logits, task: tf.reduce_sum(logits, axis=-1),
    )
    found = run()
    assert found["ndcg@2"] == pytest.approx(expected(PRESETS["default"])["ndcg@2"])
    assert found["click/ndcg@2"] == pytest.approx(
        expected(PRESETS["default"], -1.0)["ndcg@2"], abs=1e-6
    )
    agreement = np.mean([np.dot(x, labels) for x, labels in LISTS])
    assert found["loss"] == pytest.approx((1 - 0.5) * agreement)


def test_weighted_metric_of_lists_without_weights() -> None:
    bare = batches(LISTS, [5]).map(lambda inputs, labels, _: (inputs, labels))
    run = validator(Scale(), bare, [parse_metric("weighted_mrr")], PRESETS["default"])
    with pytest.raises(ValueError, match="weights: weighted_mrr needs them, found none"):
        run()


def test_the_model_is_taken_as_it_stands() -> None:
    model, contract = Scale(), PRESETS["default"]
    run = validator(model, batches(LISTS, [3, 2]), METRICS, contract)
    before = run()
    model.factor.assign(-1.0)
    assert run() == pytest.approx(expected(contract, -1.0), abs=1e-6)
    assert run() != before


def test_without_a_list_that_counts_a_metric_is_0() -> None:
    contract = MetricContract(empty=Empty.SKIP)
    run = validator(Scale(), batches([([1.0, 2.0], [0.0, 0.0])], [1]), METRICS, contract)
    assert run() == {metric.name: 0.0 for metric in METRICS}


def test_a_score_that_is_no_number_shows() -> None:
    model = Scale()
    model.factor.assign(float("nan"))
    found = validator(model, batches(LISTS, [5]), METRICS, PRESETS["default"])()
    assert all(np.isnan(value) for value in found.values())


@pytest.mark.parametrize("sizes", [[5], [1, 1, 1, 1, 1], [2, 2, 1]])
def test_metrics_over_documents_are_those_of_all_at_once(sizes: list[int]) -> None:
    names = ("auc", "weighted_rmse", "mrr", "calibration")
    metrics = [parse_metric(name) for name in names]
    found = validator(Scale(), batches(LISTS, sizes), metrics, PRESETS["default"])()
    x = np.concatenate([x for x, _ in LISTS]).astype(np.float32)
    labels = np.concatenate([labels for _, labels in LISTS])
    over = [metric for metric in metrics if metric.name != "mrr"]
    want = evaluate_documents(x, labels, metrics=over, weights=WEIGHT * np.abs(x))
    assert set(found) == set(names)
    assert [found[metric.name] for metric in over] == pytest.approx(want, rel=1e-6)
    assert found["mrr"] == pytest.approx(expected(PRESETS["default"])["mrr"], abs=1e-6)


def test_metrics_over_documents_alone() -> None:
    unweighted = batches(LISTS, [2, 3]).map(lambda inputs, labels, _: (inputs, labels))
    found = validator(Scale(), unweighted, [parse_metric("mse")], PRESETS["default"])()
    squares = [(np.float32(x) - y) ** 2 for xs, ys in LISTS for x, y in zip(xs, ys, strict=True)]
    assert found == {"mse": pytest.approx(np.mean(squares))}
