"""The families as the tests build them: small, and with every part in use."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from data.features import FeatureSpec
from models import registry
from models.ranker import Outputs
from tests.samples import SPEC
from tests.samples import transformed_spec

REGULARIZED = {
    "kernel_regularization": 0.001,
    "embedding_regularization": 0.01,
    "init_stddev": 0.5,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "attention": {
        "hidden_layer_dims": (8,),
        "scoring_layer_dims": (4,),
        "num_heads": 2,
        "head_size": 4,
        "input_noise_stddev": 0.1,
    },
    "dcn": {"bottom_stack": (6, 4), "top_stack": (8, 4), "dropout": 0.1, **REGULARIZED},
    "deepfm": {"bottom_stack": (6,), "top_stack": (8, 4), "use_batch_norm": True, **REGULARIZED},
    "dlrm": {"bottom_stack": (6, 8), "top_stack": (8, 4), "dropout": 0.1, **REGULARIZED},
    "dnn": {"hidden_layer_dims": (8, 4), "members": 2, "input_batch_norm": True},
    "gam": {
        "hidden_layer_dims": (4, 3),
        "context_hidden_layer_dims": (4,),
        "use_batch_norm": True,
        "dropout": 0.1,
    },
    "feature": {"feature": "price"},
    "gmf": {"num_factors": 3, "mf_regularization": 0.01, "init_stddev": 0.5},
    "mf": {"num_factors": 3, "regularization": 0.01},
    "mlp": {"layers": (6, 4, 3), "mlp_regularization": (0.01,), "dropout": 0.1, "init_stddev": 0.5},
    "multi_task": {"hidden_layer_dims": (8,), "task_layer_dims": (4,), "experts": 2},
    "neumf": {
        "num_factors": 3,
        "layers": (6, 4, 3),
        "mf_regularization": 0.01,
        "mlp_regularization": (0.01, 0.02, 0.0),
        "init_stddev": 0.5,
    },
}
"""What each family's settings are in the tests; a new family gets a line here."""
LEARNING = tuple(name for name in registry.FAMILIES if name != "feature")
"""The families that have something to learn."""
STILL: dict[str, Any] = {"dropout": 0.0, "input_noise_stddev": 0.0, "activation": "tanh"}
"""So nothing is left to chance, nor to rounding: relu's gradient jumps at 0."""
ONE: Outputs = {"grade": 1}
"""One label with one logit per document."""


def build(
    name: str,
    spec: FeatureSpec = SPEC,
    *,
    outputs: Outputs = ONE,
    static: bool = False,
    still: bool = False,
    **settings: Any,
) -> tf.keras.Model:
    """Returns a model of the family, the same weights each time; `still` ones have no chance."""
    tf.keras.utils.set_random_seed(1)
    family = registry.FAMILIES[name]
    config = family.config(**SETTINGS[name] | settings)
    if still:
        known = {field.name for field in dataclasses.fields(config)}
        config = dataclasses.replace(config, **{k: v for k, v in STILL.items() if k in known})
    return family.build(transformed_spec(spec), config, outputs=outputs, static=static)
