"""The additive ranker: terms per feature, their weights by context, and what it explains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data.errors import InputError
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.transformed import MASK
from models import serving
from models.gam import GamConfig
from models.gam import GroupedDense
from tests.models.families import build
from tests.samples import HASH
from tests.samples import ID
from tests.samples import Transformed
from tests.samples import draw
from tests.samples import model_inputs
from tests.samples import requests
from tests.samples import transformed_spec

SIZES = (3, 1, 6, 2)
DOCUMENTS = np.arange(max(SIZES)) < np.array(SIZES)[:, None]
NAMES = (
    "price", "vector[0]", "vector[1]", "vector[2]", "clicks", "pair[0]", "pair[1]",
    "brand", "tags", "category", "title",
)  # fmt: skip
PLAIN: dict[str, Any] = {
    "hidden_layer_dims": (3,),
    "context_hidden_layer_dims": (2,),
    "activation": "tanh",
    "use_batch_norm": False,
    "dropout": 0.0,
}


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match=r"^context_hidden_layer_dims must be positive, found \("):
        GamConfig(context_hidden_layer_dims=(0,))


@pytest.mark.parametrize("dim", [1, 4])
def test_grouped_layers_are_dense_layers_side_by_side(dim: int) -> None:
    layer = GroupedDense(2, groups=3)
    rows = np.random.default_rng(0).normal(size=(3, 5, dim)).astype(np.float32)
    layer(rows)
    kernel, bias = (v.numpy() for v in layer.trainable_variables)
    bias = np.arange(6, dtype=np.float32).reshape(bias.shape)
    layer.set_weights([kernel, bias])
    expected = [rows[g] @ kernel[g] + bias[g] for g in range(3)]
    assert layer(rows).numpy() == pytest.approx(np.stack(expected), abs=1e-5)


def towers(rows: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """Two-layer towers side by side, one for each column of the rows: `[n_rows, n, units]`."""
    w1, b1, w2, b2 = weights
    n, units = len(w1), w2.shape[2]
    return np.stack(
        [
            np.tanh(rows[:, [i]] @ w1[i] + b1.reshape(n, -1)[i]) @ w2[i] + b2.reshape(n, units)[i]
            for i in range(n)
        ],
        axis=1,
    )


def drawn_weights(model: tf.keras.Model) -> list[np.ndarray]:
    """Gives the model weights that are nowhere 0, its biases too, and returns them."""
    rng = np.random.default_rng(3)
    model.set_weights([rng.normal(size=w.shape).astype(np.float32) for w in model.get_weights()])
    return [v.numpy() for v in model.trainable_variables]


def test_without_context_the_score_is_the_sum_of_the_towers() -> None:
    spec = FeatureSpec((Feature("x", width=2), Feature("y")))
    lists = draw(SIZES, spec=spec)
    inputs, model = model_inputs(lists, spec=spec), build("gam", spec, **PLAIN)
    model(inputs)
    weights = drawn_weights(model)
    rows = np.concatenate([lists.values["x"], lists.values["y"]], axis=1)
    expected = towers(rows, weights).sum(axis=(1, 2))
    assert model(inputs).numpy()[DOCUMENTS] == pytest.approx(expected, abs=1e-5)


def test_the_context_weighs_the_features() -> None:
    spec = FeatureSpec((Feature("x", width=2), Feature("q", scope=Scope.CONTEXT, width=3)))
    lists = draw(SIZES, spec=spec)
    inputs, model = model_inputs(lists, spec=spec), build("gam", spec, **PLAIN)
    model(inputs)
    weights = drawn_weights(model)
    terms = towers(lists.values["x"], weights[:4])[..., 0]
    votes = np.exp(towers(lists.values["q"], weights[4:]))  # [n_lists, 3, 2]
    shares = (votes / votes.sum(axis=2, keepdims=True)).sum(axis=1)
    expected = (terms * np.repeat(shares, SIZES, axis=0)).sum(axis=1)
    assert model(inputs).numpy()[DOCUMENTS] == pytest.approx(expected, abs=1e-5)


def test_a_term_depends_on_its_feature_alone() -> None:
    model, lists = build("gam"), draw(SIZES)
    before = model.sub_scores(model_inputs(lists)).numpy()
    assert model.explained == NAMES
    assert not before[~DOCUMENTS].any()
    for name in ("vector", "tags"):
        changed = draw(SIZES)
        changed.values[name][:] = 4
        after = model.sub_scores(model_inputs(changed)).numpy()
        moved = {NAMES[i] for i in np.flatnonzero((before != after).any(axis=(0, 1)))}
        assert {moving.partition("[")[0] for moving in moved} == {name}


def test_the_number_of_operations_does_not_grow_with_the_features() -> None:
    def operations(width: int) -> int:
        spec = FeatureSpec((Feature("x", width=width),))
        model, inputs = build("gam", spec), model_inputs(draw(SIZES, spec=spec), spec=spec)
        model(inputs)
        return len(tf.function(model).get_concrete_function(inputs).graph.get_operations())

    assert operations(40) == operations(2)


def test_an_empty_list_leaves_the_statistics_of_the_context_as_they_are() -> None:
    spec = FeatureSpec((Feature("x"), Feature("q", scope=Scope.CONTEXT)))
    averages = []
    for sizes in ((3, 2), (3, 2, 0)):
        model = build("gam", spec, use_batch_norm=True, batch_norm_moment=0.0)
        inputs = model_inputs(draw((3, 2, 4), spec=spec), spec=spec)
        inputs = {name: tensor[: len(sizes)] for name, tensor in inputs.items()}
        inputs[MASK] = tf.sequence_mask(sizes, 4)
        model(inputs, training=True)
        averages.append([v.numpy() for v in model.non_trainable_variables])
    for found, expected in zip(*averages, strict=True):
        assert found == pytest.approx(expected, abs=1e-6)


def test_the_published_model_explains_its_scores(tmp_path: Path) -> None:
    model = build("gam", outputs={"grade": 1, "click": 2})
    servable = serving.Servable(
        model, Transformed(), transformed_spec(), to_scores=lambda output: output["grade"]
    )
    serving.export(servable, tmp_path / "1", warmup=[])
    explain = tf.saved_model.load(str(tmp_path / "1")).signatures[serving.EXPLAIN]
    examples = tf.constant(requests(draw((*SIZES, 0), seed=5)))
    found = {name: tensor.numpy() for name, tensor in explain(examples=examples).items()}
    assert set(found) == {serving.SCORES, serving.SUB_SCORES, serving.FEATURES}
    assert [tuple(n.decode() for n in row) for row in found[serving.FEATURES]] == [NAMES] * 5
    scores, sub_scores = found[serving.SCORES][:4], found[serving.SUB_SCORES][:4]
    assert sub_scores.shape == (4, max(SIZES), len(NAMES))
    assert sub_scores.sum(axis=2)[DOCUMENTS] == pytest.approx(scores[DOCUMENTS], abs=1e-5)
    assert len(np.unique(scores[DOCUMENTS])) > 1


def test_a_score_of_several_logits_is_not_explained() -> None:
    model = build("gam", outputs={"grade": 2})
    servable = serving.Servable(
        model, Transformed(), transformed_spec(), to_scores=lambda output: output[..., 0]
    )
    assert model.explained == ()
    assert serving.EXPLAIN not in servable.signatures()


def test_features_may_all_be_categorical_and_of_several_widths() -> None:
    spec = FeatureSpec(
        (
            Feature("a", embedding_dim=3, **ID),
            Feature("b", embedding_dim=1, **HASH),
            Feature("c", embedding_dim=3, **HASH),
        )
    )
    model = build("gam", spec)
    inputs = model_inputs(draw(SIZES, spec=spec), spec=spec)
    assert model.explained == ("a", "c", "b")
    found = model.sub_scores(inputs).numpy().sum(axis=2)
    assert found == pytest.approx(model(inputs).numpy(), abs=1e-5)
