"""From values that are tried to settings, and what is no setting or refuses a value."""

from __future__ import annotations

import json
from typing import Any

import pytest

from data import plain
from data.errors import InputError
from models.dnn import DnnConfig
from models.job import TrainingJob
from models.settings import Settings
from models.settings import apply
from models.settings import check_search
from models.settings import from_texts
from models.settings import resolve
from models.settings import to_texts
from models.strategy import DistributionConfig
from models.strategy import Strategy
from models.training.config import TaskConfig
from models.training.config import TrainConfig
from models.tuning import Axis
from models.tuning import TunerConfig

TRAIN = TrainConfig(tasks={"click": TaskConfig()})
SETTINGS = Settings("dnn", plain.to_json(DnnConfig(dropout=0.25)), plain.to_json(TRAIN))


def refusal(path: str, axis: Axis) -> str:
    """What is said of an axis."""
    with pytest.raises(InputError) as error:
        resolve(TunerConfig(space={path: axis}), SETTINGS)
    return str(error.value)


def test_settings_are_read_and_replaced_by_path() -> None:
    assert SETTINGS.get("model.dropout") == 0.25
    found = SETTINGS.replace(
        {"model.hidden_layer_dims": [8, 4], "train.tasks.click.weight": 0.5, "train.epochs": 7}
    )
    assert found.get("model.hidden_layer_dims") == [8, 4]
    assert found.get("model.dropout") == 0.25
    train = plain.from_json(TrainConfig, found.train)
    assert (train.tasks["click"].weight, train.epochs) == (0.5, 7)
    assert SETTINGS.get("train.tasks.click.weight") == 1.0
    assert SETTINGS.replace({}) == SETTINGS


def test_values_are_spelled_as_their_settings_have_them() -> None:
    """Whole numbers become such with a point where any number is meant, steps become choices."""
    space = {
        "train.learning_rate": Axis(1e-4, 1, log=True),
        "train.batch_size": Axis(16, 64),
        "model.dropout": Axis(0, 0.2, step=0.1),
        "model.hidden_layer_dims": Axis(choices=(64, (32, 16))),
        "model.use_batch_norm": Axis(choices=(True, False)),
    }
    found = resolve(TunerConfig(space=space), SETTINGS)
    assert found == {
        "train.learning_rate": Axis(1e-4, 1.0, log=True),
        "train.batch_size": Axis(16, 64),
        "model.dropout": Axis(choices=(0.0, 0.1, 0.2)),
        "model.hidden_layer_dims": Axis(choices=((64,), (32, 16))),
        "model.use_batch_norm": Axis(choices=(True, False)),
    }
    assert isinstance(found["train.learning_rate"].high, float)
    assert isinstance(found["train.batch_size"].low, int)


@pytest.mark.parametrize(
    ("path", "axis", "expected"),
    [
        (
            "train.learning_rte",
            Axis(0.1, 0.2),
            "'train.learning_rte': unknown key 'learning_rte'. Did you mean 'learning_rate'?",
        ),
        ("trian.seed", Axis(1, 2), "'trian.seed': unknown key 'trian'. Did you mean 'train'?"),
        (
            "train.tasks.clck.weight",
            Axis(1, 2),
            "'train.tasks.clck.weight': unknown key 'clck'. Did you mean 'click'?",
        ),
        ("train", Axis(1, 2), "'train' is a table, expected one setting"),
        ("train.seed.x", Axis(1, 2), "'train.seed.x': 'seed' is one setting, not a table"),
        (
            "model.dropout",
            Axis(0.0, 1.5),
            "'model.dropout' = 1.5: model: dropout must be in [0, 1), found 1.5",
        ),
        (
            "model.dropout",
            Axis(choices=("much",)),
            "'model.dropout' = 'much': model: dropout: expected a number, found 'much'",
        ),
        (
            "train.batch_size",
            Axis(8, 16, step=0.5),
            "'train.batch_size' = 8.0: train: batch_size: expected an integer, found 8.0",
        ),
        (
            "model.hidden_layer_dims",
            Axis(choices=((8, 0),)),
            "'model.hidden_layer_dims' = [8, 0]: model: hidden_layer_dims must be positive,"
            " found (8, 0)",
        ),
        (
            "train.loss",
            Axis(choices=("softmax_los",)),
            "'train.loss' = 'softmax_los': train: unknown loss 'softmax_los'."
            " Did you mean 'softmax_loss'?",
        ),
        (
            "model.hidden_layer_dims",
            Axis(8, 16),
            "'model.hidden_layer_dims' is no number: expected 'choices'",
        ),
        (
            "model.hidden_layer_dims",
            Axis(choices=(8, (8,))),
            "'model.hidden_layer_dims': [8] is named twice",
        ),
        (
            "train.metric",
            Axis(choices=("mrr",)),
            "'train.metric' cannot be tried: the trials are compared by it",
        ),
        (
            "train.distribution.devices",
            Axis(1, 2),
            "'train.distribution.devices' cannot be tried: the trials run on this machine as it is",
        ),
    ],
)
def test_axes_that_do_not_fit_the_settings(path: str, axis: Axis, expected: str) -> None:
    assert refusal(path, axis) == f"tuner.space: {expected}"


@pytest.mark.parametrize("strategy", [Strategy.MULTI_WORKER, Strategy.PARAMETER_SERVER])
def test_clusters_run_no_trials(strategy: Strategy) -> None:
    train = TrainConfig(distribution=DistributionConfig(strategy))
    space = {"model.dropout": Axis(0.0, 0.5)}
    check_search(TunerConfig(space=space), "dnn", DnnConfig(), train)
    with pytest.raises(InputError) as error:
        check_search(TunerConfig(trials=2, space=space), "dnn", DnnConfig(), train)
    assert str(error.value) == (
        f"tuner: trials run in one process, {strategy.value} in several; search with another"
        " strategy, or set trials = 0"
    )


@pytest.mark.parametrize(
    "values",
    [[1, 2], [0.5, 1.0], ["a", "b"], [True, False], [[8], [8, 4]], ["json:1", "a"], [1, "a"]],
)
def test_choices_come_back_from_keras_tuner(values: list[Any]) -> None:
    texts = to_texts(values)
    assert len({type(text) for text in texts}) == 1
    assert [from_texts({"x": text})["x"] for text in texts] == values


def test_a_job_takes_values() -> None:
    job = TrainingJob((), (), "", "dnn", SETTINGS.model, SETTINGS.train, (), "", "", "")
    found = apply(job, {"train.learning_rate": 0.5, "model.dropout": 0.1})
    assert found.config.learning_rate == 0.5
    assert json.loads(found.settings)["dropout"] == 0.1
    assert apply(job, {}) == job
    with pytest.raises(InputError) as error:
        apply(job, {"train.reduce_lr_patience": 2, "train.warmup_steps": 5})
    assert str(error.value) == (
        "train: reduce_lr_patience and a schedule both set the learning rate; choose one"
    )
