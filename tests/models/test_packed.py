"""Steps that are packed into one computation are the steps that they are one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data.sampling.options import NegativeKind
from data.sampling.options import Negatives
from models import job as job_lib
from models.strategy import DistributionConfig
from models.strategy import Strategy
from models.training import packed
from models.training.config import Precision
from models.training.config import TrainConfig
from models.training.optimizers import OptimizerConfig
from models.training.optimizers import Schedule
from models.training.optimizers import build_optimizer
from models.training.progress import LATEST
from tests.models.fitting import BATCH_SIZE
from tests.models.fitting import fit
from tests.models.jobs import elsewhere
from tests.models.jobs import job

STEPS = 6
"""The steps of an epoch."""
COMPILED: dict[str, Any] = {"jit_compile": True, "list_size": 5}
PACKED: dict[str, Any] = {**COMPILED, "steps_per_execution": 3}


class Worth(tf.keras.Model):
    """Scores a document by the worth of its id and of a number."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.worth = tf.keras.layers.Embedding(8, 3)
        # A bias changes no order: its gradient is the rounding of 0, which Adam makes large.
        self.dense = tf.keras.layers.Dense(1, use_bias=False)
        self.dropout = tf.keras.layers.Dropout(dropout)

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Returns `[batch_size, list_size]`."""
        vectors = tf.concat([self.worth(inputs["id"]), inputs["x"]], axis=2)
        return self.dense(self.dropout(vectors, training=training))[..., 0]


def problem(steps: int = STEPS) -> tf.data.Dataset:
    """Batches in a fixed order, whose documents' ids often come twice."""
    rng = np.random.default_rng(1)
    n = steps * BATCH_SIZE
    ids = rng.integers(0, 8, [n, 5], dtype=np.int32)
    x = rng.normal(size=(n, 5, 1)).astype(np.float32)
    labels = (ids % 3 + x[..., 0] > 1).astype(np.float32)
    weights = rng.uniform(0.5, 2.0, [n, 1]).astype(np.float32)
    return tf.data.Dataset.from_tensor_slices(({"id": ids, "x": x}, labels, weights)).batch(
        BATCH_SIZE
    )


def constant() -> dict[str, float]:
    return {"ndcg@10": 0.5}


