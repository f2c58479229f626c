"""Losses in training: Keras, ragged lists, half precision, replicas, and runs that repeat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from models import losses
from models.losses import LossOptions
from models.strategy import DistributionConfig
from models.strategy import Strategy
from models.strategy import connect
from tests.models.loss_cases import EVERY
from tests.models.loss_cases import LABELS
from tests.models.loss_cases import RANDOM
from tests.models.loss_cases import Array
from tests.models.loss_cases import options_of
from tests.models.loss_cases import scores_for
from tests.models.loss_cases import value_and_gradient

every = pytest.mark.parametrize("text", EVERY)
FEATURES = np.random.default_rng(1).normal(size=(8, 4, 3)).astype(np.float32)
GRADES = np.random.default_rng(2).integers(-1, 4, size=(8, 4)).astype(np.float32)
SUM = "softmax_loss:0.9, mean_squared_loss:0.1"


def linear() -> tf.keras.Model:
    inputs = tf.keras.Input([4, 3])
    scores = tf.keras.layers.Dense(1, kernel_initializer="ones")(inputs)
    return tf.keras.Model(inputs, tf.keras.layers.Reshape([4])(scores))


def trained(loss: tf.keras.losses.Loss, epochs: int = 3) -> tuple[list[float], Array]:
    model = linear()
    model.compile(tf.keras.optimizers.SGD(0.1), loss)
    history = model.fit(FEATURES, GRADES, batch_size=4, shuffle=False, epochs=epochs, verbose=0)
    return history.history["loss"], model.get_weights()[0]


@every
@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16])
def test_half_precision_is_computed_in_float32(text: str, dtype: tf.DType) -> None:
    loss = losses.build(text, options_of(text))
    half = tf.cast(scores_for(text) * 100, dtype)
    value = loss(LABELS, half)
    assert value.dtype == tf.float32
    assert value.numpy() == loss(LABELS, tf.cast(half, tf.float32)).numpy()


@every
@pytest.mark.parametrize("per_document", [False, True])
def test_ragged_lists_are_padded_ones(text: str, per_document: bool) -> None:
    weights = np.array([[1], [2], [3]], np.float32) * np.ones_like(LABELS) if per_document else None
    scores = scores_for(text)
    real = LABELS >= 0
    ragged = [
        None if array is None else tf.ragged.boolean_mask(array, real)
        for array in (LABELS, scores, weights)
    ]
    found = losses.build(text, options_of(text), ragged=True)(*ragged)
    expected = losses.build(text, options_of(text))(LABELS, scores, weights)
    assert found.numpy() == pytest.approx(expected.numpy(), rel=1e-5)


def test_ragged_lists_are_refused_where_none_are_expected() -> None:
    labels = tf.ragged.constant([[1.0], [0.0, 1.0]])
    with pytest.raises(
        ValueError, match=r"^softmax_loss: ragged tensors need a loss built with ragged=True$"
    ):
        losses.build("softmax_loss")(labels, labels)


@every
def test_weights_of_lists_come_in_three_shapes(text: str) -> None:
    loss = losses.build(text, options_of(text))
    scores = scores_for(text)
    column = np.array([[1], [2], [0.5]], np.float32)
    expected, gradient = value_and_gradient(loss, LABELS, scores, column)
    assert value_and_gradient(loss, LABELS, scores, column[:, 0])[0] == expected
    wide = value_and_gradient(loss, LABELS, scores, column * np.ones_like(LABELS))
    assert wide[0] == pytest.approx(expected, rel=1e-5)
    assert wide[1] == pytest.approx(gradient, abs=1e-5)


@every
def test_shapes_may_be_unknown(text: str) -> None:
    loss = losses.build(text, options_of(text))
    scores = scores_for(text)
    lists = tf.TensorSpec([None, None])
    heads = tf.TensorSpec([None, None, *scores.shape[2:]])
    function = tf.function(loss.__call__, input_signature=[lists, heads, lists])
    for weights in (np.ones_like(LABELS), np.ones_like(LABELS[:, :1])):
        value = function(LABELS, scores, weights).numpy()
        assert value == pytest.approx(loss(LABELS, scores, weights).numpy(), rel=1e-5)


def test_scores_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^click_em_loss: expected scores \[batch_size, list_"):
        losses.build("click_em_loss")(LABELS, LABELS)


@pytest.mark.parametrize("text", [*RANDOM, "list_mle_loss"])
def test_training_repeats_without_a_global_seed(text: str) -> None:
    values, kernel = trained(losses.build(text))
    again, same = trained(losses.build(text))
    assert values == again
    assert (kernel == same).all()


@pytest.mark.parametrize("text", ["gumbel_approx_ndcg_loss", "list_mle_loss"])
def test_seeds_and_scores_decide_the_draws(text: str) -> None:
    labels = np.array([[1, 1, 1, 0, 0, 0, 0, 1]], np.float32)
    scores = np.linspace(0, 1, 8, dtype=np.float32)[np.newaxis]
    loss, other = losses.build(text), losses.build(text, LossOptions(seed=1))
    assert loss(labels, scores) == loss(labels, scores)
    assert loss(labels, scores) != other(labels, scores)
    # A shift changes nothing but the draws.
    assert loss(labels, scores).numpy() != pytest.approx(loss(labels, scores + 1).numpy(), rel=1e-4)


def test_replicas_train_as_one_device_does() -> None:
    values, kernel = trained(losses.build(SUM))
    with connect(DistributionConfig(Strategy.MIRRORED, devices=2)).scope():
        replicated, same = trained(losses.build(SUM))
    assert replicated == pytest.approx(values, rel=1e-5)
    assert same == pytest.approx(kernel, rel=1e-5)


def test_a_saved_model_keeps_its_loss(tmp_path: Path) -> None:
    options = LossOptions(lambda_weight=losses.LambdaWeight.NDCG, temperature=2.0)
    model = linear()
    model.compile("sgd", losses.build("softmax_loss", options))
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    assert loaded.loss.get_config() == model.loss.get_config()
    assert loaded.evaluate(FEATURES, GRADES, verbose=0) == pytest.approx(
        model.evaluate(FEATURES, GRADES, verbose=0)
    )


def test_a_configuration_makes_the_same_loss() -> None:
    loss = losses.build("ordinal_loss:2", LossOptions(ordinal_size=3), ragged=True)
    copy = losses.RankingLoss.from_config(loss.get_config())
    assert (copy.text, copy.options, copy.ragged) == (loss.text, loss.options, loss.ragged)
