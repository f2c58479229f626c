"""Dot products, crosses and pair products: their formulas, and the library's layers."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs

from data.errors import InputError
from models.ctr.cross import Cross
from models.ctr.cross import CrossNetwork
from models.ctr.dot import Dot
from models.ctr.fm import PairProducts
from models.ctr.settings import CrossKind
from models.ctr.vectors import Aligned
from models.strategy import precision

N, DIM, FIELDS = 5, 3, 4
VECTORS = np.random.default_rng(0).normal(size=(FIELDS, N, DIM)).astype(np.float32)
X0, X = VECTORS[0], VECTORS[1]


@pytest.mark.parametrize("self_interaction", [False, True])
@pytest.mark.parametrize("skip_gather", [False, True])
@pytest.mark.parametrize("compiled", [False, True])
def test_dots_are_those_of_the_library(
    self_interaction: bool, skip_gather: bool, compiled: bool
) -> None:
    settings = {"self_interaction": self_interaction, "skip_gather": skip_gather}
    ours = tf.function(Dot(**settings), jit_compile=compiled)
    theirs = tfrs.layers.feature_interaction.DotInteraction(**settings)
    vectors = [tf.constant(v) for v in VECTORS]
    found, slopes = [], []
    for layer in (ours, theirs):
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            products = layer(vectors)
            total = tf.reduce_sum(products**3)
        found.append(products)
        slopes.append(np.stack(tape.gradient(total, vectors)))
    assert found[0].numpy() == pytest.approx(found[1].numpy(), abs=1e-5)
    assert slopes[0] == pytest.approx(slopes[1], rel=1e-4, abs=1e-4)


def test_dots_are_of_all_pairs() -> None:
    found = Dot()(list(VECTORS)).numpy()
    pairs = [(i, j) for i in range(FIELDS) for j in range(i)]
    expected = np.stack([(VECTORS[i] * VECTORS[j]).sum(1) for i, j in pairs], axis=1)
    assert found == pytest.approx(expected, abs=1e-5)
    assert np.array_equal(Dot()([VECTORS.transpose(1, 0, 2)]), Dot()(list(VECTORS)))


def test_vectors_that_interact_are_of_one_length() -> None:
    message = r"vectors that interact must be of one length, found \[2, 3\]"
    for layer in (Dot(), PairProducts()):
        with pytest.raises(ValueError, match=message):
            layer([tf.zeros([1, 3]), tf.zeros([1, 2])])


def test_aligned_vectors_are_of_one_length() -> None:
    layer = Aligned(DIM)
    found = layer([tf.constant(X), tf.ones([N, 2]), tf.ones([N, 2, 5])])
    assert [v.shape.as_list() for v in found] == [[N, DIM], [N, DIM], [N, 2, DIM]]
    assert np.array_equal(found[0], X)
    assert [v.shape.as_list() for v in layer.trainable_variables] == [[2, DIM], [5, DIM]]


CROSSES: list[dict[str, Any]] = [
    {},
    {"diag_scale": 0.5},
    {"projection_dim": 2},
    {"projection_dim": 2, "diag_scale": 0.5},
]


@pytest.mark.parametrize("settings", CROSSES)
def test_a_cross_is_that_of_the_library(settings: dict[str, Any]) -> None:
    ours = Cross(**settings)
    theirs = tfrs.layers.feature_interaction.Cross(
        projection_dim=settings.get("projection_dim"), diag_scale=settings.get("diag_scale", 0.0)
    )
    for layer in (ours, theirs):
        layer(X0, X)
    weights = [np.random.default_rng(i).normal(size=v.shape) for i, v in enumerate(ours.weights)]
    kernels = {weight.shape: weight for weight in weights}
    for layer in (ours, theirs):
        layer.set_weights([kernels[tuple(v.shape)] for v in layer.weights])
    assert ours(X0, X).numpy() == pytest.approx(theirs(X0, X).numpy(), abs=1e-4)
    assert ours(X0).numpy() == pytest.approx(theirs(X0).numpy(), abs=1e-4)


def test_a_cross_with_a_vector_is_that_of_the_paper() -> None:
    layer = Cross(kind=CrossKind.VECTOR)
    layer(X0)
    kernel, bias = np.array([[1.0], [-2.0], [0.5]]), np.array([0.1, 0.2, 0.3])
    layer.set_weights([kernel, bias])
    expected = X0 * (X @ kernel) + bias + X
    assert layer(X0, X).numpy() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kind", list(CrossKind))
def test_crosses_follow_one_another(kind: CrossKind) -> None:
    network = CrossNetwork(2, kind=kind, regularization=0.5)
    found = network([X0, X])
    x0 = tf.concat([X0, X], axis=1)
    one, other = network._crosses
    assert np.array_equal(found, other(x0, one(x0)))
    squares = [np.square(v).sum() for v in network.trainable_variables if v.shape.rank == 2]
    assert np.array(network.losses) == pytest.approx(0.5 * np.array(squares), rel=1e-5)
    again = CrossNetwork.from_config(network.get_config())
    assert again.get_config() == network.get_config()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"projection_dim": -1}, "projection_dim must be 0 or more, found -1"),
        ({"diag_scale": -0.5}, "diag_scale must be 0 or more, found -0.5"),
        (
            {"kind": CrossKind.VECTOR, "projection_dim": 2},
            "projection_dim and diag_scale are for cross matrix, found vector",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Cross(**settings)


def test_pair_products_are_of_all_pairs() -> None:
    found = PairProducts()(list(VECTORS)).numpy()
    expected = sum(VECTORS[i] * VECTORS[j] for i, j in itertools.combinations(range(FIELDS), 2))
    assert found == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_reduced_precision_is_used_where_it_does_no_harm(policy: str) -> None:
    with precision(policy):
        low = tf.as_dtype(policy.removeprefix("mixed_"))
        assert Dot()(list(VECTORS)).dtype == low
        assert CrossNetwork(2)([X0, X]).dtype == low
        assert PairProducts()(list(VECTORS)).dtype == tf.float32
