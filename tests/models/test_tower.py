"""The feed-forward tower: its settings, its layers, and rows that are no document."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data.errors import InputError
from models.tower import ACTIVATIONS
from models.tower import Tower
from models.tower import TowerConfig

ROWS = np.random.default_rng(0).normal(2.0, 3.0, (7, 3)).astype(np.float32)
REAL = np.array([True, True, False, True, False, True, True])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": "rellu"}, "unknown activation 'rellu'. Did you mean 'relu'?"),
        ({"activation": "softmax"}, "unknown activation 'softmax'."),
        ({"batch_norm_moment": 1.5}, "batch_norm_moment must be in [0, 1], found 1.5"),
        ({"dropout": 1.0}, "dropout must be in [0, 1), found 1.0"),
        ({"dropout": -0.1}, "dropout must be in [0, 1), found -0.1"),
        ({"hidden_layer_dims": ()}, "hidden_layer_dims must be positive, found ()"),
        ({"hidden_layer_dims": (8, 0)}, "hidden_layer_dims must be positive, found (8, 0)"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        TowerConfig(**settings)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_one_of_keras_that_acts_unit_by_unit(name: str) -> None:
    function = tf.keras.activations.get(name)
    units = tf.constant([[-1.5, 0.0, 2.0]])
    alone = [function(units[:, i : i + 1]).numpy()[0, 0] for i in range(3)]
    assert function(units).numpy()[0] == pytest.approx(alone)


@pytest.mark.parametrize("use", [False, True])
@pytest.mark.parametrize("of_input", [False, True])
def test_batch_normalisation_is_where_it_was_asked_for(use: bool, of_input: bool) -> None:
    config = TowerConfig((5, 4), use_batch_norm=use, input_batch_norm=of_input)
    tower = Tower(config, 1)
    tower(ROWS)
    averages = [tuple(v.shape) for v in tower.non_trainable_variables]  # a mean and a variance
    assert averages == [(3,)] * 2 * of_input + [(5,), (5,), (4,), (4,)] * use


def test_rows_that_are_no_document_leave_the_statistics_as_they_are() -> None:
    config = TowerConfig((2,), input_batch_norm=True, batch_norm_moment=0.0, dropout=0.0)
    tower = Tower(config, 1)
    found = tower(ROWS, REAL, training=True).numpy()
    mean, variance = (v.numpy() for v in tower.non_trainable_variables[:2])
    assert mean == pytest.approx(ROWS[REAL].mean(axis=0), abs=1e-5)
    assert variance == pytest.approx(ROWS[REAL].var(axis=0), rel=1e-4)
    assert found[REAL] == pytest.approx(tower(ROWS[REAL], training=True).numpy(), abs=1e-5)


def test_without_an_output_it_ends_in_its_last_hidden_layer() -> None:
    config = TowerConfig((4, 2), activation="relu", use_batch_norm=False, dropout=0.0)
    hidden = Tower(config, None)
    found = hidden(ROWS).numpy()
    w1, b1, w2, b2 = (v.numpy() for v in hidden.trainable_variables)
    assert found == pytest.approx(np.maximum(np.maximum(ROWS @ w1 + b1, 0) @ w2 + b2, 0), abs=1e-5)


def test_dropout_acts_in_training_only() -> None:
    tower = Tower(TowerConfig((64,), use_batch_norm=False, dropout=0.5), 1)
    assert np.array_equal(tower(ROWS).numpy(), tower(ROWS).numpy())
    assert not np.allclose(tower(ROWS, training=True), tower(ROWS, training=True))
