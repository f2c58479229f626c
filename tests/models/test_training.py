"""Training: it learns, keeps the best epoch, survives a kill and says what went wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data.errors import InputError
from models.metrics import PRESETS
from models.metrics import parse_metric
from models.training import sign_of_life
from models.training.progress import LATEST
from models.validation import validator
from tests.models.fitting import fit

METRIC = "ndcg@10"


class Linear(tf.keras.Model):
    """Scores `x . w`."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = tf.keras.layers.Dense(1, use_bias=False)

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        del training
        return self.dense(inputs["x"])[..., 0]


def problem(n: int = 24, *, scale: float = 1.0) -> tf.data.Dataset:
    """Lists of 6 documents whose label is the place by the first of three numbers."""
    x = np.random.default_rng(1).normal(size=(n, 6, 3)).astype(np.float32)
    labels = x[:, :, 0].argsort(axis=1).argsort(axis=1).astype(np.float32)
    tensors = ({"x": x * scale}, labels, np.ones_like(labels))
    return tf.data.Dataset.from_tensor_slices(tensors).shuffle(n, seed=1).batch(4)


def constant(value: float = 0.5) -> dict[str, float]:
    return {METRIC: value}


class Script:
    """A validation that gives these values, and remembers the weights it was asked about."""

    def __init__(self, model: tf.keras.Model, values: Iterable[float]) -> None:
        self._model, self._values = model, iter(values)
        self.weights: list[list[np.ndarray]] = []

    def __call__(self) -> dict[str, float]:
        self.weights.append(self._model.get_weights())
        return constant(next(self._values))


def same(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_loss_falls_and_the_metric_rises(tmp_path: Path) -> None:
    tf.keras.utils.set_random_seed(1)
    model, lines, batches = Linear(), list[str](), problem()
    validate = validator(model, batches, [parse_metric(METRIC)], PRESETS["default"])
    model(next(iter(batches))[0])
    untrained = validate()[METRIC]
    result = fit(model, validate, tmp_path, batches, report=lines.append, epochs=8)
    found = [re.match(r"epoch (\d)/8  loss (\S+)  ndcg@10 (\S+)  best (\S+) ", x) for x in lines]
    assert all(found)
    numbers = [[float(x) for x in line.groups()] for line in found if line]
    assert [line[0] for line in numbers] == [*range(1, 9)]
    assert numbers[-1][1] < numbers[0][1]
    assert untrained < 0.9 < 0.97 < result.best == pytest.approx(validate()[METRIC])
    assert result.best == pytest.approx(numbers[-1][3], abs=1e-4)


def test_the_weights_of_the_best_epoch_are_kept(tmp_path: Path) -> None:
    model, lines = Linear(), list[str]()
    script = Script(model, [0.1, 0.5, 0.3, 0.5, 0.2])
    result = fit(model, script, tmp_path, problem(), report=lines.append)
    assert (result.epochs, result.best_epoch, result.best) == (5, 2, 0.5)
    assert same(model.get_weights(), script.weights[1])
    assert not same(script.weights[1], script.weights[4])
    assert re.fullmatch(
        r"epoch 3/5  loss \d+\.\d{4}  ndcg@10 0\.3000  best 0\.5000 \(epoch 2\)  \d+\.\d s"
        r"  [\d,]+ lists/s  [\d,]+ documents/s",
        lines[2],
    )


@pytest.mark.parametrize(
    ("impressions", "speeds"),
    [
        (False, {"lists": r"  [\d,]+ lists/s  [\d,]+ documents/s"}),
        (True, {"impressions": r"  [\d,]+ impressions/s"}),
    ],
)
def test_speeds_are_of_lists_or_of_impressions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, impressions: bool, speeds: dict[str, str]
) -> None:
    monkeypatch.setattr(sign_of_life, "SIGN_OF_LIFE", 0.0)
    lines = list[str]()
    fit(
        Linear(), constant, tmp_path, problem(), report=lines.append, epochs=1,
        impressions=impressions,
    )  # fmt: skip
    [(unit, epoch)] = speeds.items()
    assert re.fullmatch(rf"epoch 1/1  .*\d s{epoch}", lines[-1])
    assert all(re.fullmatch(rf"  batch \d  loss [\d.]+  [\d,]+ {unit}/s", x) for x in lines[:-1])
    assert len(lines) > 1


@pytest.mark.parametrize(
    ("patience", "values", "epochs"),
    [
        (2, [0.1, 0.5, 0.3, 0.2, 0.9], 4),
        (1, [0.3, 0.2, 0.9, 0.9, 0.9], 2),
        (0, [0.5, 0.4, 0.3, 0.2, 0.1], 5),
        (2, [0.1, 0.2, 0.2, 0.3, 0.4], 5),
        (1, [float("nan")] * 5, 2),
        (2, [float("nan"), 0.1, 0.2, 0.3, 0.4], 5),
    ],
)
def test_training_stops_when_nothing_gets_better(
    tmp_path: Path, patience: int, values: list[float], epochs: int
) -> None:
    model = Linear()
    result = fit(model, Script(model, values), tmp_path, problem(), patience=patience)
    assert result.epochs == epochs


@pytest.mark.parametrize(
    ("metric", "stop_at", "values", "epochs"),
    [
        (METRIC, 0.3, [0.1, 0.2, 0.3, 0.9], 3),
        (METRIC, 0.95, [0.1, 0.2, 0.3, 0.9], 4),
        (METRIC, 0.3, [float("nan"), 0.3, 0.4, 0.9], 2),
        ("arp", 2.0, [3.0, 2.5, 1.9, 1.0], 3),
    ],
)
def test_training_stops_when_it_is_good_enough(
    tmp_path: Path, metric: str, stop_at: float, values: list[float], epochs: int
) -> None:
    model = Linear()
    script = Script(model, values)
    result = fit(
        model,
        lambda: {metric: script()[METRIC]},
        tmp_path,
        problem(),
        metric=metric,
        stop_at=stop_at,
        epochs=4,
    )
    assert result.epochs == epochs


