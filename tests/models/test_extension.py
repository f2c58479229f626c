"""The main example of TF-Ranking's pipeline guide, corrected; and what it leaves behind."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data import elwc
from data.errors import InputError
from models import extension as tfr
from models import serving
from models.extension.elwc import parse
from models.metrics import evaluate
from models.metrics import mean_metrics
from models.metrics import parse_metric
from tests.models import guide
from tests.models.guide import CONTEXT
from tests.models.guide import EXAMPLE
from tests.models.guide import LABEL
from tests.models.guide import MASK


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guide")
    guide.write(folder)
    return folder


@pytest.fixture(scope="module")
def guides_model() -> tfr.ModelBuilder:
    input_creator = tfr.keras.model.FeatureSpecInputCreator(CONTEXT, EXAMPLE)
    preprocessor = dict.fromkeys(EXAMPLE, guide.log1p)
    dnn_scorer = tfr.keras.model.DNNScorer(
        hidden_layer_dims=[32, 16],
        output_units=1,
        activation=tf.nn.relu,
        use_batch_norm=True,
        batch_norm_moment=0.9,
        dropout=0.1,
    )
    return tfr.keras.model.ModelBuilder(
        input_creator=input_creator,
        preprocessor=preprocessor,
        scorer=dnn_scorer,
        mask_feature_name=MASK,
        name="web30k_dnn_model",
    )


@pytest.fixture(scope="module")
def trained(files: Path, guides_model: tfr.ModelBuilder) -> tfr.Trained:
    dataset_hparams = tfr.keras.pipeline.DatasetHparams(
        train_input_pattern=str(files / "train-*"),
        valid_input_pattern=str(files / "vali-*"),
        train_batch_size=16,
        valid_batch_size=16,
        list_size=200,
        dataset_reader=lambda names: tf.data.TFRecordDataset(names, "GZIP"),
        convert_labels_to_binary=False,
    )
    dataset_builder = tfr.keras.pipeline.SimpleDatasetBuilder(
        context_feature_spec=CONTEXT,
        example_feature_spec=EXAMPLE,
        mask_feature_name=MASK,
        label_spec=LABEL,
        hparams=dataset_hparams,
    )
    pipeline_hparams = tfr.keras.pipeline.PipelineHparams(
        model_dir=str(files / "web30k_dnn_model"),
        num_epochs=5,
        num_train_steps=40,
        num_valid_steps=100,
        loss="softmax_loss",
        loss_reduction=tf.losses.Reduction.AUTO,
        optimizer="adam",
        learning_rate=0.02,
        steps_per_execution=4,
        export_best_model=True,
        strategy=None,
        tpu=None,
    )
    ranking_pipeline = tfr.keras.pipeline.SimplePipeline(
        model_builder=guides_model,
        dataset_builder=dataset_builder,
        hparams=pipeline_hparams,
    )
    return ranking_pipeline.train_and_validate()


def signatures(trained: tfr.Trained, name: str = "latest_model") -> Any:
    return tf.saved_model.load(str(trained.exported[name])).signatures


def scores(model: tf.keras.Model) -> np.ndarray:
    features = parse(guide.elwcs(), CONTEXT, EXAMPLE, mask_name=MASK)
    return np.where(features[MASK], model(features, training=False), serving.PADDING_SCORE)


def ndcg(scores: np.ndarray) -> float:
    spec = dict([LABEL])
    labels = parse(guide.elwcs(), {}, spec, mask_name=MASK)
    real = tf.where(labels[MASK], labels["utility"][..., 0], -1.0)
    values, weights = evaluate(scores, real, metrics=[parse_metric("ndcg@5")])
    return float(mean_metrics(values, weights)[0])


def test_the_guides_example_learns(trained: tfr.Trained) -> None:
    found = scores(trained.model)
    random = np.random.default_rng(0).normal(size=(20, *found.shape))
    by_chance = np.mean([ndcg(np.where(found > serving.PADDING_SCORE, x, found)) for x in random])
    assert by_chance < 0.75
    assert ndcg(found) > 0.9
    assert trained.result.epochs == 5


def test_the_exports_answer_as_the_model_does(trained: tfr.Trained) -> None:
    assert {*trained.exported} == {"latest_model", "best_model_by_metric"}
    best = signatures(trained, "best_model_by_metric")
    assert {*best} == {"predict", "regress", "serving_default"}
    for name in ("predict", "serving_default"):
        found = best[name](inputs=guide.elwcs())["outputs"].numpy()
        assert found == pytest.approx(scores(trained.model), abs=1e-5)
    latest = signatures(trained)["predict"](inputs=guide.elwcs())["outputs"].numpy()
    assert ndcg(latest) > 0.9


def test_a_document_alone_has_the_score_that_it_has_in_its_list(trained: tfr.Trained) -> None:
    contexts, documents, counts = elwc.split(guide.elwcs())
    singles = tf.strings.join([tf.repeat(contexts, counts), documents])
    found = signatures(trained, "best_model_by_metric")["regress"](inputs=singles)["outputs"]
    in_lists = scores(trained.model)
    assert found.numpy() == pytest.approx(in_lists[in_lists > serving.PADDING_SCORE], abs=1e-5)


def test_only_the_exports_and_the_logs_are_left(trained: tfr.Trained) -> None:
    folder = trained.exported["latest_model"].parents[1]
    assert {path.name for path in folder.iterdir()} == {"export", "train", "validation"}
    assert {path.name for path in (folder / "export").iterdir()} == {*trained.exported}
    assert any(b"ndcg@5" in path.read_bytes() for path in (folder / "validation").iterdir())


class Kill(tf.keras.callbacks.Callback):
    """Ends the second epoch."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            raise KeyboardInterrupt


