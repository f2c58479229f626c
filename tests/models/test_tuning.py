"""What may be searched: axes, and the rules of the search."""

from __future__ import annotations

from typing import Any

import pytest

from data import plain
from data.errors import InputError
from models.tuning import MOST_VALUES
from models.tuning import Algorithm
from models.tuning import Axis
from models.tuning import TunerConfig

RATE = {"low": 1e-4, "high": 1e-2, "log": True}
TABLE: dict[str, Any] = {
    "trials": 5,
    "algorithm": "bayesian",
    "space": {
        "train.learning_rate": RATE,
        "train.loss": {"choices": ["softmax_loss", "approx_ndcg_loss"]},
        "model.dropout": {"low": 0.0, "high": 0.5, "step": 0.1},
        "model.hidden_layer_dims": {"choices": [[512], [256, 128]]},
    },
}


def message(table: dict[str, Any]) -> str:
    """The error that a `[tuner]` table gives."""
    with pytest.raises(InputError) as error:
        plain.decode(TunerConfig, table, "tuner")
    return str(error.value)


def test_a_table_becomes_the_search() -> None:
    config = plain.decode(TunerConfig, TABLE, "tuner")
    assert config.algorithm is Algorithm.BAYESIAN
    assert config.space["train.learning_rate"] == Axis(1e-4, 1e-2, log=True)
    assert config.space["model.hidden_layer_dims"].choices == ((512,), (256, 128))
    assert plain.from_json(TunerConfig, plain.to_json(config)) == config
    assert TunerConfig().trials == 0


@pytest.mark.parametrize(
    ("axis", "values"),
    [
        (Axis(0.0, 0.5, step=0.1), (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
        (Axis(0.0, 0.55, step=0.1), (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)),
        (Axis(1e-4, 1e-1, step=10, log=True), (1e-4, 1e-3, 1e-2, 1e-1)),
        (Axis(16, 128, step=2, log=True), (16, 32, 64, 128)),
        (Axis(1, 8, step=3), (1, 4, 7)),
        (Axis(0.0, 0.5), ()),
        (Axis(choices=("a", "b")), ("a", "b")),
    ],
)
def test_values_of_an_axis(axis: Axis, values: tuple[object, ...]) -> None:
    """The last step counts, though 0.5 // 0.1 is 4."""
    assert axis.values == values


@pytest.mark.parametrize(
    ("axis", "expected"),
    [
        ({}, "expected 'choices', or 'low' and 'high'"),
        ({"low": 1}, "expected 'choices', or 'low' and 'high'"),
        ({"low": 2, "high": 2}, "low must be below high, found 2 and 2"),
        ({"low": 0.5, "high": 0.1}, "low must be below high, found 0.5 and 0.1"),
        ({"low": 0.0, "high": float("inf")}, "low must be below high, found 0.0 and inf"),
        ({"low": 0.0, "high": 1.0, "log": True}, "log needs a low above 0, found 0.0"),
        ({"low": 1, "high": 9, "step": 0}, "step must be above 0, found 0"),
        ({"low": 1, "high": 9, "step": 1, "log": True}, "step must be above 1 with log, found 1"),
        (
            {"low": 0, "high": MOST_VALUES, "step": 1},
            f"step 1 makes more than {MOST_VALUES} values",
        ),
        ({"choices": [1], "low": 0}, "choices stand alone, without 'low' and 'high'"),
        ({"choices": [1], "log": True}, "choices stand alone, without 'step' and 'log'"),
        ({"lwo": 1}, "unknown key 'lwo'. Did you mean 'low'?"),
    ],
)
def test_axes_that_are_none(axis: dict[str, Any], expected: str) -> None:
    assert message({"space": {"train.x": axis}}) == f"tuner: space: train.x: {expected}"


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"trials": -1}, "trials must be 0 or more, found -1"),
        ({"epochs": -1}, "epochs must be 0 or more, found -1"),
        ({"seed": 2**31}, "seed must be in [0, 2^31), found 2147483648"),
        ({"trials": 3}, "trials need a space: name settings in [tuner.space]"),
        (
            {"epochs": 3, "space": {"train.epochs": {"choices": [1, 2]}}},
            "'train.epochs' is in space and 'epochs' is set; choose one",
        ),
        (
            {"algorithm": "grid", "space": {"train.learning_rate": RATE}},
            "space: 'train.learning_rate': a grid needs 'step' or 'choices'",
        ),
        (
            {"algorithm": "grid", "space": {c: {"low": 1, "high": 90, "step": 1} for c in "abc"}},
            "a grid of 729,000 combinations is too large; search at random",
        ),
    ],
)
def test_searches_that_are_none(table: dict[str, Any], expected: str) -> None:
    assert message(table) == f"tuner: {expected}"


def test_an_unknown_algorithm_is_answered_with_those_there_are() -> None:
    assert message({"algorithm": "baysian"}) == (
        "tuner: algorithm: expected one of random, bayesian, grid; found 'baysian'."
        " Did you mean 'bayesian'?"
    )
