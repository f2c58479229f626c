"""A run that was killed goes on where it was, and no moment of a kill spoils the state."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data import storage
from data.storage import AnyPath
from data.storage import RemotePath
from models import job as job_lib
from models.training import progress
from models.training.loop import TrainResult
from tests.models import jobs
from tests.models.fitting import Killed
from tests.models.fitting import Scorer
from tests.models.fitting import fit
from tests.models.fitting import lists

METRIC = "ndcg@10"
VALUES = [0.1, 0.9, 0.3, 0.4, 0.5]
PACKED: dict[str, Any] = {"jit_compile": True, "list_size": 4, "steps_per_execution": 2}


class Run:
    """One process: a new model on the state of the ones before."""

    def __init__(self, state: AnyPath, values: list[float] = VALUES) -> None:
        tf.keras.utils.set_random_seed(3)
        self.model, self.lines = Scorer(), list[str]()
        self.weights: dict[int, np.ndarray] = {}
        self.state, self.values = state, values
        self.epoch = 0
        if (state / "state.json").exists():
            self.epoch = json.loads((state / "state.json").read_text())["epochs"]

    def validate(self) -> dict[str, float]:
        self.epoch += 1
        self.weights[self.epoch] = self.model.get_weights()[0]
        return {METRIC: self.values[self.epoch - 1]}

    def train(self, *, killed_in_report: int = 0, **settings: Any) -> TrainResult:
        def report(line: str) -> None:
            self.lines.append(line)
            if line.startswith(f"epoch {killed_in_report}/"):
                raise Killed

        return fit(
            self.model,
            self.validate,
            self.state,
            lists(),
            report=report,
            learning_rate=0.001,
            **settings,
        )


@pytest.mark.parametrize(("epoch", "settings"), [(1, {}), (2, {}), (4, {}), (2, PACKED)])
def test_a_resumed_run_ends_as_one_that_was_not_killed(
    tmp_path: Path, epoch: int, settings: dict[str, Any]
) -> None:
    whole = Run(tmp_path / "whole")
    expected = whole.train(**settings)
    first = Run(tmp_path / "state")
    with pytest.raises(Killed):
        first.train(killed_in_report=epoch, **settings)
    second = Run(tmp_path / "state")
    result = second.train(**settings)
    assert second.lines[0] == f"resuming after epoch {epoch}"
    assert [line.split()[1] for line in second.lines[1:]] == [f"{n}/5" for n in range(epoch + 1, 6)]
    assert (result.epochs, result.best_epoch, result.best) == (5, 2, 0.9)
    assert (expected.epochs, expected.best_epoch, expected.best) == (5, 2, 0.9)
    # The batches come in a fixed order here, so the optimizer's state shows as well.
    for n, weights in {**first.weights, **second.weights}.items():
        assert weights == pytest.approx(whole.weights[n], abs=1e-6), n
    assert second.model.get_weights()[0] == pytest.approx(whole.weights[2], abs=1e-6)


def test_a_resumed_run_goes_on_in_the_order_of_its_epoch(tmp_path: Path) -> None:
    """The lists come in another order in each epoch, and the weights tell which it was."""

    def killed(line: str) -> None:
        if line.startswith("epoch 2/"):
            raise Killed

    started = jobs.job(tmp_path, keep_last=True)
    expected, _ = job_lib.run(started, report=lambda line: None)
    started = jobs.elsewhere(started, tmp_path / "cut")
    with pytest.raises(Killed):
        job_lib.run(started, report=killed)
    lines: list[str] = []
    found, _ = job_lib.run(started, report=lines.append)
    assert lines[0] == "resuming after epoch 2"
    for one, other in zip(found.weights, expected.weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6, err_msg=one.name)


def test_a_kill_within_an_epoch_costs_that_epoch(tmp_path: Path) -> None:
    first = Run(tmp_path, VALUES[:2])
    with pytest.raises(IndexError):
        first.train()
    second = Run(tmp_path)
    assert second.train().epochs == 5
    assert second.lines[0] == "resuming after epoch 2"


def test_finished_training_is_not_begun_again(tmp_path: Path) -> None:
    first = Run(tmp_path)
    first.train()
    second = Run(tmp_path)
    result = second.train()
    assert second.lines == ["resuming after epoch 5"]
    assert (result.epochs, result.best_epoch, result.best) == (5, 2, 0.9)
    assert np.array_equal(second.model.get_weights()[0], first.weights[2])


def test_training_that_stopped_early_stays_stopped(tmp_path: Path) -> None:
    assert Run(tmp_path).train(patience=2).epochs == 4
    again = Run(tmp_path)
    assert again.train(patience=2).epochs == 4
    assert again.weights == {}


def test_more_epochs_go_on_from_the_last(tmp_path: Path) -> None:
    Run(tmp_path).train(epochs=2)
    assert Run(tmp_path).train(epochs=4).epochs == 4


def test_a_reduced_learning_rate_stays_reduced(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"reduce_lr_patience": 2, "reduce_lr_factor": 0.5}
    with pytest.raises(Killed):
        Run(tmp_path).train(killed_in_report=4, **settings)
    second = Run(tmp_path)
    second.train(**settings)
    assert "learning rate reduced to 0.0005" not in second.lines
    assert float(second.model.optimizer.learning_rate) == pytest.approx(0.0005)


@pytest.mark.parametrize("step", ["write_text", "replace"])
def test_a_kill_while_the_state_is_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The second epoch is the best; the kill comes after its weights, before its state."""
    original, calls = vars(Path)[step], []

    def killed_at_the_second(path: Path, *args: Any) -> Any:
        calls.append(path)
        if len(calls) == 2:
            raise Killed
        return original(path, *args)

    first = Run(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, step, killed_at_the_second)
        with pytest.raises(Killed):
            first.train()
    assert json.loads((tmp_path / "state.json").read_text())["epochs"] == 1
    second = Run(tmp_path, [0.1, 0.05, 0.05, 0.05, 0.05])
    result = second.train()
    assert second.lines[0] == "resuming after epoch 1"
    assert (result.epochs, result.best_epoch) == (5, 1)
    assert np.array_equal(second.model.get_weights()[0], first.weights[1])


