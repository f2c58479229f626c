"""The listwise ranker: who looks at whom, noise, and its settings."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data.errors import InputError
from data.features import Feature
from data.features import FeatureSpec
from models.attention import AttentionConfig
from models.attention import DocumentInteraction
from models.strategy import precision
from tests.models.families import build
from tests.samples import draw
from tests.samples import model_inputs

MASK = np.array([[True, True, True, False], [True, False, False, False], [False] * 4])
FLAT = FeatureSpec((Feature("x", width=3),))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_heads": 0}, "num_heads must be at least 1, found 0"),
        ({"head_size": 0}, "head_size must be at least 1, found 0"),
        ({"num_layers": 0}, "num_layers must be at least 1, found 0"),
        ({"scoring_layer_dims": ()}, "scoring_layer_dims must be positive, found ()"),
        ({"input_noise_stddev": -1.0}, "input_noise_stddev must be 0 or more, found -1.0"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        AttentionConfig(**settings)


def interaction(**settings: Any) -> DocumentInteraction:
    tf.keras.utils.set_random_seed(1)
    return DocumentInteraction(AttentionConfig(head_size=4, **settings))


def test_nobody_looks_at_padding_and_everybody_at_documents() -> None:
    lists = np.random.default_rng(0).normal(size=(3, 4, 4)).astype(np.float32)
    layer = interaction()
    before = layer(lists, MASK).numpy()
    padding = np.where(MASK[..., None], lists, 50.0).astype(np.float32)
    assert layer(padding, MASK).numpy()[MASK] == pytest.approx(before[MASK], abs=1e-5)
    other = lists.copy()
    other[0, 2] += 1
    moved = (np.abs(layer(other, MASK).numpy() - before) > 1e-6).any(axis=2)
    assert moved[0, :3].all()
    assert not moved[1:].any()


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_a_list_without_documents_stays_finite(policy: str) -> None:
    with precision(policy):
        layer = interaction(num_layers=3)
        lists = tf.constant(np.random.default_rng(0).normal(0, 30, (3, 4, 4)), tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(lists)
            found = layer(lists, MASK, training=True)
            total = tf.reduce_sum(tf.cast(found, tf.float32) ** 2)
    assert np.isfinite(tf.cast(found, tf.float32)).all()
    assert np.isfinite(tape.gradient(total, lists)).all()


def test_one_layer_is_attention_with_residual_and_norm() -> None:
    lists = np.random.default_rng(0).normal(size=(1, 3, 4)).astype(np.float32)
    layer = interaction(num_layers=1, num_heads=1)
    found = layer(lists, np.ones([1, 3], bool)).numpy()[0]
    wq, bq, wk, bk, wv, bv, wo, bo, gamma, beta = (v.numpy() for v in layer.trainable_variables)
    rows = lists[0]
    query, key, value = (rows @ w[:, 0] + b[0] for w, b in ((wq, bq), (wk, bk), (wv, bv)))
    weights = np.exp(query @ key.T / 2.0)  # the root of the head size
    summed = rows + (weights / weights.sum(axis=1, keepdims=True)) @ value @ wo[0] + bo
    centred = summed - summed.mean(axis=1, keepdims=True)
    expected = gamma * centred / np.sqrt(summed.var(axis=1, keepdims=True) + 1e-6) + beta
    assert found == pytest.approx(expected, abs=1e-5)


def test_noise_is_for_training() -> None:
    inputs = model_inputs(draw((3, 2), spec=FLAT), spec=FLAT)
    settings: dict[str, Any] = {"dropout": 0.0, "use_batch_norm": False}
    noisy = build("attention", FLAT, input_noise_stddev=0.5, **settings)
    quiet = build("attention", FLAT, input_noise_stddev=0.0, **settings)
    assert np.array_equal(noisy(inputs), noisy(inputs))
    assert not np.allclose(noisy(inputs, training=True), noisy(inputs, training=True))
    quiet(inputs)
    quiet.set_weights(noisy.get_weights())
    assert np.allclose(quiet(inputs, training=True), noisy(inputs), atol=1e-5)