def test_the_weights_of_the_last_epoch_can_be_kept(tmp_path: Path) -> None:
    model = Linear()
    script = Script(model, [0.1, 0.5, 0.3])
    result = fit(model, script, tmp_path, problem(), epochs=3, keep_last=True)
    assert (result.epochs, result.best_epoch, result.best) == (3, 3, 0.3)
    assert same(model.get_weights(), script.weights[2])


def test_an_average_of_the_weights_is_what_is_validated(tmp_path: Path) -> None:
    after = {}
    for ema in (0.0, 0.75):
        tf.keras.utils.set_random_seed(7)
        model, batches = Linear(), problem(4)
        model(next(iter(batches))[0])
        before = model.get_weights()[0]
        script = Script(model, [0.5])
        folder = tmp_path / str(ema)
        fit(model, script, folder, batches, epochs=1, optimizer="sgd", ema=ema)
        after[ema] = script.weights[0][0]
    assert after[0.75] == pytest.approx(0.75 * before + 0.25 * after[0.0], rel=1e-5)


def test_two_runs_with_one_seed_are_one(tmp_path: Path) -> None:
    weights = []
    for run in ("one", "other"):
        tf.keras.utils.set_random_seed(11)
        model = Linear()
        fit(model, constant, tmp_path / run, problem(), epochs=2)
        weights.append(model.get_weights())
    assert same(*weights)


@pytest.mark.parametrize("scale", [float("nan"), 1e30])
def test_a_loss_that_is_no_number_ends_training_with_advice(tmp_path: Path, scale: float) -> None:
    found = "nan" if np.isnan(scale) else "(nan|inf)"
    message = (
        f"^training: the loss became {found} in epoch 1; expected a finite number\\. Lower"
        r" train\.learning_rate, set train\.clip_norm or scale the features$"
    )
    with pytest.raises(InputError, match=message):
        fit(Linear(), constant, tmp_path, problem(scale=scale), loss="mean_squared_loss")
    assert not (tmp_path / "state.json").exists()


def test_tensorboard_gets_the_metrics(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    fit(Linear(), constant, folder, problem(), log_dir=tmp_path / "logs", epochs=1)
    [path] = (tmp_path / "logs" / "train").glob("events*")
    tags = {v.tag for e in tf.compat.v1.train.summary_iterator(str(path)) for v in e.summary.value}
    assert {"epoch_loss", "epoch_lists_per_second", "epoch_documents_per_second"} <= tags
    events = [*(tmp_path / "logs").glob("*/events*")]
    assert any(b"ndcg@10" in path.read_bytes() for path in events)
    assert json.loads((folder / "state.json").read_text())["epochs"] == 1


def test_a_metric_of_which_less_is_better_is_brought_down(tmp_path: Path) -> None:
    model = Linear()
    script = Script(model, [3.0, 2.0, 2.5, 2.2, 2.1])
    result = fit(model, lambda: {"arp": script()[METRIC]}, tmp_path, problem(), metric="arp")
    assert (result.best_epoch, result.best) == (2, 2.0)
    assert same(model.get_weights(), script.weights[1])


def test_a_gain_below_the_least_one_is_none(tmp_path: Path) -> None:
    model = Linear()
    script = Script(model, [0.5, 0.505, 0.509, 0.52, 0.525])
    assert fit(model, script, tmp_path, problem(), min_delta=0.01).best_epoch == 4


def test_the_learning_rate_is_reduced_when_nothing_gets_better(tmp_path: Path) -> None:
    model, lines = Linear(), list[str]()
    script = Script(model, [0.5, 0.4, 0.4, 0.4, 0.4, 0.4])
    settings: dict[str, Any] = {"epochs": 6, "reduce_lr_patience": 2, "reduce_lr_factor": 0.5}
    fit(model, script, tmp_path, problem(), report=lines.append, learning_rate=0.08, **settings)
    reduced = [line for line in lines if line.startswith("learning")]
    assert reduced == ["learning rate reduced to 0.04", "learning rate reduced to 0.02"]
    assert float(model.optimizer.learning_rate) == pytest.approx(0.02)


def test_the_weights_of_the_last_epoch_are_kept_beside_the_best(tmp_path: Path) -> None:
    model = Linear()
    script = Script(model, [0.5, 0.4, 0.3, 0.2, 0.1])
    fit(model, script, tmp_path, problem())
    assert same(model.get_weights(), script.weights[0])
    model.load_weights(str(tmp_path / LATEST))
    assert same(model.get_weights(), script.weights[4])


@pytest.mark.parametrize(
    "settings",
    [{"steps_per_execution": 4}, {"jit_compile": True, "list_size": 6}],
    ids=["steps", "compiled"],
)
def test_a_faster_step_is_the_same_step(tmp_path: Path, settings: dict[str, Any]) -> None:
    weights = []
    for folder, chosen in (("plain", {}), ("fast", settings)):
        tf.keras.utils.set_random_seed(5)
        model = Linear()
        fit(model, constant, tmp_path / folder, problem(), epochs=2, **chosen)
        weights.append(model.get_weights()[0])
    assert weights[1] == pytest.approx(weights[0], rel=1e-4)
