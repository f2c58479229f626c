"""Matrix factorisation: its formula, its regularisation, and what it does with unknown ids."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data.errors import InputError
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform
from data.transformed import MASK
from models import serving
from models.mf import MfConfig
from tests.models.recommenders import build
from tests.models.recommenders import draw
from tests.models.recommenders import scramble
from tests.models.recommenders import sides
from tests.models.recommenders import squares
from tests.samples import Transformed
from tests.samples import transformed_spec

SIZES = (2, 4, 1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_factors": 0}, "num_factors must be at least 1, found 0"),
        ({"init_stddev": 0.0}, r"init_stddev must be positive, found 0\.0"),
        ({"regularization": -0.1}, r"regularization must be 0 or more, found -0\.1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}$"):
        MfConfig(**settings)


def test_the_score_is_the_dot_product_and_the_biases() -> None:
    model, inputs = build("mf", num_factors=3), draw(SIZES)
    weights = scramble(model, inputs)
    users, items = sides(inputs, weights)
    expected = (users[..., :3] * items[..., :3]).sum(-1) + users[..., 3] + items[..., 3]
    expected = np.where(inputs[MASK], expected + weights[5], 0)
    assert model(inputs).numpy() == pytest.approx(expected, abs=1e-4)


def test_it_can_do_without_biases() -> None:
    model, inputs = build("mf", num_factors=3, biases=False), draw(SIZES)
    weights = scramble(model, inputs)
    assert len(weights) == 5
    users, items = sides(inputs, weights)
    expected = np.where(inputs[MASK], (users * items).sum(-1), 0)
    assert model(inputs).numpy() == pytest.approx(expected, abs=1e-4)


def test_each_of_several_logits_weighs_the_factors_in_its_own_way() -> None:
    model, inputs = build("mf", num_factors=3, outputs={"grade": 2}), draw(SIZES)
    *weights, kernel, bias = scramble(model, inputs)
    users, items = sides(inputs, weights)
    expected = (users[..., :3] * items[..., :3]) @ kernel + users[..., 3:] + items[..., 3:] + bias
    assert model(inputs).numpy() == pytest.approx(expected * inputs[MASK].numpy()[..., None], 1e-3)


@pytest.mark.parametrize("static", [False, True])
def test_vectors_and_biases_are_regularised_in_training_alone(static: bool) -> None:
    model, inputs = build("mf", num_factors=3, regularization=0.3, static=static), draw(SIZES)
    weights = scramble(model, inputs)
    model(inputs)
    assert not model.losses
    model(inputs, training=True)
    expected = 0.3 * squares(inputs, weights).sum(axis=1).mean()
    assert sum(map(float, model.losses)) == pytest.approx(expected, rel=1e-5)


def test_pairs_are_regularised_by_their_weights() -> None:
    """Where all lists have all documents, and each pair its weight."""
    model, inputs = build("mf", num_factors=3, regularization=0.3), draw((3, 3))
    scramble(model, inputs)
    shared = {
        name: values[0] if values.shape.rank == 3 else values
        for name, values in inputs.items()
        if name != MASK
    }
    pairs = tf.constant([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    model({**shared, "pair_weight": pairs}, training=True)
    found = sum(map(float, model.losses))
    repeated = {
        name: tf.stack([shared[name]] * 2) if values.shape.rank == 3 else values
        for name, values in inputs.items()
        if name != MASK
    }
    model({**repeated, MASK: pairs > 0}, training=True)
    assert found == pytest.approx(sum(map(float, model.losses)), rel=1e-5)


HASHED: dict[str, Any] = {
    "dtype": DType.STRING, "transform": (Transform.HASH,), "buckets": 50, "default": ""
}  # fmt: skip
STRINGS = FeatureSpec((Feature("user", scope=Scope.CONTEXT, **HASHED), Feature("item", **HASHED)))


def test_a_missing_user_or_item_is_scored_by_the_biases_that_are_left() -> None:
    model = build("mf", transformed_spec(STRINGS), num_factors=3)
    servable = serving.Servable(model, Transformed(STRINGS), transformed_spec(STRINGS))
    raw = servable.signatures()[serving.RAW]

    def ask(user: str, item: str) -> float:
        request = {"user": [[user]], "item": [[[item]]], "list_size": tf.constant([1], tf.int64)}
        found = raw({name: tf.constant(value) for name, value in request.items()})
        return float(found[serving.SCORES])

    ask("u", "i")
    biases = [np.r_[0, np.full(50, b)][:, None] for b in (0.25, 0.5)]
    tables = [np.hstack([w[:, :3], b]) for w, b in zip(model.get_weights(), biases, strict=False)]
    model.set_weights([*tables, np.array([2.0])])
    assert ask("", "i") == pytest.approx(2.0 + 0.5)
    assert ask("u", "") == pytest.approx(2.0 + 0.25)
    assert ask("", "") == pytest.approx(2.0)
    assert ask("u", "i") != pytest.approx(2.75, abs=1e-4)
