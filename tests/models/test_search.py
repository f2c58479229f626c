"""The search with formulas for trainings: which values are tried, and what failures do."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf
from keras_tuner import errors
from keras_tuner import oracles

from data import plain
from data.errors import InputError
from models import job as job_lib
from models.dnn import DnnConfig
from models.job import TrainingJob
from models.search import Outcome
from models.search import Search
from models.training.config import TrainConfig
from models.training.loop import TrainResult
from models.training.progress import Report
from models.tuning import Algorithm
from models.tuning import Axis
from models.tuning import TunerConfig

SPACE = {
    "train.learning_rate": Axis(1e-4, 1.0, log=True),
    "train.batch_size": Axis(8, 64),
    "model.dropout": Axis(0.0, 0.4, step=0.1),
    "model.hidden_layer_dims": Axis(choices=((8,), (8, 4))),
    "model.use_batch_norm": Axis(choices=(True, False)),
}
GRID = {
    "model.dropout": Axis(0.0, 0.2, step=0.1),
    "model.hidden_layer_dims": Axis(choices=((8,), (8, 4))),
}
Value = Callable[[TrainingJob], float]


def job(metric: str = "ndcg@10") -> TrainingJob:
    train = plain.to_json(TrainConfig(metric=metric, epochs=9))
    return TrainingJob((), (), "", "dnn", plain.to_json(DnnConfig()), train, (), "", "", "")


def quality(job: TrainingJob) -> float:
    """Best at a learning rate of 0.01 and no dropout."""
    settings = plain.from_json(DnnConfig, job.settings)
    return 1.0 - 0.1 * math.log10(job.config.learning_rate / 0.01) ** 2 - settings.dropout


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Callable[[Value], list[TrainingJob]]:
    """Puts a formula in the place of training; returns the list of trainings run from then on."""

    def put(value: Value) -> list[TrainingJob]:
        run: list[TrainingJob] = []

        def train(job: TrainingJob, *, report: Report) -> tuple[None, TrainResult]:
            run.append(job)
            Path(job.state_dir).mkdir(parents=True, exist_ok=True)
            return None, TrainResult(1, 1, value(job))

        monkeypatch.setattr(job_lib, "run", train)
        return run

    return put


Put = Callable[[Value], list[TrainingJob]]


def run(
    folder: Path, config: TunerConfig, *, metric: str = "ndcg@10", said: list[str] | None = None
) -> Search:
    lines: list[str] = [] if said is None else said
    search = Search(job(metric), config, folder=folder / "search", report=lines.append)
    search.search()
    return search


@pytest.mark.parametrize("algorithm", [Algorithm.RANDOM, Algorithm.BAYESIAN])
def test_trials_keep_to_the_space_and_to_the_seed(
    algorithm: Algorithm, tmp_path: Path, training: Put
) -> None:
    run_jobs = training(quality)
    space = (
        SPACE
        if algorithm is Algorithm.RANDOM
        else {"train.learning_rate": Axis(1e-4, 1.0, log=True)}
    )
    config = TunerConfig(trials=6, algorithm=algorithm, space=space)
    found = [run(tmp_path / name, config).outcomes() for name in ("a", "b")]
    assert found[0] == found[1]
    assert (
        run(tmp_path / "c", TunerConfig(6, algorithm, seed=7, space=space)).outcomes() != found[0]
    )
    values = [outcome.value or 0.0 for outcome in found[0]]
    assert values == sorted(values, reverse=True)
    assert sorted(outcome.trial for outcome in found[0]) == [1, 2, 3, 4, 5, 6]
    for tried in run_jobs:
        dnn = plain.from_json(DnnConfig, tried.settings)
        assert 1e-4 <= tried.config.learning_rate <= 1.0
        if algorithm is Algorithm.RANDOM:
            assert 8 <= tried.config.batch_size <= 64
            assert dnn.dropout in (0.0, 0.1, 0.2, 0.3, 0.4)
            assert dnn.hidden_layer_dims in ((8,), (8, 4))
        assert tried.config.epochs == 9


def test_a_gaussian_process_finds_the_top(tmp_path: Path, training: Put) -> None:
    training(quality)
    space = {"train.learning_rate": Axis(1e-4, 1.0, log=True)}
    found = run(tmp_path, TunerConfig(8, Algorithm.BAYESIAN, space=space)).outcomes()
    assert found[0].value == pytest.approx(1.0 - DnnConfig().dropout, abs=0.01)


def test_a_grid_tries_every_combination_once_and_goes_on_where_it_was(
    tmp_path: Path, training: Put
) -> None:
    jobs = training(quality)
    run(tmp_path, TunerConfig(2, Algorithm.GRID, space=GRID))
    assert len(jobs) == 2
    said: list[str] = []
    found = run(tmp_path, TunerConfig(9, Algorithm.GRID, space=GRID), said=said).outcomes()
    assert len(jobs) == 6
    assert len({str(outcome.settings) for outcome in found}) == 6
    assert found[0].settings["model.dropout"] == 0.0
    assert said[0] == (
        "searching model.dropout, model.hidden_layer_dims: 9 trials, 2 of them done before"
    )
    assert said[-1] == "no combination is left after 6 trials"


def test_each_trial_is_reported_in_a_line(tmp_path: Path, training: Put) -> None:
    values = iter([0.25, 0.5, 0.125])
    training(lambda job: next(values))
    said: list[str] = []
    space = {"model.dropout": Axis(choices=(0.1, 0.2, 0.3))}
    run(tmp_path, TunerConfig(3, Algorithm.GRID, seed=3, space=space), said=said)
    assert said[0] == "searching model.dropout: 3 trials"
    heads = [line.partition(" s  ")[0].rpartition("  ")[0] for line in said[1:]]
    assert heads == [
        "trial 1/3  ndcg@10 0.2500  best 0.2500 (trial 1)",
        "trial 2/3  ndcg@10 0.5000  best 0.5000 (trial 2)",
        "trial 3/3  ndcg@10 0.1250  best 0.5000 (trial 2)",
    ]
    assert sorted(line.partition(" s  ")[2] for line in said[1:]) == [
        f"model.dropout={value}" for value in (0.1, 0.2, 0.3)
    ]


def test_the_metric_says_what_is_better(tmp_path: Path, training: Put) -> None:
    training(lambda job: job.config.learning_rate)
    space = {"train.learning_rate": Axis(choices=(0.1, 0.2, 0.3))}
    for metric, best in (("loss", 0.1), ("arp", 0.1), ("mrr", 0.3)):
        found = run(tmp_path / metric, TunerConfig(3, Algorithm.GRID, space=space), metric=metric)
        assert found.outcomes()[0].value == best
        (hyperparameters,) = found.get_best_hyperparameters()
        assert hyperparameters.values == {"train.learning_rate": best}


def test_of_equal_trials_the_first_is_the_best(tmp_path: Path, training: Put) -> None:
    training(lambda job: 0.5)
    space = {"model.dropout": Axis(0.0, 0.9, step=0.1)}
    found = run(tmp_path, TunerConfig(5, space=space)).outcomes()
    assert [outcome.trial for outcome in found] == [1, 2, 3, 4, 5]


def test_trials_may_be_shorter_than_training(tmp_path: Path, training: Put) -> None:
    jobs = training(quality)
    run(tmp_path, TunerConfig(1, epochs=2, space=SPACE))
    assert jobs[0].config.epochs == 2


def test_values_tried_before_are_not_trained_again(
    tmp_path: Path, training: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Gaussian process names the top of two values again and again."""
    jobs = training(lambda job: job.config.learning_rate)
    space = {"train.learning_rate": Axis(choices=(0.1, 0.2))}
    config = TunerConfig(6, Algorithm.BAYESIAN, space=space)

    def named_again(self: object, trial_id: str) -> dict[str, object]:
        return {"status": "RUNNING", "values": {"train.learning_rate": 0.2}}

    monkeypatch.setattr(oracles.BayesianOptimizationOracle, "populate_space", named_again)
    found = run(tmp_path, config).outcomes()
    assert [outcome.value for outcome in found] == [0.2] * 6
    assert len(jobs) == 1


