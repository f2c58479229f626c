"""DLRM, DCN and DeepFM: what their settings do, and their formulas."""

from __future__ import annotations

import re
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
from models import registry
from models.ctr.settings import CrossKind
from models.ctr.settings import DcnConfig
from models.ctr.settings import DeepfmConfig
from models.ctr.settings import DlrmConfig
from models.ctr.settings import Structure
from tests.models.families import ONE
from tests.samples import draw
from tests.samples import model_inputs
from tests.samples import transformed_spec

ID: dict[str, Any] = {"dtype": DType.INT, "transform": (Transform.INTEGER,), "size": 5}
SPEC = FeatureSpec(
    (
        Feature("price"),
        Feature("brand", embedding_dim=4, **ID),
        Feature("tags", embedding_dim=4, width=2, **ID),
        Feature("age", scope=Scope.CONTEXT),
        Feature("city", scope=Scope.CONTEXT, embedding_dim=4, **ID),
    )
)
IDS = FeatureSpec((Feature("brand", embedding_dim=4, **ID), Feature("item", embedding_dim=4, **ID)))
SIZES = (2, 3)
SMALL: dict[str, Any] = {"bottom_stack": (4,), "top_stack": (6,)}
CLICKS = ("dcn", "deepfm", "dlrm")


def build(family: str, spec: FeatureSpec = SPEC, **settings: Any) -> tf.keras.Model:
    """A small model with its weights, the same each time."""
    tf.keras.utils.set_random_seed(1)
    found = registry.FAMILIES[family]
    config = found.config(**(SMALL | settings))
    model = found.build(transformed_spec(spec), config, outputs=ONE, static=False)
    model(inputs(spec))
    return model


def inputs(spec: FeatureSpec = SPEC) -> dict[str, tf.Tensor]:
    return model_inputs(draw(SIZES, spec=spec), spec=spec)


def shapes(model: tf.keras.Model) -> list[tuple[int, ...]]:
    return [tuple(v.shape) for v in model.trainable_variables if v.shape.rank == 2]


def test_tables_of_one_scope_and_length_are_one() -> None:
    for family in ("dcn", "dlrm"):
        tables = [shape for shape in shapes(build(family)) if shape[1] == 4 and shape[0] > 4]
        assert tables == [(1 + 5 + 5, 4), (1 + 5, 4)]


WIDTHS: list[tuple[str, dict[str, Any], int]] = [
    # 3 columns and the bottom stack: 6 pairs, 4 with themselves, 16 in all.
    ("dlrm", {}, 4 + 6),
    ("dlrm", {"concat_dense": False}, 6),
    ("dlrm", {"self_interaction": True}, 4 + 10),
    ("dlrm", {"skip_gather": True}, 4 + 16),
    ("dlrm", {"concat_embeddings": True}, 4 + 12 + 6),
    ("dlrm", {"bottom_stack": ()}, 2 + 6),
    ("dlrm", {"bottom_stack": (7,)}, 7 + 6),
    ("dlrm", {"vector_dim": 3}, 4 + 6),
    ("dcn", {}, 16),
    ("dcn", {"bottom_stack": ()}, 12 + 2),
    ("dcn", {"concat_dense": True}, 4 + 16),
    ("dcn", {"structure": Structure.PARALLEL}, 16),
    ("deepfm", {}, 16),
    ("deepfm", {"vector_dim": 3}, 12),
]


@pytest.mark.parametrize(("family", "settings", "width"), WIDTHS)
def test_the_top_stack_gets_what_the_settings_say(
    family: str, settings: dict[str, Any], width: int
) -> None:
    assert (width, 6) in shapes(build(family, **settings))


def test_dcn_has_the_crosses_of_its_settings() -> None:
    def kernels(**settings: Any) -> list[tuple[int, ...]]:
        model = build("dcn", **settings)
        return [tuple(v.shape) for v in model._crosses.trainable_variables if v.shape.rank == 2]

    assert kernels() == [(16, 16)] * 3
    assert kernels(cross_layers=1) == [(16, 16)]
    assert kernels(cross_layers=1, projection_dim=5) == [(16, 5), (5, 16)]
    assert kernels(cross=CrossKind.VECTOR, cross_layers=2) == [(16, 1)] * 2
    assert (16 + 6, 1) in shapes(build("dcn", structure=Structure.PARALLEL))
    assert (6, 1) in shapes(build("dcn"))


@pytest.mark.parametrize("family", CLICKS)
def test_stacks_may_have_no_layers(family: str) -> None:
    model = build(family, bottom_stack=(), top_stack=())
    assert np.isfinite(model(inputs())).all()


