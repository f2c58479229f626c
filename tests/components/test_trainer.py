"""The Trainer's `run_fn`: what it exports, what it leaves behind, and what it refuses."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfx.components.trainer import executor
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.types import standard_artifacts
from tfx.utils import json_utils

from components import baseline
from components import trainer
from data import plain
from data.lists import Lists
from models import serving
from models.dnn import DnnConfig
from models.metrics import MetricContract
from models.sparse.perfect import PerfectHash
from models.training.config import TrainConfig
from models.training.warm import WarmStartConfig
from tests.components.conftest import SPEC
from tests.components.conftest import Transformed
from tests.samples import draw
from tests.samples import requests
from tests.samples import stored

TRAIN = TrainConfig(epochs=3, batch_size=4, metric="mrr", list_size=5)


def arguments(transformed: Transformed, folder: Path, **config: Any) -> FnArgs:
    return FnArgs(
        train_files=[transformed.examples],
        eval_files=[f"{Path(transformed.examples).parent}/trans*.gz"],
        transform_output=str(transformed.folder),
        serving_model_dir=str(folder / "model"),
        model_run_dir=str(folder / "run"),
        custom_config={
            "spec": plain.to_json(SPEC),
            "family": "dnn",
            "settings": plain.to_json(DnnConfig(hidden_layer_dims=(8,))),
            "train": plain.to_json(TRAIN),
            "metrics": ["ndcg@10", "mrr"],
            "contract": plain.to_json(MetricContract()),
            "per_document": False,
            "state_dir": str(folder / "state"),
            **config,
        },
    )


@functools.cache
def signatures(folder: Path) -> Any:
    return tf.saved_model.load(str(folder / "model")).signatures


def scores(folder: Path, lists: Lists, signature: str = serving.PREDICT) -> np.ndarray:
    made = requests(lists, SPEC) if signature == serving.PREDICT else stored(lists, SPEC)
    found = signatures(folder)[signature](examples=tf.constant(made))
    return found[serving.SCORES].numpy()


@pytest.fixture(scope="module")
def trained(transformed: Transformed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    trainer.run_fn(arguments(transformed, folder))
    return folder


def test_it_says_how_training_went_and_leaves_no_state(trained: Path) -> None:
    summary = json.loads((trained / "run" / trainer.SUMMARY).read_text())
    assert set(summary) == {"epochs", "best_epoch", "best"}
    assert summary["epochs"] == 3
    assert 1 <= summary["best_epoch"] <= 3
    assert 0 < summary["best"] <= 1
    assert list((trained / "state").iterdir()) == []
    assert list((trained / "run").glob("train/events*"))


def test_the_export_has_the_model_without_the_state_of_its_training(trained: Path) -> None:
    found = dict(tf.train.list_variables(str(trained / "model/variables/variables")))
    assert any("VARIABLE_VALUE" in name for name in found)
    assert not [name for name in found if "optimizer" in name]
    # Of the table of keys, what a lookup of the 19 members and of padding needs: keys and rows.
    slots = PerfectHash(np.arange(19 + 1)).n_slots
    shapes = list(found.values())
    assert [slots] in shapes
    assert [slots, 8] in shapes


def test_the_export_scores_requests_and_stored_lists_alike(trained: Path) -> None:
    lists = draw((3, 1, 6), spec=SPEC, seed=3)
    lists.values["word"][0] = b"never seen"
    lists.values["seller"][0] = b"never seen"
    requested, parsed = (scores(trained, lists, s) for s in (serving.PREDICT, serving.COLUMNAR))
    assert requested == pytest.approx(parsed, abs=1e-5)
    assert (requested != serving.PADDING_SCORE).sum(axis=1).tolist() == [3, 1, 6]
    assert np.isfinite(requested).all()
    for i, size in enumerate((3, 1, 6)):
        alone = scores(trained, lists.keep_lists(np.arange(3) == i))
        assert alone[0] == pytest.approx(requested[i, :size], abs=1e-5)


def test_the_export_answers_its_warm_up_requests(trained: Path) -> None:
    predict = signatures(trained)[serving.PREDICT]
    for size in trainer.WARMUP_SIZES:
        request = tf.constant([serving.sample_request(SPEC, size)])
        assert predict(examples=request)[serving.SCORES].shape == (1, size)
    warmup = trained / "model" / serving.EXTRA / serving.WARMUP_FILE
    records = tf.data.TFRecordDataset(str(warmup)).as_numpy_iterator()
    assert len(list(records)) == len(trainer.WARMUP_SIZES)


def test_a_run_that_failed_after_training_does_not_train_again(
    transformed: Transformed,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Another configuration does not take its state for its own; one seed gives one model."""

    def fail(*args: object, **settings: object) -> None:
        raise OSError("disk full")

    run = arguments(transformed, tmp_path)
    other = plain.to_json(dataclasses.replace(TRAIN, epochs=1))
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "export", fail)
        for settings in (run, arguments(transformed, tmp_path, train=other)):
            with pytest.raises(OSError, match="disk full"):
                trainer.run_fn(settings)
    assert "resuming" not in capsys.readouterr().out
    trainer.run_fn(run)
    assert capsys.readouterr().out == "resuming after epoch 3\n"
    lists = draw((4,), spec=SPEC)
    assert scores(tmp_path, lists) == pytest.approx(scores(trained, lists), abs=1e-6)


