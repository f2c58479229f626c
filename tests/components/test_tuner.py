"""The Tuner node on real trainings: its artifacts, the training after it, and a killed search."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import keras_tuner
import pytest
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.types import artifact_utils
from tfx.types import standard_artifacts as types
from tfx.types import standard_component_specs as names
from tfx.utils import json_utils

from components import trainer
from components import tuner
from data import plain
from data.errors import InputError
from models import job as job_lib
from models import serving
from models.dnn import DnnConfig
from models.metrics import MetricContract
from models.search import LOGS
from models.search import Search
from models.training.config import TrainConfig
from models.training.loop import TrainResult
from models.training.progress import Progress
from models.tuning import Algorithm
from models.tuning import Axis
from models.tuning import TunerConfig
from tests.components.conftest import SPEC
from tests.components.conftest import Transformed

TRAIN = TrainConfig(epochs=2, batch_size=4, metric="mrr")
SPACE = {
    "train.learning_rate": Axis(1e-3, 1e-1, log=True),
    "model.hidden_layer_dims": Axis(choices=((4,), (8, 4))),
}
SEARCH = TunerConfig(trials=3, space=SPACE)


def custom_config(root: Path, search: TunerConfig = SEARCH, **config: Any) -> dict[str, Any]:
    return {
        "spec": plain.to_json(SPEC),
        "family": "dnn",
        "settings": plain.to_json(DnnConfig()),
        "train": plain.to_json(TRAIN),
        "metrics": ["ndcg@10", "mrr"],
        "contract": plain.to_json(MetricContract()),
        "per_document": False,
        "state_dir": str(root / "state"),
        "tuner": plain.to_json(search),
        **config,
    }


def arguments(transformed: Transformed, root: Path, **config: Any) -> FnArgs:
    return FnArgs(
        train_files=[transformed.examples],
        eval_files=[transformed.examples],
        transform_graph_path=str(transformed.folder),
        custom_config=custom_config(root, **config),
    )


def artifact(kind: type, uri: Path) -> Any:
    made = kind()
    made.uri = str(uri)
    uri.mkdir(exist_ok=True, parents=True)
    return made


@pytest.fixture(scope="module")
def searched(transformed: Transformed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search that TFX's executor ran: `best`, `results` and the search's state."""
    root = tmp_path_factory.mktemp("searched")
    examples = artifact(types.Examples, root / "examples")
    examples.split_names = artifact_utils.encode_split_names(["train", "validation"])
    for split in ("train", "validation"):
        folder = root / "examples" / f"Split-{split}"
        folder.mkdir()
        shutil.copy(transformed.examples, folder)
    context = tuner.Executor.Context(tmp_dir=str(root), unique_id="1")
    tuner.Executor(context).Do(
        {
            names.EXAMPLES_KEY: [examples],
            names.TRANSFORM_GRAPH_KEY: [artifact(types.TransformGraph, transformed.folder)],
        },
        {
            names.BEST_HYPERPARAMETERS_KEY: [artifact(types.HyperParameters, root / "best")],
            names.TUNER_RESULTS_KEY: [artifact(types.TunerResults, root / "results")],
        },
        {
            "tuner_fn": "components.tuner.tuner_fn",
            names.TRAIN_ARGS_KEY: json.dumps({"splits": ["train"]}),
            names.EVAL_ARGS_KEY: json.dumps({"splits": ["validation"]}),
            names.CUSTOM_CONFIG_KEY: json_utils.dumps(custom_config(root)),
        },
    )
    return root


def test_all_trials_are_kept_best_first(searched: Path) -> None:
    found = tuner.outcomes(str(searched / "results"))
    values = [outcome.value for outcome in found if outcome.value is not None]
    assert len(values) == SEARCH.trials
    assert values == sorted(values, reverse=True)
    for outcome in found:
        assert 1e-3 <= outcome.settings["train.learning_rate"] <= 1e-1
        assert outcome.settings["model.hidden_layer_dims"] in ([4], [8, 4])
    theirs = json.loads((searched / "results" / "tuner_results.json").read_text())
    assert sorted(table["score"] for table in theirs) == sorted(values)


def test_trials_leave_their_curves_and_no_weights(searched: Path) -> None:
    (search,) = (searched / "state").iterdir()
    trials = [path for path in search.iterdir() if path.is_dir()]
    assert len(trials) == SEARCH.trials
    assert {path.name for trial in trials for path in trial.iterdir()} == {"trial.json", LOGS}
    assert list(search.glob(f"*/{LOGS}/train/events*"))