@pytest.mark.parametrize("family", CLICKS)
def test_there_may_be_no_numbers_or_no_ids(family: str) -> None:
    for spec in (IDS, FeatureSpec((Feature("price", width=2),))):
        found = build(family, spec)(inputs(spec)).numpy()
        assert np.isfinite(found).all()
        assert len(np.unique(found)) > 2


def test_dlrm_needs_something_to_multiply() -> None:
    alone = FeatureSpec((Feature("brand", **ID),))
    message = (
        "dlrm: found 1 column to multiply with others; expected at least 2, or concat_embeddings"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        build("dlrm", alone)
    for settings in ({"concat_embeddings": True}, {"self_interaction": True}):
        assert build("dlrm", alone, **settings)(inputs(alone)).shape == [2, 3]


def test_deepfm_is_linear_terms_pairs_and_a_stack() -> None:
    model = build("deepfm", IDS)
    ids = inputs(IDS)
    rows = np.stack([ids[n].numpy()[ids["mask"]][:, 0] for n in ("brand", "item")], axis=1)
    rows = rows + np.array([0, 5])
    vectors, weights = (fields._tables[0]._table.numpy()[rows]
                        for fields in (model._fields, model._weights))  # fmt: skip
    deep = model._top(vectors.reshape(len(rows), -1)).numpy()[:, 0]
    expected = weights.sum((1, 2)) + (vectors[:, 0] * vectors[:, 1]).sum(1) + deep
    assert model(ids).numpy()[ids["mask"]] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("family", CLICKS)
def test_the_regularisation_is_that_of_the_settings(family: str) -> None:
    model = build(family, IDS, embedding_regularization=0.5)
    ids = inputs(IDS)
    model(ids, training=True)
    rows = np.stack([ids[n].numpy()[ids["mask"]][:, 0] for n in ("brand", "item")], axis=1)
    table = model._fields._tables[0]._table.numpy()[rows + np.array([0, 5])]
    assert float(model.losses[0]) == pytest.approx(0.5 * np.square(table).sum() / len(rows))
    model = build(family, IDS, kernel_regularization=0.25)
    above = [v for v in model.trainable_variables if "kernel" in v.name and v.shape[1] > 1]
    total = 0.25 * sum(float(tf.reduce_sum(v**2)) for v in above)
    top = [v for v in model.trainable_variables if "kernel" in v.name and v.shape[1] == 1]
    total += 0.25 * sum(float(tf.reduce_sum(v**2)) for v in top)
    assert sum(map(float, model.losses)) == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize("family", CLICKS)
@pytest.mark.parametrize("limit", [100_000, 0])
def test_large_tables_have_gradients_of_the_rows_looked_up(family: str, limit: int) -> None:
    model = build(family, dense_gradient_rows=limit)
    table = model._fields._tables[0]._table
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model(inputs(), training=True) ** 2)
    gradient = tape.gradient(total, table)
    assert isinstance(gradient, tf.IndexedSlices) is (limit == 0)
    same = build(family, dense_gradient_rows=100_000)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(same(inputs(), training=True) ** 2)
    expected = tape.gradient(total, same._fields._tables[0]._table).numpy()
    assert tf.convert_to_tensor(gradient).numpy() == pytest.approx(expected, abs=1e-6)
    assert not expected[0].any()


@pytest.mark.parametrize(
    ("config", "settings", "message"),
    [
        (DlrmConfig, {"bottom_stack": (0,)}, "bottom_stack must be positive, found (0,)"),
        (DcnConfig, {"top_stack": (4, -1)}, "top_stack must be positive, found (4, -1)"),
        (DcnConfig, {"dropout": 1.0}, "dropout must be in [0, 1), found 1.0"),
        (DcnConfig, {"activation": "rely"}, "unknown activation 'rely'. Did you mean 'relu'?"),
        (DcnConfig, {"cross_layers": 0}, "cross_layers must be at least 1, found 0"),
        (DcnConfig, {"init_stddev": 0.0}, "init_stddev must be positive, found 0.0"),
        (
            DeepfmConfig,
            {"embedding_regularization": -0.1},
            "embedding_regularization must be 0 or more, found -0.1",
        ),
        (DlrmConfig, {"vector_dim": -1}, "vector_dim must be 0 or more, found -1"),
        (DeepfmConfig, {"vector_dim": -1}, "vector_dim must be 0 or more, found -1"),
        (
            DcnConfig,
            {"cross": CrossKind.VECTOR, "diag_scale": 1.0},
            "projection_dim and diag_scale are for cross matrix, found vector",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(
    config: type, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        config(**settings)
