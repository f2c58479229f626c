"""The feed-forward ranker: its settings, its towers, and what it was built from."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data import plain
from data.errors import InputError
from data.features import Feature
from data.features import FeatureSpec
from models.dnn import ACTIVATIONS
from models.dnn import DnnConfig
from models.dnn import DnnRanker
from tests.samples import SPEC
from tests.samples import draw
from tests.samples import model_inputs
from tests.samples import transformed_spec

SIZES = (2, 4, 1)
FLAT = FeatureSpec((Feature("x", width=3),))


def ranker(spec: FeatureSpec = SPEC, **settings: Any) -> DnnRanker:
    return DnnRanker(transformed_spec(spec), DnnConfig(**settings))


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
        ({"members": 0}, "members must be at least 1, found 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        DnnConfig(**settings)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_one_of_keras_that_acts_unit_by_unit(name: str) -> None:
    function = tf.keras.activations.get(name)
    units = tf.constant([[-1.5, 0.0, 2.0]])
    alone = [function(units[:, i : i + 1]).numpy()[0, 0] for i in range(3)]
    assert function(units).numpy()[0] == pytest.approx(alone)


def test_without_extras_a_tower_is_dense_layers_and_activations() -> None:
    model = ranker(
        FLAT, hidden_layer_dims=(5, 4), activation="tanh", use_batch_norm=False, dropout=0.0
    )
    lists = draw(SIZES, spec=FLAT)
    scores = model(model_inputs(lists, spec=FLAT)).numpy()
    w1, b1, w2, b2, w3, b3 = (v.numpy() for v in model.trainable_variables)
    hidden = np.tanh(np.tanh(lists.values["x"] @ w1 + b1) @ w2 + b2)
    expected = hidden @ w3 + b3
    mask = np.arange(max(SIZES)) < np.array(SIZES)[:, None]
    assert scores[mask] == pytest.approx(expected[:, 0], abs=1e-5)
    assert not scores[~mask].any()


@pytest.mark.parametrize("use", [False, True])
@pytest.mark.parametrize("of_input", [False, True])
def test_batch_normalisation_is_where_it_was_asked_for(use: bool, of_input: bool) -> None:
    model = ranker(FLAT, hidden_layer_dims=(5, 4), use_batch_norm=use, input_batch_norm=of_input)
    model(model_inputs(draw(SIZES, spec=FLAT), spec=FLAT))
    averages = [tuple(v.shape) for v in model.non_trainable_variables]  # a mean and a variance
    assert averages == [(3,)] * 2 * of_input + [(5,), (5,), (4,), (4,)] * use


def test_batch_normalisation_sees_no_padding() -> None:
    lists = draw(SIZES, spec=FLAT)
    model = ranker(FLAT, hidden_layer_dims=(2,), input_batch_norm=True, batch_norm_moment=0.0)
    model(model_inputs(lists, spec=FLAT, list_size=50), training=True)
    mean, variance = (v.numpy() for v in model.non_trainable_variables[:2])
    assert mean == pytest.approx(lists.values["x"].mean(axis=0), abs=1e-5)
    assert variance == pytest.approx(lists.values["x"].var(axis=0), rel=1e-4)


def test_the_score_is_the_mean_of_the_members() -> None:
    inputs = model_inputs(draw(SIZES))
    model = ranker(hidden_layer_dims=(4,), use_batch_norm=False, dropout=0.0, members=3)
    together = model(inputs).numpy()
    towers = [v for v in model.trainable_variables if "embedding" not in v.name]
    per_member = len(towers) // 3
    assert per_member == 4
    alone = []
    for member in range(3):
        kept = towers[member * per_member : (member + 1) * per_member]
        saved = [v.numpy() for v in towers]
        for variable in towers:
            if all(variable is not k for k in kept):
                variable.assign(tf.zeros_like(variable))
        alone.append(model(inputs).numpy())
        for variable, value in zip(towers, saved, strict=True):
            variable.assign(value)
    assert np.sum(alone, axis=0) == pytest.approx(together, abs=1e-5)


def test_dropout_acts_in_training_only() -> None:
    inputs = model_inputs(draw(SIZES))
    model = ranker(hidden_layer_dims=(64,), use_batch_norm=False, dropout=0.5)
    assert np.array_equal(model(inputs).numpy(), model(inputs).numpy())
    assert not np.allclose(model(inputs, training=True), model(inputs, training=True))


def test_it_says_what_it_was_built_from() -> None:
    config = DnnConfig(hidden_layer_dims=(3,), members=2)
    found = DnnRanker(transformed_spec(), config).get_config()
    assert plain.from_json(DnnConfig, found["config"]) == config
    assert found["transformed"] == plain.to_json(transformed_spec())