def test_old_states_are_removed(tmp_path: Path) -> None:
    Run(tmp_path, [0.1, 0.2, 0.3, 0.4, 0.35]).train()
    assert [path.name for path in tmp_path.glob("best-*")] == ["best-4.weights.h5"]
    assert {path.name for path in tmp_path.glob("ckpt-*.index")} == {"ckpt-4.index", "ckpt-5.index"}
    assert not list(tmp_path.glob("*.partial"))


def test_a_state_elsewhere_is_resumed_as_a_local_one(remote: RemotePath, tmp_path: Path) -> None:
    whole = Run(tmp_path)
    whole.train()
    state = remote / "state"
    first = Run(state)
    with pytest.raises(Killed):
        first.train(killed_in_report=3)
    second = Run(state)
    result = second.train()
    assert second.lines[0] == "resuming after epoch 3"
    assert (result.epochs, result.best_epoch, result.best) == (5, 2, 0.9)
    for n, weights in {**first.weights, **second.weights}.items():
        assert weights == pytest.approx(whole.weights[n], abs=1e-6), n
    assert second.model.get_weights()[0] == pytest.approx(whole.weights[2], abs=1e-6)
    assert {path.name for path in storage.walk(state)} == {p.name for p in storage.walk(tmp_path)}


@pytest.mark.parametrize("step", ["copy", "rename"])
def test_a_kill_while_a_state_elsewhere_is_written_leaves_the_one_before(
    remote: RemotePath, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The second epoch is the best; the kill comes with its weights, or with its state."""
    original, calls = getattr(storage, step), []

    def killed(source: AnyPath, target: AnyPath) -> None:
        calls.append(target.name)
        # Weights are copied and renamed, the state is renamed.
        if len(calls) == {"copy": 2, "rename": 4}[step]:
            raise Killed
        original(source, target)

    first = Run(remote)
    with monkeypatch.context() as patch:
        patch.setattr(storage, step, killed)
        with pytest.raises(Killed):
            first.train()
    assert calls[-1] == {"copy": "best-2.weights.h5.partial", "rename": "state.json"}[step]
    second = Run(remote, [0.1, 0.05, 0.05, 0.05, 0.05])
    result = second.train()
    assert second.lines[0] == "resuming after epoch 1"
    assert (result.epochs, result.best_epoch) == (5, 1)
    assert np.array_equal(second.model.get_weights()[0], first.weights[1])


def test_a_state_that_is_forgotten_in_part_is_not_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("", "gmf"):
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / progress.STATE).write_text("{}")
        (tmp_path / name / "best-1.weights.h5").touch()

    def killed(folder: AnyPath) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(storage, "remove_tree", killed)
        with pytest.raises(Killed):
            progress.forget(tmp_path)
    assert not list(tmp_path.rglob(progress.STATE))
    assert len(list(tmp_path.rglob("best-*"))) == 2
    progress.forget(tmp_path)
    assert not tmp_path.exists()
