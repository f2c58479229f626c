"""The ranker of several labels: what is shared, what is each label's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data.errors import InputError
from data.features import Feature
from data.features import FeatureSpec
from models.multi_task import MultiTaskConfig
from tests.models.families import build
from tests.samples import draw
from tests.samples import model_inputs

SIZES = (3, 1, 2)
DOCUMENTS = np.arange(max(SIZES)) < np.array(SIZES)[:, None]
FLAT = FeatureSpec((Feature("x", width=3),))
TWO = {"grade": 1, "click": 2}
PLAIN: dict[str, Any] = {
    "hidden_layer_dims": (5,),
    "task_layer_dims": (4,),
    "activation": "tanh",
    "use_batch_norm": False,
    "dropout": 0.0,
}


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match=r"^experts must be at least 1, found 0$"):
        MultiTaskConfig(experts=0)
    with pytest.raises(InputError, match=r"^task_layer_dims must be positive, found \(\)$"):
        MultiTaskConfig(task_layer_dims=())


def head(rows: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    w1, b1, w2, b2 = weights
    return np.tanh(rows @ w1 + b1) @ w2 + b2


def weights_by_creation(model: tf.keras.Model) -> list[np.ndarray]:
    return [v.numpy() for v in model.trainable_variables]


def test_one_expert_is_a_shared_bottom() -> None:
    lists = draw(SIZES, spec=FLAT)
    inputs = model_inputs(lists, spec=FLAT)
    model = build("multi_task", FLAT, outputs=TWO, **PLAIN, experts=1)
    found = model(inputs)
    w, b, *heads = weights_by_creation(model)
    shared = np.tanh(lists.values["x"] @ w + b)
    grade, click = head(shared, heads[:4]), head(shared, heads[4:])
    assert found["grade"].numpy()[DOCUMENTS] == pytest.approx(grade[:, 0], abs=1e-5)
    assert found["click"].numpy()[DOCUMENTS] == pytest.approx(click, abs=1e-5)


def test_several_experts_are_mixed_for_each_label() -> None:
    lists = draw(SIZES, spec=FLAT)
    inputs, x = model_inputs(lists, spec=FLAT), lists.values["x"]
    model = build("multi_task", FLAT, outputs=TWO, **PLAIN, experts=2)
    found = model(inputs)
    w1, b1, w2, b2, gate1, c1, gate2, c2, *heads = weights_by_creation(model)
    experts = np.stack([np.tanh(x @ w1 + b1), np.tanh(x @ w2 + b2)], axis=1)
    expected = []
    for gate, c, weights in ((gate1, c1, heads[:4]), (gate2, c2, heads[4:])):
        shares = np.exp(x @ gate + c)
        shares /= shares.sum(axis=1, keepdims=True)
        expected.append(head((shares[..., None] * experts).sum(axis=1), weights))
    assert found["grade"].numpy()[DOCUMENTS] == pytest.approx(expected[0][:, 0], abs=1e-5)
    assert found["click"].numpy()[DOCUMENTS] == pytest.approx(expected[1], abs=1e-5)


@pytest.mark.parametrize("experts", [1, 2])
def test_a_label_teaches_what_is_shared_and_its_own_tower_alone(experts: int) -> None:
    inputs = model_inputs(draw(SIZES, spec=FLAT), spec=FLAT)
    model = build("multi_task", FLAT, outputs=TWO, **PLAIN, experts=experts)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model(inputs)["click"] ** 2)
    taught = [bool(np.any(g)) for g in tape.gradient(total, model.trainable_variables)]
    shared = [True] * 2 * experts
    gates = [False, False, True, True] if experts > 1 else []
    assert taught == shared + gates + [False] * 4 + [True] * 4