class Killed(tfr.SimplePipeline):
    """A pipeline that does not get far."""

    def build_callbacks(self) -> list[tf.keras.callbacks.Callback]:
        return [Kill()]


def model_builder(**given: Any) -> tfr.ModelBuilder:
    settings = {"hidden_layer_dims": [8], "activation": "relu", "dropout": 0.0, **given}
    return tfr.ModelBuilder(
        tfr.FeatureSpecInputCreator(CONTEXT, EXAMPLE),
        dict.fromkeys(EXAMPLE, guide.log1p),
        tfr.DNNScorer(**settings),
        MASK,
    )


def test_a_killed_training_goes_on(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def parts() -> Any:
        # Each process has a reader of its own.
        data = guide.dataset_builder(
            files, dataset_reader=lambda names: tf.data.TFRecordDataset(names, "GZIP")
        )
        return model_builder(), data, guide.pipeline_hparams(tmp_path)

    first, second = parts(), parts()
    with pytest.raises(KeyboardInterrupt):
        Killed(*first).train_and_validate()
    resumed = tfr.SimplePipeline(*second).train_and_validate(verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], resumed.result.epochs) == ("resuming after epoch 1", 4)
    assert [line[:9] for line in lines[1:]] == ["epoch 2/4", "epoch 3/4", "epoch 4/4"]


def test_settings_reach_the_training(files: Path, tmp_path: Path) -> None:
    hparams = guide.pipeline_hparams(
        tmp_path,
        loss="softmax_loss:0.9,sigmoid_cross_entropy_loss:0.1",
        num_epochs=6,
        learning_rate=1e-12,
        early_stopping_patience=1,
        use_weighted_metrics=True,
        best_exporter_metric="weighted_ndcg_5",
        further={"jit_compile": True, "clip_norm": 1.0},
    )
    builder = tfr.SimpleDatasetBuilder(
        CONTEXT, EXAMPLE, MASK, LABEL, guide.dataset_hparams(files), guide.WEIGHT
    )
    found = tfr.SimplePipeline(model_builder(use_batch_norm=False), builder, hparams)
    assert found.train_and_validate().result.epochs == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_builder": None}, "model_builder: expected an object with build(), found None"),
        (
            {"dataset_builder": None},
            "dataset_builder: expected an object with build_train_dataset(), found None",
        ),
        (
            {"hparams": tfr.PipelineHparams("x", 1, loss={"a": "softmax_loss"})},
            "loss: SimplePipeline takes one, MultiTaskPipeline a dict of those of each task; found"
            " {'a': 'softmax_loss'}",
        ),
    ],
)
def test_parts_that_are_none_are_refused(
    files: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    parts: dict[str, Any] = {
        "model_builder": model_builder(),
        "dataset_builder": guide.dataset_builder(files),
        "hparams": guide.pipeline_hparams(tmp_path),
    }
    with pytest.raises(InputError) as caught:
        tfr.SimplePipeline(**{**parts, **change})
    assert str(caught.value) == message


def test_a_pattern_without_a_file_is_refused(files: Path, tmp_path: Path) -> None:
    hparams = guide.dataset_hparams(files)
    wrong = dataclasses.replace(hparams, valid_input_pattern=f"{tmp_path}/nothing-*")
    builder = tfr.SimpleDatasetBuilder(CONTEXT, EXAMPLE, MASK, LABEL, wrong)
    with pytest.raises(InputError) as caught:
        builder.build_valid_dataset()
    assert str(caught.value) == f"valid_input_pattern: no file matches '{tmp_path}/nothing-*'"
