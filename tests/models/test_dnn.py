"""The feed-forward ranker: its settings, its members, and what it was built from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data import plain
from data.errors import InputError
from data.features import Feature
from data.features import FeatureSpec
from models.dnn import DnnConfig
from models.dnn import DnnRanker
from tests.samples import SPEC
from tests.samples import draw
from tests.samples import model_inputs
from tests.samples import transformed_spec

SIZES = (2, 4, 1)
FLAT = FeatureSpec((Feature("x", width=3),))


def ranker(spec: FeatureSpec = SPEC, **settings: Any) -> DnnRanker:
    config = DnnConfig(**settings)
    return DnnRanker(transformed_spec(spec), config, outputs={"grade": 1}, static=False)


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match=r"^members must be at least 1, found 0$"):
        DnnConfig(members=0)
    with pytest.raises(InputError, match=r"^dropout must be in \[0, 1\), found 1\.0$"):
        DnnConfig(dropout=1.0)


def test_without_extras_it_is_dense_layers_and_activations() -> None:
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


def test_it_says_what_it_was_built_from() -> None:
    config = DnnConfig(hidden_layer_dims=(3,), members=2)
    model = DnnRanker(transformed_spec(), config, outputs={"grade": 1}, static=False)
    found = model.get_config()
    assert plain.from_json(DnnConfig, found["config"]) == config
    assert found["transformed"] == plain.to_json(transformed_spec())
