"""Neural collaborative filtering: the formulas of the paper, and how the parts are joined."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data.errors import InputError
from data.transformed import MASK
from models.ncf_settings import MlpConfig
from models.ncf_settings import NeumfConfig
from models.ranker import Inputs
from tests.models.recommenders import ITEMS
from tests.models.recommenders import ONLY_IDS
from tests.models.recommenders import USERS
from tests.models.recommenders import build
from tests.models.recommenders import draw
from tests.models.recommenders import scramble
from tests.models.recommenders import sides
from tests.models.recommenders import squares

SIZES = (2, 4, 1)
LAYERS = (6, 4, 3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": (8,)}, "layers must be at least two, the first even, found (8,)"),
        ({"layers": (7, 4)}, "layers must be at least two, the first even, found (7, 4)"),
        ({"layers": (8, 0)}, "layers must be positive, found (8, 0)"),
        (
            {"mlp_regularization": (0.1, 0.2)},
            "mlp_regularization must be one number or one for each of the 4 layers, found"
            " (0.1, 0.2)",
        ),
        ({"mlp_regularization": (-1.0,)}, "mlp_regularization must be 0 or more, found -1.0"),
        ({"activation": "rely"}, "unknown activation 'rely'. Did you mean 'relu'?"),
        ({"dropout": 1.0}, "dropout must be in [0, 1), found 1.0"),
        ({"mf_regularization": -1.0}, "mf_regularization must be 0 or more, found -1.0"),
        ({"num_factors": 0}, "num_factors must be at least 1, found 0"),
        (
            {"shared_tables": True, "num_factors": 8},
            "shared_tables needs num_factors = layers[0] / 2 = 32, found 8",
        ),
        (
            {"shared_tables": True, "num_factors": 32, "pretrain": True},
            "pretrain needs tables of each part's own; set shared_tables = false",
        ),
        ({"alpha": 1.5}, "alpha must be in [0, 1], found 1.5"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        NeumfConfig(**settings)


def test_regularisation_is_one_number_for_all_layers_or_one_for_each() -> None:
    assert MlpConfig(mlp_regularization=(0.5,)).regularization == (0.5,) * 4
    assert MlpConfig(mlp_regularization=(1, 2, 3, 4)).regularization == (1, 2, 3, 4)


def above(users: np.ndarray, items: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """Dense layers with relu over the concatenation of user and item."""
    rows = np.concatenate([np.broadcast_to(users, items.shape), items], axis=-1)
    for kernel, bias in zip(weights[::2], weights[1::2], strict=True):
        rows = np.maximum(rows @ kernel + bias, 0)
    return rows


def same(model: tf.keras.Model, inputs: Inputs, expected: np.ndarray) -> None:
    expected = np.where(inputs[MASK], expected[..., 0], 0)
    assert model(inputs).numpy() == pytest.approx(expected, abs=1e-3, rel=1e-4)


def test_gmf_weighs_the_product_of_user_and_item() -> None:
    model, inputs = build("gmf", num_factors=3), draw(SIZES)
    weights = scramble(model, inputs)
    users, items = sides(inputs, weights)
    same(model, inputs, (users * items) @ weights[5] + weights[6])


@pytest.mark.parametrize("layers", [LAYERS, (6, 4)])
def test_mlp_puts_layers_above_the_concatenation(layers: tuple[int, ...]) -> None:
    model, inputs = build("mlp", layers=layers), draw(SIZES)
    weights = scramble(model, inputs)
    *hidden, kernel, bias = weights[5:]
    assert hidden[0].shape == layers[:2]
    same(model, inputs, above(*sides(inputs, weights), hidden) @ kernel + bias)


@pytest.mark.parametrize("shared", [False, True])
def test_neumf_weighs_both_parts_together(shared: bool) -> None:
    n = 3 if shared else 2
    model = build("neumf", num_factors=n, layers=LAYERS, shared_tables=shared)
    inputs = draw(SIZES)
    weights = scramble(model, inputs)
    *hidden, of_product, kernel, bias = weights[5:]
    users, items = sides(inputs, weights)
    assert items.shape[-1] == (3 if shared else 5)
    product = users[..., :n] * items[..., :n]
    rows = above(users[..., -3:], items[..., -3:], hidden)
    same(model, inputs, product @ of_product + rows @ kernel + bias)


def test_a_product_starts_as_the_dot_product() -> None:
    model, inputs = build("gmf", num_factors=3, init_stddev=1.0), draw(SIZES)
    model(inputs)
    users, items = sides(inputs, model.get_weights())
    same(model, inputs, (users * items).sum(-1, keepdims=True))


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_vectors_and_matrices_are_regularised_in_training_alone(shared: bool, static: bool) -> None:
    settings: dict[str, Any] = {"num_factors": 3, "layers": LAYERS, "shared_tables": shared}
    settings |= {"mf_regularization": 0.3, "mlp_regularization": (0.2, 0.5, 0.7)}
    model, inputs = build("neumf", static=static, **settings), draw(SIZES)
    weights = scramble(model, inputs)
    model(inputs)
    assert not model.losses
    model(inputs, training=True)
    each = [0.5] * 3 if shared else [0.3] * 3 + [0.2] * 3
    expected = (squares(inputs, weights) @ each).mean()
    expected += 0.5 * (weights[5] ** 2).sum() + 0.7 * (weights[7] ** 2).sum()
    assert sum(map(float, model.losses)) == pytest.approx(expected, rel=1e-5)


def test_units_are_dropped_in_training_alone() -> None:
    model, inputs = build("mlp", layers=LAYERS, dropout=0.5), draw(SIZES)
    scramble(model, inputs)
    assert (model(inputs).numpy() == model(inputs).numpy()).all()
    assert (model(inputs, training=True).numpy() != model(inputs).numpy()).any()


@pytest.mark.parametrize("alpha", [0.5, 0.2])
def test_joined_parts_score_as_the_weighted_sum_of_the_two(alpha: float) -> None:
    inputs = draw(SIZES)
    gmf, mlp = build("gmf", num_factors=2), build("mlp", layers=LAYERS)
    for part in (gmf, mlp):
        scramble(part, inputs)
    model = build("neumf", num_factors=2, layers=LAYERS)
    model(inputs)
    model.initialise_from(gmf, mlp, alpha)
    expected = alpha * gmf(inputs).numpy() + (1 - alpha) * mlp(inputs).numpy()
    assert model(inputs).numpy() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("family", ["mf", "gmf", "mlp", "neumf"])
def test_they_learn_by_heart_who_likes_what(family: str) -> None:
    likes = np.random.default_rng(2).random([USERS, ITEMS]) < 0.4
    everything = np.broadcast_to(np.arange(1, ITEMS + 1)[:, None], [USERS, ITEMS, 1])
    inputs = {
        "user": tf.range(1, USERS + 1)[:, tf.newaxis],
        "item": tf.constant(everything),
        MASK: tf.fill([USERS, ITEMS], True),
    }
    settings: dict[str, Any] = {"init_stddev": 0.3}
    model = build(family, ONLY_IDS, **settings)
    optimizer = tf.keras.optimizers.Adam(0.05)
    model(inputs)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            logits = model(inputs, training=True)
            labels = tf.cast(likes, tf.float32)
            loss = tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)
        optimizer.minimize(loss, model.trainable_variables, tape=tape)

    for _ in range(100):
        step()
    scores = model(inputs).numpy()
    assert scores[likes].min() > scores[~likes].max()
