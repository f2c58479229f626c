"""What the families share: places, labels, and what a model was built from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data import plain
from data.transformed import MASK
from models.places import Places
from models.ranker import Inputs
from models.ranker import Ranker
from models.ranker import by_label
from models.tower import TowerConfig
from tests.samples import transformed_spec

IS_DOCUMENT = np.array([[True, False], [True, True]])
X = np.array([[[1.0], [9.0]], [[2.0], [3.0]]], np.float32)


class Multiples(Ranker):
    """Logit number i is i + 1 times the document's x."""

    def logits(self, inputs: Inputs, places: Places, *, training: bool) -> tf.Tensor:
        factors = tf.range(1, self.n_logits + 1, dtype=tf.float32)
        return places.rows(inputs["x"]) * factors + (100.0 if training else 0.0)


def multiples(outputs: dict[str, int], *, static: bool) -> Ranker:
    return Multiples("m", transformed_spec(), TowerConfig(), outputs=outputs, static=static)


@pytest.mark.parametrize("static", [False, True])
def test_one_label_is_one_tensor_and_padding_is_0(static: bool) -> None:
    model = multiples({"grade": 1}, static=static)
    inputs = {MASK: tf.constant(IS_DOCUMENT), "x": tf.constant(X)}
    assert model(inputs).numpy().tolist() == [[1, 0], [2, 3]]
    assert model(inputs, training=True).numpy().tolist() == [[101, 0], [102, 103]]


@pytest.mark.parametrize("static", [False, True])
def test_several_labels_have_a_tensor_each(static: bool) -> None:
    model = multiples({"grade": 1, "click": 2}, static=static)
    found = model({MASK: tf.constant(IS_DOCUMENT), "x": tf.constant(X)})
    assert list(found) == ["grade", "click"]
    assert found["grade"].numpy().tolist() == [[1, 0], [2, 3]]
    assert found["click"].numpy().tolist() == [[[2, 3], [0, 0]], [[4, 6], [6, 9]]]


def test_labels_keep_their_order() -> None:
    logits = tf.reshape(tf.range(6.0), [1, 1, 6])
    found: Any = by_label(logits, {"z": 2, "a": 1, "m": 3})
    assert {label: part.numpy().ravel().tolist() for label, part in found.items()} == {
        "z": [0, 1],
        "a": [2],
        "m": [3, 4, 5],
    }


def test_it_says_what_it_was_built_from() -> None:
    found = multiples({"grade": 1}, static=False).get_config()
    assert found["transformed"] == plain.to_json(transformed_spec())
    assert plain.from_json(TowerConfig, found["config"]) == TowerConfig()