def fail_some(job: TrainingJob) -> float:
    rate = job.config.learning_rate
    if rate == 0.1:
        raise InputError("training: the loss became nan in epoch 1")
    if rate == 0.2:
        return math.nan
    if rate == 0.3:
        raise tf.errors.ResourceExhaustedError(None, None, "out of memory")
    return rate


RATES = {"train.learning_rate": Axis(choices=(0.1, 0.2, 0.3, 0.4))}


def test_a_trial_fails_alone_and_says_why(tmp_path: Path, training: Put) -> None:
    training(fail_some)
    said: list[str] = []
    search = run(tmp_path, TunerConfig(4, Algorithm.GRID, space=RATES), said=said)
    best, *failed = search.outcomes()
    assert (best.value, best.settings) == (0.4, {"train.learning_rate": 0.4})
    assert {f.settings["train.learning_rate"]: f.failure for f in failed} == {
        0.1: "training: the loss became nan in epoch 1",
        0.2: "ndcg@10 is nan",
        0.3: "out of memory",
    }
    number = next(f.trial for f in failed if f.failure.startswith("training"))
    assert (
        f"trial {number}/4  failed: training: the loss became nan in epoch 1"
        "  train.learning_rate=0.1" in said
    )


def test_values_that_do_not_go_together_fail_their_trial(tmp_path: Path, training: Put) -> None:
    training(quality)
    space = {
        "train.reduce_lr_patience": Axis(choices=(0, 2)),
        "train.warmup_steps": Axis(choices=(0, 5)),
    }
    failed = run(tmp_path, TunerConfig(4, Algorithm.GRID, space=space)).outcomes()[-1]
    assert failed.settings == {"train.reduce_lr_patience": 2, "train.warmup_steps": 5}
    assert failed.failure == (
        "train: reduce_lr_patience and a schedule both set the learning rate; choose one"
    )