class Steps(tf.keras.callbacks.Callback):
    """Notes the number of the last step of each call, and how often the weights changed."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[int] = []
        self.updates = 0

    def on_train_batch_end(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self.ends.append(batch)

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        self.updates = int(self.model.optimizer.iterations)


def trained(folder: Path, **settings: Any) -> tuple[list[np.ndarray], list[float]]:
    """Returns the weights after two epochs, and the loss of each."""
    tf.keras.utils.set_random_seed(5)
    model, lines = Worth(), list[str]()
    fit(model, constant, folder, problem(), report=lines.append, epochs=2, **settings)
    return model.get_weights(), [float(line.split("loss ")[1].split()[0]) for line in lines]


def alike(found: list[np.ndarray], expected: list[np.ndarray]) -> bool:
    pairs = zip(found, expected, strict=True)
    return all(np.allclose(one, other, rtol=1e-4, atol=1e-6) for one, other in pairs)


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam"},
        {"optimizer": "adagrad", "ema": 0.5},
        {"optimizer": "sgd", "schedule": Schedule.COSINE, "warmup_steps": 4},
    ],
    ids=lambda settings: settings["optimizer"],
)
def test_packed_steps_are_single_steps(tmp_path: Path, settings: dict[str, Any]) -> None:
    weights, losses = trained(tmp_path / "plain", **settings)
    for way in (COMPILED, PACKED):
        found, their_losses = trained(tmp_path / str(len(way)), **settings, **way)
        assert alike(found, weights)
        assert their_losses == pytest.approx(losses, abs=1e-4)


def test_a_call_reports_the_number_of_its_last_step(tmp_path: Path) -> None:
    for way in ({"steps_per_execution": 3}, PACKED):
        steps, model = Steps(), Worth()
        folder = tmp_path / str(len(way))
        fit(model, constant, folder, problem(), callbacks=[steps], epochs=2, **way)
        assert steps.ends == [2, 5, 2, 5]


@pytest.mark.parametrize(
    ("steps", "settings", "ends"),
    [
        (7, {"steps_per_execution": 4}, [3, 7]),
        (2, {"steps_per_execution": 50}, [1]),
        (7, {"steps_per_execution": 4, "steps_per_epoch": 3}, [2]),
        (5, {"steps_per_execution": 2}, [1, 3, 5]),
    ],
    ids=["up", "few", "set", "half"],
)
def test_an_epoch_is_a_number_of_whole_calls(
    tmp_path: Path, steps: int, settings: dict[str, Any], ends: list[int]
) -> None:
    seen, model = Steps(), Worth()
    chosen = {**COMPILED, **settings}
    fit(model, constant, tmp_path, problem(steps), callbacks=[seen], epochs=2, **chosen)
    assert seen.ends == [*ends, *ends]
    assert seen.updates == 2 * (ends[-1] + 1)


@pytest.mark.parametrize("most", [1, 2, 3, 10, 100])
def test_calls_are_as_long_as_each_other_and_no_longer_than_allowed(most: int) -> None:
    for steps in range(1, 60):
        calls, each = packed.divide(steps, most)
        assert calls == math.ceil(steps / most)
        assert 1 <= each <= most
        assert abs(calls * each - steps) <= calls / 2


def test_batches_of_any_size_are_stacked_in_their_order() -> None:
    numbers = tf.data.Dataset.range(10).repeat(2)
    for size in (1, 3, 4, 12):
        batches = numbers.batch(size).map(lambda n: ({"n": n}, n[:, tf.newaxis]))
        found = list(packed.stack(batches, steps=3, batch_size=2))
        assert len(found) == 3
        for call, (inputs, labels) in enumerate(found):
            expected = (np.arange(6 * call, 6 * call + 6) % 10).reshape(3, 2)
            assert np.array_equal(inputs["n"], expected)
            assert np.array_equal(labels, expected[:, :, np.newaxis])


def test_the_steps_of_a_call_drop_different_units(tmp_path: Path) -> None:
    class Kept(Worth):
        def train_step(self, data: Any) -> dict[str, tf.Tensor]:
            ones = tf.ones([1000])
            kept = tf.reduce_sum(tf.cast(self.dropout(ones, training=True) > 0, tf.float32))
            self.found.assign(tf.concat([self.found[1:], [kept]], axis=0))
            return super().train_step(data)

    model = Kept(dropout=0.5)
    model.found = tf.Variable(tf.zeros([STEPS]), trainable=False)
    fit(model, constant, tmp_path, problem(), epochs=1, **PACKED)
    found = model.found.numpy()
    assert ((found > 400) & (found < 600)).all()
    assert len(set(found.tolist())) > 1


def test_packed_steps_scale_the_loss_of_reduced_precision(tmp_path: Path) -> None:
    settings = {**PACKED, "list_size": 10, "precision": Precision.FLOAT16}
    started = job(tmp_path, epochs=2, **settings)
    assert job_lib.run(started, report=lambda line: None)[1].best > 0.9


def test_a_job_packs_the_lists_that_it_would_train_on_one_by_one(tmp_path: Path) -> None:
    found = []
    for steps in (1, 4):
        way = {**COMPILED, "list_size": 10, "steps_per_execution": steps}
        started = job(tmp_path, optimizer="sgd", epochs=2, **way)
        job_lib.run(elsewhere(started, tmp_path / str(steps)), report=lambda line: None)
        model = job_lib.untrained(started)
        model.load_weights(str(tmp_path / str(steps) / "state" / LATEST))
        found.append(model.get_weights())
    assert alike(found[1], found[0])


def test_steps_are_packed_where_one_process_compiles_several() -> None:
    assert TrainConfig(**PACKED).packed
    assert not TrainConfig(**COMPILED).packed
    assert not TrainConfig(steps_per_execution=3).packed
    tpu = DistributionConfig(Strategy.TPU, tpu="local")
    assert not TrainConfig(**PACKED, distribution=tpu).packed
    drawn, whole = (Negatives(kind) for kind in (NegativeKind.UNIFORM, NegativeKind.ALL))
    compiled: dict[str, Any] = {"jit_compile": True, "steps_per_execution": 3}
    assert TrainConfig(**compiled, negatives=drawn).packed
    assert not TrainConfig(**compiled, negatives=whole).packed


def test_the_optimizer_of_compiled_steps_has_the_same_settings() -> None:
    config = OptimizerConfig("adamw", learning_rate=0.25, weight_decay=0.125, clip_norm=2.0)
    plain, dense = (build_optimizer(config, compiled=compiled) for compiled in (False, True))
    assert dense.get_config() == plain.get_config()
