"""Models that start from the weights of others, which are trained first."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data import plain
from data.transformed import MASK
from models import job as job_lib
from models import stages
from models.job import TrainingJob
from models.ncf_settings import GmfConfig
from models.ncf_settings import MlpConfig
from models.strategy import DistributionConfig
from models.strategy import Strategy
from models.training.config import Precision
from models.training.config import StageConfig
from tests.models.jobs import elsewhere
from tests.models.jobs import job

SETTINGS: dict[str, Any] = {
    "num_factors": 2,
    "layers": (8, 4),
    "mlp_regularization": (0.1,),
    "init_stddev": 0.2,
    "pretrain": True,
    "alpha": 0.3,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lists")


def started(folder: Path, tmp_path: Path, **train: Any) -> TrainingJob:
    parts = {name: StageConfig(epochs=2) for name in ("gmf", "mlp")}
    whole = job(folder, family="neumf", settings=SETTINGS, epochs=3, stages=parts, **train)
    return elsewhere(whole, tmp_path)


def test_the_parts_have_the_settings_of_the_whole(folder: Path, tmp_path: Path) -> None:
    whole = started(folder, tmp_path)
    found = stages.jobs(whole)
    assert list(found) == ["gmf", "mlp"]
    assert plain.from_json(GmfConfig, found["gmf"].settings) == GmfConfig(2, init_stddev=0.2)
    assert plain.from_json(MlpConfig, found["mlp"].settings) == MlpConfig(
        (8, 4), (0.1,), init_stddev=0.2
    )
    for name, part in found.items():
        assert part.config == dataclasses.replace(whole.config, epochs=2, stages={})
        assert part.state_dir == str(tmp_path / "state" / name)
        assert part.log_dir == str(tmp_path / "logs" / name)
        assert part.train_files == whole.train_files
        assert not stages.jobs(part)


def test_parts_are_trained_as_long_as_the_whole_unless_told_otherwise(folder: Path) -> None:
    for settings, expected in (({}, []), ({"pretrain": True}, [7, 7])):
        whole = job(folder, family="neumf", settings=settings, epochs=7)
        assert [part.config.epochs for part in stages.jobs(whole).values()] == expected


WAYS: dict[str, dict[str, Any]] = {
    "bfloat16": {"precision": Precision.BFLOAT16},
    "mirrored": {"distribution": DistributionConfig(Strategy.MIRRORED, devices=2)},
}


def beginnings(lines: list[str]) -> list[str]:
    # Lines within an epoch, which only a slow machine needs, begin with a space.
    return [
        line.partition("  ")[0] for line in lines if not line.startswith(" ") and ":   " not in line
    ]


GMF, MLP = ([f"{name}: epoch 1/2", f"{name}: epoch 2/2"] for name in ("gmf", "mlp"))
WHOLE = ["epoch 1/3", "epoch 2/3", "epoch 3/3"]


@pytest.mark.parametrize("way", WAYS)
def test_a_model_starts_from_its_trained_parts(folder: Path, tmp_path: Path, way: str) -> None:
    whole = started(folder, tmp_path, **WAYS[way])
    inputs, logits = job_lib.sample(whole), []
    for part in stages.jobs(whole).values():
        model, _ = job_lib.run(part, report=lambda line: None)
        logits.append(model(inputs).numpy())
    # So small a step that the weights after training are those from before.
    still = dataclasses.replace(whole.config, learning_rate=1e-12)
    lines: list[str] = []
    model, _ = job_lib.run(
        dataclasses.replace(whole, train=plain.to_json(still)), report=lines.append
    )
    over = ["gmf: resuming after epoch 2", "mlp: resuming after epoch 2"]
    assert beginnings(lines) == [*over, *WHOLE]
    expected = 0.3 * logits[0] + 0.7 * logits[1]
    assert np.ptp(expected[inputs[MASK]]) > 0.1
    assert model(inputs).numpy() == pytest.approx(expected, abs=1e-4)


class KilledError(Exception):
    """Ends a training from outside."""


def test_training_goes_on_in_the_stage_in_which_it_was_cut(folder: Path, tmp_path: Path) -> None:
    cut = started(folder, tmp_path)
    lines: list[str] = []

    def kill_at(last: str) -> Any:
        def report(line: str) -> None:
            lines.append(line)
            if line.startswith(last):
                raise KilledError

        return report

    for last in ("gmf: epoch 1", "mlp: epoch 1", "epoch 2"):
        with pytest.raises(KilledError):
            job_lib.run(cut, report=kill_at(last))
        tf.keras.backend.clear_session()
    _, result = job_lib.run(cut, report=lines.append)
    resumed = ["gmf: resuming after epoch 1", "mlp: resuming after epoch 1"]
    over = ["gmf: resuming after epoch 2", "mlp: resuming after epoch 2"]
    assert beginnings(lines) == [
        GMF[0],
        *(resumed[0], GMF[1], MLP[0]),
        *(over[0], resumed[1], MLP[1], *WHOLE[:2]),
        *(*over, "resuming after epoch 2", WHOLE[2]),
    ]
    assert result.epochs == 3


def test_a_worker_takes_the_best_weights_that_the_chief_has_kept(
    folder: Path, tmp_path: Path
) -> None:
    whole = started(folder, tmp_path)
    part = stages.jobs(whole)["gmf"]
    expected, result = job_lib.run(part, report=lambda line: None)
    model = job_lib.untrained(part)
    stages.load_best(model, part, result.best_epoch)
    for found, weight in zip(model.get_weights(), expected.get_weights(), strict=True):
        assert (found == weight).all()