def test_when_all_trials_fail_the_first_reason_is_given(tmp_path: Path, training: Put) -> None:
    """And the next search is a new one: it does not take the failures for done."""
    training(lambda job: math.nan)
    config = TunerConfig(3, Algorithm.GRID, space=RATES)
    with pytest.raises(InputError) as error:
        run(tmp_path, config)
    assert str(error.value) == "tuner: all 3 trials failed; trial 1: ndcg@10 is nan"
    training(lambda job: 0.5)
    assert run(tmp_path, config).outcomes()[0].value == 0.5


def test_a_search_that_was_cut_goes_on(tmp_path: Path, training: Put) -> None:
    """What is no fault of the values stops the search; the trial is then run to its end."""
    whole = run_whole(tmp_path / "whole", training)
    seen = 0

    def cut(job: TrainingJob) -> float:
        nonlocal seen
        seen += 1
        if seen == 3:
            raise OSError("disk full")
        return quality(job)

    training(cut)
    config = TunerConfig(5, space=SPACE)
    with pytest.raises(errors.FatalError, match=r"^trial 3: disk full$"):
        run(tmp_path / "cut", config)
    jobs, said = training(quality), list[str]()
    found = run(tmp_path / "cut", config, said=said)
    assert len(jobs) == 3
    assert said[0].endswith("5 trials, 2 of them done before")
    assert said[1] == "trial 3/5  going on where it was cut"
    assert found.outcomes() == whole
    assert not list((tmp_path / "cut").glob("search/*/state"))


def run_whole(folder: Path, training: Put) -> list[Outcome]:
    training(quality)
    return run(folder, TunerConfig(5, space=SPACE)).outcomes()


def test_a_state_that_cannot_be_read_is_named(tmp_path: Path, training: Put) -> None:
    training(quality)
    run(tmp_path, TunerConfig(1, space=SPACE))
    (tmp_path / "search" / "oracle.json").write_text('{"ongoing')
    with pytest.raises(InputError, match=r"^tuner: the trials in '.*search' cannot be read \("):
        run(tmp_path, TunerConfig(1, space=SPACE))
