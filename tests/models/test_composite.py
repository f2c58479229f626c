"""One optimizer for embeddings and another for the rest: each as alone, and both restored."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data.errors import InputError
from models import job as job_lib
from models.embedding.layer import embedding_variables
from models.job import TrainingJob
from models.strategy import DistributionConfig
from models.strategy import Strategy
from models.training.composite import CompositeOptimizer
from models.training.config import Precision
from models.training.config import TrainConfig
from models.training.optimizers import OptimizerConfig
from models.training.optimizers import build_optimizer
from tests.models.families import SETTINGS
from tests.models.fitting import Killed
from tests.models.fitting import fit
from tests.models.jobs import elsewhere
from tests.models.jobs import job

DENSE: dict[str, Any] = {"optimizer": "adam", "learning_rate": 0.05}
TABLES = OptimizerConfig("adagrad", learning_rate=0.2, warmup_steps=3, clip_value=0.01)
IDS = np.array([[1, 2], [2, 3], [0, 2]])


def small() -> tf.keras.Model:
    """A table and a layer above it, the same each time."""
    tf.keras.utils.set_random_seed(1)
    layers = [
        tf.keras.layers.Input([2], dtype=tf.int64),
        tf.keras.layers.Embedding(4, 3, name="ids"),
        tf.keras.layers.Flatten(),
        tf.keras.layers.Dense(1, name="above"),
    ]
    return tf.keras.Sequential(layers)


def composite(model: tf.keras.Model, embedding: OptimizerConfig = TABLES) -> CompositeOptimizer:
    config = OptimizerConfig(**DENSE)
    optimizer = build_optimizer(
        config, embedding=embedding, embeddings=embedding_variables(model), total_steps=10
    )
    optimizer.build(model.trainable_variables)
    return optimizer


def step(model: tf.keras.Model, *optimizers: tf.keras.optimizers.Optimizer) -> None:
    """One step of one optimizer for all weights, or of two: of the table and of the rest."""
    variables = model.trainable_variables
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(model(IDS) - 1.0))
    pairs = list(zip(tape.gradient(loss, variables), variables, strict=True))
    parts = [pairs] if len(optimizers) == 1 else [pairs[:1], pairs[1:]]
    for optimizer, part in zip(optimizers, parts, strict=True):
        optimizer.apply_gradients(part)


def same(found: tf.keras.Model, expected: tf.keras.Model) -> None:
    for one, other in zip(found.get_weights(), expected.get_weights(), strict=True):
        assert one == pytest.approx(other, abs=1e-7)


def test_each_part_goes_as_its_optimizer_does_alone() -> None:
    together, apart = small(), small()
    both = composite(together)
    tables = build_optimizer(TABLES, total_steps=10)
    rest = build_optimizer(OptimizerConfig(**DENSE), total_steps=10)
    for n in range(5):
        step(together, both)
        step(apart, tables, rest)
        assert int(both.iterations) == n + 1
    same(together, apart)
    assert len(both.variables) == len(tables.variables) + len(rest.variables)


def test_the_embeddings_of_a_model_are_known() -> None:
    model = small()
    assert [v.name for v in embedding_variables(model)] == ["ids/embeddings:0"]


def test_a_new_rate_changes_both_by_the_same_factor() -> None:
    optimizer = composite(small(), OptimizerConfig("sgd", learning_rate=0.2))
    optimizer.learning_rate = 0.005
    assert float(optimizer.dense.learning_rate) == pytest.approx(0.005)
    assert float(optimizer.embedding.learning_rate) == pytest.approx(0.02)


def test_a_checkpoint_holds_both(tmp_path: Path) -> None:
    whole, model = small(), small()
    steady, optimizer = composite(whole), composite(model)
    for _ in range(6):
        step(whole, steady)
    for _ in range(3):
        step(model, optimizer)
    path = tf.train.Checkpoint(model=model, optimizer=optimizer).write(str(tmp_path / "c"))
    fresh = small()
    restored = composite(fresh)
    tf.train.Checkpoint(model=fresh, optimizer=restored).read(path).assert_consumed()
    for _ in range(3):
        step(fresh, restored)
    same(fresh, whole)


def test_a_model_file_holds_both(tmp_path: Path) -> None:
    whole = small()
    whole.compile(composite(whole, OptimizerConfig("adagrad", learning_rate=0.2)), "mse")
    targets = np.ones([3, 1], np.float32)
    whole.fit(IDS, targets, epochs=2, verbose=0, shuffle=False)
    whole.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.optimizer, CompositeOptimizer)
    for model in (whole, loaded):
        model.fit(IDS, targets, epochs=2, verbose=0, shuffle=False)
    same(loaded, whole)


def test_averages_are_of_all_weights() -> None:
    model = small()
    config = OptimizerConfig(**DENSE, ema=0.5)
    optimizer = build_optimizer(config, embedding=TABLES, embeddings=embedding_variables(model))
    start = model.get_weights()
    step(model, optimizer)
    moved = model.get_weights()
    optimizer.finalize_variable_values(model.trainable_variables)
    for found, first, last in zip(model.get_weights(), start, moved, strict=True):
        assert found == pytest.approx((first + last) / 2, abs=1e-6)


def test_there_must_be_embeddings_to_tell_apart() -> None:
    message = "^train.embedding_optimizer: the model has no embeddings$"
    with pytest.raises(InputError, match=message):
        build_optimizer(OptimizerConfig(), embedding=TABLES)
    other = CompositeOptimizer(
        tf.keras.optimizers.SGD(), tf.keras.optimizers.SGD(), embeddings=["table:0"]
    )
    with pytest.raises(ValueError, match=r"^no variable is an embedding: expected table:0$"):
        other.build([tf.Variable(1.0, name="kernel")])
    message = (
        "variables of these names are not the embeddings alone: found table:0, table:0, expected"
        " table:0"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        other.build([tf.Variable(1.0, name="table"), tf.Variable(2.0, name="table")])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"embedding_optimizer": OptimizerConfig(ema=0.9)},
            "embedding_optimizer: the average is one of all weights; set ema of train",
        ),
        (
            {"embedding_optimizer": OptimizerConfig(warmup_steps=5), "reduce_lr_patience": 2},
            "reduce_lr_patience and a schedule both set the learning rate; choose one",
        ),
    ],
)
def test_settings_that_contradict_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        TrainConfig(**settings)


def clicks(folder: Path, **train: Any) -> TrainingJob:
    return job(folder, family="dcn", settings=SETTINGS["dcn"] | {"dropout": 0.0}, **train)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lists")


WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "float16": {"precision": Precision.FLOAT16},
    "packed": {"jit_compile": True, "list_size": 10, "steps_per_execution": 4},
    "mirrored": {"distribution": DistributionConfig(Strategy.MIRRORED, devices=2)},
    "averaged": {"ema": 0.5},
}


@pytest.mark.parametrize("way", WAYS)
def test_a_model_learns_with_both(folder: Path, tmp_path: Path, way: str) -> None:
    still = OptimizerConfig("sgd", learning_rate=1e-30)
    for other, moves in ((TABLES, True), (still, False)):
        started = elsewhere(
            clicks(folder, embedding_optimizer=other, epochs=2, **WAYS[way]),
            tmp_path / str(moves),
        )
        tf.keras.utils.set_random_seed(started.config.seed)
        first = embedding_variables(job_lib.untrained(started))
        model, result = job_lib.run(started, report=lambda line: None)
        last = embedding_variables(model)
        assert result.best > 0.7
        assert len(first) == 1
        moved = np.abs(first[0].numpy() - last[0].numpy()).max()
        assert bool(moved > 1e-3) is moves


class Scorer(tf.keras.Model):
    """A table and a weight of its numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.dense = tf.keras.layers.Embedding(4, 3), tf.keras.layers.Dense(1)

    def call(self, inputs: Any, training: bool = False) -> tf.Tensor:
        del training
        return self.dense(self.table(inputs))[..., 0]


def test_a_killed_training_goes_on_as_if_it_was_not(tmp_path: Path) -> None:
    ids = np.random.default_rng(0).integers(0, 4, (8, 4))
    labels = (ids > 1).astype(np.float32)
    batches = tf.data.Dataset.from_tensor_slices((ids, labels, np.ones_like(labels))).batch(4)

    def run(state: Path, killed_after: int = 0) -> tuple[tf.keras.Model, list[str]]:
        tf.keras.utils.set_random_seed(3)
        model, lines = Scorer(), list[str]()

        def report(line: str) -> None:
            lines.append(line)
            if line.startswith(f"epoch {killed_after}/"):
                raise Killed

        settings: dict[str, Any] = {"embedding_optimizer": TABLES, "keep_last": True}
        fit(model, lambda: {"ndcg@10": 0.5}, state, batches, report=report, **settings)
        return model, lines

    expected, _ = run(tmp_path / "whole")
    with pytest.raises(Killed):
        run(tmp_path / "state", killed_after=2)
    found, lines = run(tmp_path / "state")
    assert lines[0] == "resuming after epoch 2"
    same(found, expected)
