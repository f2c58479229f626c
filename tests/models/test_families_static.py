"""What every family promises of fixed shapes, several labels, XLA and reduced precision."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from models import losses
from models.ranker import Inputs
from models.strategy import precision
from tests.models.families import LEARNING
from tests.models.families import build
from tests.samples import draw
from tests.samples import model_inputs

SIZES = (3, 0, 6, 2)
LENGTH = 8
DOCUMENTS = np.arange(max(SIZES)) < np.array(SIZES)[:, None]
TWO = {"grade": 1, "click": 3}
"""The outputs of two labels, one of them with several logits per document."""


@dataclasses.dataclass(frozen=True)
class Pair:
    """The same model with shapes as they come and with fixed ones, and the inputs of each."""

    name: str
    free: tf.keras.Model
    static: tf.keras.Model
    short: Inputs
    padded: Inputs

    def restore(self) -> None:
        self.static.set_weights(self.free.get_weights())


@pytest.fixture(params=LEARNING, scope="module")
def pair(request: pytest.FixtureRequest) -> Pair:
    lists = draw(SIZES)
    short, padded = model_inputs(lists), model_inputs(lists, list_size=LENGTH)
    free = build(request.param, outputs=TWO, still=True)
    static = build(request.param, outputs=TWO, still=True, static=True)
    for _ in range(3):
        free(short, training=True)  # moves the averages from where they start
    static(padded)
    return Pair(request.param, free, static, short, padded)


def same(pair: Pair, *, training: bool) -> None:
    """Both give the same logits to documents, and 0 to padding."""
    pair.restore()
    free, static = (
        pair.free(pair.short, training=training),
        pair.static(pair.padded, training=training),
    )
    assert list(free) == list(static) == list(TWO)
    for label in TWO:
        found, expected = static[label].numpy(), free[label].numpy()
        assert found[:, : max(SIZES)][DOCUMENTS] == pytest.approx(expected[DOCUMENTS], abs=1e-5)
        assert not found[:, : max(SIZES)][~DOCUMENTS].any()
        assert not found[:, max(SIZES) :].any()


def test_fixed_shapes_give_the_same_scores(pair: Pair) -> None:
    same(pair, training=False)


def test_fixed_shapes_train_alike(pair: Pair) -> None:
    before = pair.free.get_weights()
    same(pair, training=True)
    for found, expected in zip(pair.static.get_weights(), pair.free.get_weights(), strict=True):
        assert found == pytest.approx(expected, abs=1e-5)
    moved = any((a != b).any() for a, b in zip(before, pair.free.get_weights(), strict=True))
    assert moved is bool(pair.free.non_trainable_weights)
    found, expected = (np.array(model.losses) for model in (pair.static, pair.free))
    assert found == pytest.approx(expected)
    assert (expected > 0).all()


def backward(model: tf.keras.Model) -> Callable[..., tuple[tf.Tensor, list[tf.Tensor]]]:
    """Returns the function from inputs and labels to the loss and the gradient of each weight."""
    softmax = losses.build("softmax_loss")

    def run(inputs: Inputs, labels: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            logits = model(inputs, training=True)
            loss = softmax(labels, logits["grade"]) + tf.reduce_sum(logits["click"] ** 2)
        found = tape.gradient(loss, model.trainable_variables)
        return loss, [tf.convert_to_tensor(gradient) for gradient in found]

    return run


def test_a_compiled_step_is_the_plain_one(pair: Pair) -> None:
    labels = np.full([len(SIZES), LENGTH], -1.0, np.float32)
    labels[:, : max(SIZES)][DOCUMENTS] = draw(SIZES).values["grade"][:, 0]
    pair.restore()
    step = tf.function(backward(pair.static), jit_compile=True, reduce_retracing=False)
    loss, found = step(pair.padded, tf.constant(labels))
    expected_loss, expected = backward(pair.free)(pair.short, labels[:, : max(SIZES)])
    assert float(loss) == pytest.approx(float(expected_loss), rel=1e-4)
    for gradient, plain in zip(found, expected, strict=True):
        assert np.isfinite(gradient).all()
        assert gradient.numpy() == pytest.approx(plain.numpy(), abs=1e-3, rel=1e-3)


def test_each_label_has_the_logits_that_its_loss_wants(pair: Pair) -> None:
    logits = pair.free(pair.short)
    assert {label: found.shape.as_list() for label, found in logits.items()} == {
        "grade": [len(SIZES), max(SIZES)],
        "click": [len(SIZES), max(SIZES), 3],
    }
    assert not np.allclose(logits["grade"], logits["click"][..., 0])
    several = build(pair.name, outputs={"grade": 2})(pair.short)
    assert several.shape.as_list() == [len(SIZES), max(SIZES), 2]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("static", [False, True])
def test_reduced_precision_gives_nearly_the_same_logits(
    pair: Pair, policy: str, static: bool
) -> None:
    inputs = pair.padded if static else pair.short
    with precision(policy):
        model = build(pair.name, outputs=TWO, still=True, static=static)
        model(inputs)
    model.set_weights(pair.free.get_weights())
    assert {weight.dtype for weight in model.trainable_variables} == {tf.float32}
    for training in (False, True):
        before = model.get_weights()
        exact, found = pair.free(pair.short, training=False), model(inputs, training=training)
        for label in TWO:
            assert found[label].dtype == tf.float32
            assert np.isfinite(found[label]).all()
            if not training:
                near = found[label][:, : max(SIZES)].numpy()
                assert near[DOCUMENTS] == pytest.approx(exact[label].numpy()[DOCUMENTS], abs=0.1)
        assert all(np.isfinite(weight).all() for weight in model.get_weights())
        model.set_weights(before)
