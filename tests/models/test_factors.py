"""The vectors of users and items, and their look-up."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.transformed import MASK
from data.transformed import TransformedSpec
from models.factors import Factors
from models.factors import Normal
from models.factors import Part
from models.factors import Sides
from models.factors import lookup
from models.places import Places
from tests.models.recommenders import CONTEXT
from tests.models.recommenders import DOCUMENT
from tests.models.recommenders import TRANSFORMED
from tests.models.recommenders import draw
from tests.models.recommenders import squares
from tests.models.recommenders import vectors

PARTS = (Part(3, 0.5, 0.1), Part(2, 0.1, 0.7))


def test_the_gradient_of_a_lookup_is_dense_and_leaves_row_0() -> None:
    table, ids = tf.random.normal([5, 2]), tf.constant([[3, 0], [3, 4]])
    upstream = tf.random.normal([2, 2, 2])
    with tf.GradientTape() as tape:
        tape.watch(table)
        total = tf.reduce_sum(lookup(table, ids) * upstream)
    found = tape.gradient(total, table)
    assert isinstance(found, tf.Tensor)
    expected = np.zeros([5, 2], np.float32)
    expected[3], expected[4] = upstream[0, 0] + upstream[1, 0], upstream[1, 1]
    assert found.numpy() == pytest.approx(expected, abs=1e-6)
    assert (lookup(table, ids).numpy() == table.numpy()[ids.numpy()]).all()


def test_each_part_is_drawn_with_its_own_deviation() -> None:
    tf.keras.utils.set_random_seed(1)
    drawn = Normal((Part(2, 0.5), Part(1, 0.0)), missing=True)([4001, 3])
    assert not drawn[0].numpy().any()
    assert drawn[1:].numpy().std(axis=0) == pytest.approx([0.5, 0.5, 0.0], rel=0.05)
    assert Normal((Part(1, 1.0),), missing=False)([2, 1]).numpy().all()


def test_row_0_is_in_the_first_shard_only() -> None:
    normal = Normal((Part(2, 1.0),), missing=True)
    first = normal([4, 2], partition_shape=[2, 2], partition_offset=[0, 0]).numpy()
    second = normal([4, 2], partition_shape=[2, 2], partition_offset=[2, 0]).numpy()
    assert first.shape == second.shape == (2, 2)
    assert first.any(axis=1).tolist() == [False, True]
    assert second.all()


@pytest.fixture(params=["whole tables", "parameter servers"])
def factors(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Sides:
    if request.param == "parameter servers":
        monkeypatch.setattr(tf.distribute, "ParameterServerStrategy", tf.distribute.Strategy)
    tf.keras.utils.set_random_seed(1)
    return Sides(TRANSFORMED, PARTS)


@pytest.mark.parametrize("static", [False, True])
def test_vectors_are_sums_over_columns(factors: Sides, static: bool) -> None:
    inputs = draw((2, 0, 3), length=4)
    users, items = factors(inputs, Places(inputs[MASK], static=static))
    assert [part.shape for part in users] == [(3, 3), (3, 2)]
    weights = factors.get_weights()
    expected = vectors(inputs, CONTEXT, weights[:2])
    assert np.concatenate(users, axis=1) == pytest.approx(expected, abs=1e-6)
    documents = vectors(inputs, DOCUMENT, weights[2:])
    expected = documents.reshape(-1, 5) if static else documents[inputs[MASK].numpy()]
    assert np.concatenate(items, axis=1) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("static", [False, True])
def test_the_mean_square_of_what_is_looked_up_is_added_in_training(
    factors: Sides, static: bool
) -> None:
    inputs = draw((2, 0, 3), length=4, seed=4)
    places = Places(inputs[MASK], static=static)
    factors(inputs, places)
    assert not factors.losses
    factors(inputs, places, training=True)
    expected = squares(inputs, factors.get_weights()) @ np.repeat([0.1, 0.7], [3, 2])
    assert float(tf.add_n(factors.losses)) == pytest.approx(expected.mean(), rel=1e-5)


def test_nothing_is_added_for_lists_without_documents() -> None:
    sides, inputs = Sides(TRANSFORMED, PARTS), draw((0, 0), length=2)
    for static in (False, True):
        sides(inputs, Places(inputs[MASK], static=static), training=True)
        assert float(tf.add_n(sides.losses)) == 0


def test_a_missing_id_counts_for_nothing_however_long_one_trains() -> None:
    tf.keras.utils.set_random_seed(1)
    layer = Factors(TRANSFORMED, Scope.CONTEXT, [Part(4, 0.5, 0.1)])
    optimizer = tf.keras.optimizers.Adam(0.1)
    values = {"user": tf.constant([[0], [2]]), "context_numeric": tf.constant([[0.0], [1.0]])}
    for _ in range(3):
        with tf.GradientTape() as tape:
            (vectors,) = layer(values, tf.ones([2]), training=True)
            loss = tf.reduce_sum((vectors - 1) ** 2) + tf.add_n(layer.losses)
        optimizer.minimize(loss, layer.trainable_variables, tape=tape)
    (vectors,) = layer(values, tf.ones([2]))
    assert not vectors[0].numpy().any()
    assert vectors[1].numpy().all()


def test_without_columns_vectors_are_ones() -> None:
    spec = TransformedSpec(FeatureSpec((Feature("x"),)), {})
    inputs = {"document_numeric": tf.zeros([2, 3, 1]), MASK: tf.fill([2, 3], True)}
    users, _ = Sides(spec, PARTS)(inputs, Places(inputs[MASK], static=False), training=True)
    assert [part.numpy().tolist() for part in users] == [[[1.0] * 3] * 2, [[1.0] * 2] * 2]