def test_the_last_epoch_is_exported_beside_the_best_on_request(
    transformed: Transformed, tmp_path: Path
) -> None:
    both = plain.to_json(dataclasses.replace(TRAIN, export_latest=True, epochs=1))
    trainer.run_fn(arguments(transformed, tmp_path, train=both, per_document=True))
    latest = tf.saved_model.load(str(tmp_path / "run" / trainer.LATEST_MODEL)).signatures
    lists = draw((4,), spec=SPEC)
    examples = tf.constant(requests(lists, SPEC))
    found = latest[serving.PREDICT](examples=examples)[serving.SCORES].numpy()
    assert found == pytest.approx(scores(tmp_path, lists), abs=1e-6)  # the only epoch is the best
    assert serving.PER_DOCUMENT in latest


def test_training_goes_on_from_the_model_that_is_served(
    transformed: Transformed, tmp_path: Path
) -> None:
    """By so small steps that the scores tell where it began; batches must not count in them."""
    settings = plain.to_json(DnnConfig(hidden_layer_dims=(8,), use_batch_norm=False))
    warm = dataclasses.replace(
        TRAIN,
        epochs=1,
        learning_rate=1e-12,
        keep_last=True,
        patience=0,
        warm_start=WarmStartConfig(),
    )
    first = dataclasses.replace(warm, learning_rate=0.01)
    for name, train, version in (("first", first, baseline.NONE), ("second", warm, "12")):
        given = {"train": plain.to_json(train), "settings": settings}
        run = arguments(transformed, tmp_path / name, **given)
        run.base_model = str(tmp_path / "first" / "model")
        run.custom_config["base_version"] = version
        trainer.run_fn(run)
    said = [
        json.loads((tmp_path / name / "run" / trainer.SUMMARY).read_text())[trainer.WARM_START]
        for name in ("first", "second")
    ]
    assert said[0] == "fresh: no model is published"
    assert said[1] == "from version 12: 12 ids kept, 0 new, 0 retired"
    lists = draw((3, 4), spec=SPEC, seed=3)
    expected = scores(tmp_path / "first", lists)
    assert scores(tmp_path / "second", lists) == pytest.approx(expected, abs=1e-6)


def test_a_training_that_was_cut_goes_on_whatever_was_published_since(
    transformed: Transformed, tmp_path: Path
) -> None:
    runs = [arguments(transformed, tmp_path) for _ in range(3)]
    for run, version in zip(runs, (baseline.NONE, "12"), strict=False):
        run.custom_config["base_version"] = version
    assert len({trainer._fingerprint(run) for run in runs}) == 1


@pytest.mark.parametrize("started", ["from version 12", ""])
def test_the_model_says_what_its_training_started_from(
    started: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {}

    def train(self: object, inputs: Any, outputs: Any, properties: dict[str, Any]) -> None:
        told.update(json_utils.loads(properties["custom_config"]))
        summary = {"warm_start": started} if started else {}
        (tmp_path / trainer.SUMMARY).write_text(json.dumps(summary))

    monkeypatch.setattr(executor.GenericExecutor, "Do", train)
    base, model, run = (
        kind()
        for kind in (
            standard_artifacts.Model,
            standard_artifacts.Model,
            standard_artifacts.ModelRun,
        )
    )
    base.set_string_custom_property(baseline.VERSION, "12")
    run.uri = str(tmp_path)
    trainer.Executor().Do(
        {"base_model": [base]} if started else {},
        {"model": [model], "model_run": [run]},
        {"custom_config": json_utils.dumps({"family": "dnn"})},
    )
    expected = {"family": "dnn"} | ({"base_version": "12"} if started else {})
    assert told == expected
    assert model.get_string_custom_property(trainer.WARM_START) == started