def best(searched: Path) -> dict[str, Any]:
    """What TFX's Trainer reads."""
    (file,) = (searched / "best").iterdir()
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_the_trainer_comes_to_what_the_best_trial_came_to(
    searched: Path, transformed: Transformed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported: list[serving.Servable] = []
    monkeypatch.setattr(trainer, "export", lambda published, *args: exported.append(published))
    fn_args = arguments(transformed, tmp_path)
    fn_args.transform_output, fn_args.hyperparameters = str(transformed.folder), best(searched)
    fn_args.serving_model_dir = str(tmp_path / "model")
    fn_args.model_run_dir = str(tmp_path / "run")
    (tmp_path / "run").mkdir()
    trainer.run_fn(fn_args)
    summary = json.loads((tmp_path / "run" / trainer.SUMMARY).read_text())
    first = tuner.outcomes(str(searched / "results"))[0]
    assert summary["best"] == pytest.approx(first.value, abs=1e-6)
    assert summary["tuned"] == first.settings
    width = first.settings["model.hidden_layer_dims"][0]
    assert (width,) in [tuple(weight.shape) for weight in exported[0].model.weights]


def test_other_values_are_another_training(searched: Path, transformed: Transformed) -> None:
    """A training cut off before the search is not taken for the one after it."""
    fn_args = arguments(transformed, searched)
    fn_args.transform_output, fn_args.model_run_dir = str(transformed.folder), ""
    before = trainer.training_job(fn_args, transformed.output)
    fn_args.hyperparameters = best(searched)
    after = trainer.training_job(fn_args, transformed.output)
    assert before.state_dir != after.state_dir
    assert before.config == TRAIN
    values = keras_tuner.HyperParameters.from_config(best(searched)).values
    assert after.config.learning_rate == values["train.learning_rate"]


def search(transformed: Transformed, root: Path, config: TunerConfig) -> Search:
    made: Search = tuner.tuner_fn(arguments(transformed, root, search=config)).tuner
    made.search()
    return made


def test_a_killed_search_goes_on_in_the_middle_of_a_trial(
    searched: Path,
    transformed: Transformed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The same trials come of it, and no epoch that was finished is run again."""
    epochs = 0
    end = Progress.on_epoch_end

    def counted(self: Progress, epoch: int, logs: dict[str, Any] | None = None) -> None:
        nonlocal epochs
        if epochs == 5:  # the second epoch of the third trial
            raise KeyboardInterrupt
        end(self, epoch, logs)
        epochs += 1

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "on_epoch_end", counted)
        with pytest.raises(KeyboardInterrupt):
            search(transformed, tmp_path, SEARCH)
    capsys.readouterr()
    with monkeypatch.context() as patch:
        epochs = 10
        patch.setattr(Progress, "on_epoch_end", counted)
        found = search(transformed, tmp_path, SEARCH).outcomes()
    assert epochs == 11
    lines = capsys.readouterr().out.splitlines()
    said = [line for line in lines if not line.startswith("  ")]  # of a slow machine
    assert said[0].endswith(": 3 trials, 2 of them done before")
    assert said[1] == "trial 3/3  going on where it was cut"
    assert len(said) == 3
    whole = tuner.outcomes(str(searched / "results"))
    assert [f.settings for f in found] == [w.settings for w in whole]
    assert [f.value for f in found] == pytest.approx([w.value for w in whole], abs=1e-6)


def test_more_trials_go_on_from_those_done(
    transformed: Transformed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another space is another search."""
    ran: list[job_lib.TrainingJob] = []

    def run(job: job_lib.TrainingJob, *, report: object) -> tuple[None, Any]:
        ran.append(job)
        return None, TrainResult(1, 1, 0.5)

    monkeypatch.setattr(job_lib, "run", run)
    search(transformed, tmp_path, TunerConfig(trials=2, space=SPACE))
    search(transformed, tmp_path, TunerConfig(trials=5, space=SPACE))
    assert len(ran) == 5
    search(transformed, tmp_path, TunerConfig(trials=1, seed=3, space=SPACE))
    assert len(ran) == 6


def test_data_that_teaches_nothing_is_said_once(transformed: Transformed, tmp_path: Path) -> None:
    fn_args = arguments(transformed, tmp_path)
    fn_args.train_files = [str(tmp_path / "nothing*")]
    with pytest.raises(InputError, match=r"^tuner: all 3 trials failed; trial 1: "):
        tuner.tuner_fn(fn_args).tuner.search()


def test_what_keys_cannot_be_trained_with_fails_its_trial(
    transformed: Transformed, tmp_path: Path
) -> None:
    """The features have columns of keys."""
    space = {"train.ema": Axis(choices=(0.0, 0.9))}
    config = TunerConfig(trials=2, algorithm=Algorithm.GRID, epochs=1, space=space)
    done, failed = search(transformed, tmp_path, config).outcomes()
    assert done.settings == {"train.ema": 0.0}
    assert failed.failure == (
        "train: feature 'seller': rows that come and go have no average; set ema = 0"
    )
