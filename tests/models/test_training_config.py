"""The settings of training: what is refused, and what follows from them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from data.errors import InputError
from data.sampling import Negatives
from models import strategy
from models.strategy import DistributionConfig
from models.strategy import Strategy
from models.training.config import Precision
from models.training.config import StageConfig
from models.training.config import TaskConfig
from models.training.config import TrainConfig
from models.training.optimizers import Schedule

MIRRORED = DistributionConfig(Strategy.MIRRORED)
MULTI_WORKER = DistributionConfig(Strategy.MULTI_WORKER)
SERVERS = DistributionConfig(Strategy.PARAMETER_SERVER)
TPU = DistributionConfig(Strategy.TPU, tpu="local")
COMPILE = "cannot compile a step that exchanges gradients; set jit_compile = false"
COMPILED: dict[str, Any] = {"jit_compile": True, "list_size": 10}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "softmax"}, "unknown loss 'softmax'. Did you mean 'softmax_loss'?"),
        ({"batch_size": 0}, "batch_size must be at least 1, found 0"),
        ({"epochs": -1}, "epochs must be at least 1, found -1"),
        ({"list_size": -1}, "list_size must be at least 0, found -1"),
        ({"patience": -1}, "patience must be at least 0, found -1"),
        ({"steps_per_execution": 0}, "steps_per_execution must be at least 1, found 0"),
        ({"min_delta": -0.1}, "min_delta must be 0 or more, found -0.1"),
        ({"label_weights": (1.0, -1.0)}, "label_weights must be 0 or more, found (1.0, -1.0)"),
        ({"label_weights": (0.0, 0.0)}, "label_weights must not all be 0, found (0.0, 0.0)"),
        ({"reduce_lr_factor": 1.0}, "reduce_lr_factor must be between 0 and 1, found 1.0"),
        (
            {"reduce_lr_patience": 2, "schedule": Schedule.COSINE},
            "reduce_lr_patience and a schedule both set the learning rate; choose one",
        ),
        (
            {"negatives": Negatives(), "label_weights": (1.0, 2.0)},
            "label_weights and negatives do not go together; weigh by features.weight",
        ),
        (
            {"negatives": Negatives(), "list_size": 5},
            "list_size and negatives both set the length of a list; choose one",
        ),
        (
            {"stages": {"gmf": StageConfig(batch_size=0)}},
            "stages: gmf: batch_size must be at least 1, found 0",
        ),
        ({"stop_at": float("nan")}, "stop_at must be finite, found nan"),
        (
            {"keep_last": True, "patience": 3},
            "keep_last goes by no metric; set patience and reduce_lr_patience to 0",
        ),
        ({"metric": "ndgc@10"}, "metric: unknown 'ndgc@10'. Did you mean 'ndcg'?"),
        ({"jit_compile": True}, "jit_compile needs 'list_size': its shapes are fixed"),
        ({"distribution": TPU}, "TPUStrategy needs 'list_size': its shapes are fixed"),
        (
            {"distribution": TPU, "list_size": 9, "precision": Precision.FLOAT16},
            "TPUStrategy computes in bfloat16, not float16",
        ),
        ({"distribution": MIRRORED, **COMPILED}, f"MirroredStrategy {COMPILE}"),
        ({"distribution": MULTI_WORKER, **COMPILED}, f"MultiWorkerMirroredStrategy {COMPILE}"),
        ({"distribution": SERVERS, **COMPILED}, f"ParameterServerStrategy {COMPILE}"),
        (
            {"distribution": SERVERS, "ema": 0.9},
            "ParameterServerStrategy cannot keep an average of the weights; set ema = 0",
        ),
        (
            {"distribution": SERVERS, "precision": Precision.FLOAT16},
            "ParameterServerStrategy cannot scale the loss of float16; use bfloat16",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        TrainConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"devices": 2}, "devices is for MirroredStrategy, found none"),
        ({"tpu": "local"}, "tpu is for TPUStrategy, found none"),
        (
            {"strategy": Strategy.TPU, "min_shard_bytes": 1},
            "min_shard_bytes is for ParameterServerStrategy, found TPUStrategy",
        ),
        (
            {"strategy": Strategy.MIRRORED, "devices": -1},
            "devices must be 0 or more, found -1",
        ),
        ({"strategy": Strategy.TPU}, "TPUStrategy needs 'tpu', the address of the TPU"),
    ],
)
def test_a_strategy_takes_its_own_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        DistributionConfig(**settings)


def test_the_metric_has_its_direction() -> None:
    assert TrainConfig(metric="ndcg@5").higher_is_better
    assert not TrainConfig(metric="arp").higher_is_better
    assert not TrainConfig(metric="loss").higher_is_better


def test_shapes_are_fixed_for_a_compiler() -> None:
    assert not TrainConfig(list_size=10, distribution=MIRRORED).static
    assert TrainConfig(**COMPILED).static
    assert TrainConfig(list_size=10, distribution=TPU).static


def test_each_label_has_the_logits_of_its_loss() -> None:
    tasks = {"click": TaskConfig("sigmoid_cross_entropy_loss", 0.5), "sale": TaskConfig()}
    found = TrainConfig(tasks=tasks).outputs("relevance")
    assert found == {"relevance": 1, "click": 1, "sale": 1}
    assert list(found) == ["relevance", "click", "sale"]


def test_the_weight_of_a_task_is_positive() -> None:
    with pytest.raises(InputError, match=r"^weight must be positive, found 0\.0$"):
        TaskConfig(weight=0.0)


def test_a_tpu_may_be_named_with_its_zone_and_project(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def resolver(*place: str, **more: str | None) -> None:
        asked.append((place, more))
        raise ValueError("none there\nand more")

    monkeypatch.setattr("tensorflow.distribute.cluster_resolver.TPUClusterResolver", resolver)
    config = DistributionConfig(Strategy.TPU, tpu="mine", tpu_zone="here", tpu_project="ours")
    with pytest.raises(InputError, match=r"^TPUStrategy: no TPU at 'mine': none there$"):
        strategy.connect(config)
    assert asked == [(("mine",), {"zone": "here", "project": "ours"})]
    with pytest.raises(InputError, match=r"^tpu_zone is for TPUStrategy, found none$"):
        DistributionConfig(tpu_zone="here")


def test_a_stage_with_an_optimizer_of_its_own_has_options_of_its_own() -> None:
    sgd: dict[str, Any] = {"optimizer": "sgd", "optimizer_options": {"momentum": 0.9}}
    stages = {"gmf": StageConfig(optimizer="adam"), "mlp": StageConfig(learning_rate=0.1)}
    config = TrainConfig(**sgd, stages=stages)
    assert config.of_stage("gmf") == TrainConfig()
    assert config.of_stage("mlp") == TrainConfig(**sgd, learning_rate=0.1)


def test_a_stage_has_the_settings_but_for_its_own() -> None:
    stage = StageConfig(epochs=3, learning_rate=0.5)
    config = TrainConfig(epochs=9, batch_size=7, stages={"gmf": stage})
    assert config.of_stage("gmf") == TrainConfig(epochs=3, batch_size=7, learning_rate=0.5)
    assert config.of_stage("mlp") == TrainConfig(epochs=9, batch_size=7)
