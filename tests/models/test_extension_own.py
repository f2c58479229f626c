"""A user's own models and data in the pipeline: with and without a strategy, one label or more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data.errors import InputError
from models import extension as tfr
from models import losses
from models.extension import checks
from models.extension import elwc
from tests.models import guide
from tests.models import readme
from tests.models.guide import CLICK
from tests.models.guide import CONTEXT
from tests.models.guide import EXAMPLE
from tests.models.guide import LABEL
from tests.models.guide import MASK


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    guide.write(folder)
    return folder


def my_model() -> tf.keras.Model:
    inputs = {name: tf.keras.Input((None, 1), name=name) for name in EXAMPLE}
    inputs["query_length"] = tf.keras.Input((1,), name="query_length")
    mask = tf.keras.Input((None,), dtype=tf.bool, name=MASK)
    numbers = guide.log1p(tf.keras.layers.Concatenate()([inputs[name] for name in EXAMPLE]))
    hidden = tf.keras.layers.Dense(8, activation="relu")(numbers)
    return tf.keras.Model({**inputs, MASK: mask}, tf.keras.layers.Dense(1)(hidden))


class MyModelBuilder(tfr.AbstractModelBuilder):
    def __init__(self, make_model: Any, context_names: Any, example_names: Any) -> None:
        super().__init__(MASK, "my_model")
        self._make_model, self._names = make_model, (context_names, example_names)

    def create_inputs(self) -> Any:
        self._model = self._make_model()
        inputs = self._model.input
        context, example = ({name: inputs[name] for name in names} for names in self._names)
        return context, example, inputs[self._mask_feature_name]

    def preprocess(self, context_inputs: Any, example_inputs: Any, mask: Any) -> Any:
        return context_inputs, example_inputs

    def score(self, context_features: Any, example_features: Any, mask: Any) -> Any:
        inputs = {**context_features, **example_features, self._mask_feature_name: mask}
        return self._model(inputs)


BUILDERS = {
    None: lambda: MyModelBuilder(my_model, CONTEXT, EXAMPLE),
    "MirroredStrategy": lambda: tfr.KerasModelBuilder(my_model(), CONTEXT, EXAMPLE, MASK),
}


def signatures(trained: tfr.Trained) -> Any:
    return tf.saved_model.load(str(trained.exported["latest_model"])).signatures


def scores(model: tf.keras.Model) -> tuple[np.ndarray, np.ndarray]:
    features = elwc.parse(guide.elwcs(), CONTEXT, EXAMPLE, mask_name=MASK)
    return model(features).numpy(), features[MASK].numpy()


@pytest.mark.parametrize("strategy", BUILDERS)
def test_my_own_model_trains(files: Path, tmp_path: Path, strategy: str | None) -> None:
    hparams = guide.pipeline_hparams(tmp_path, strategy=strategy, steps_per_epoch=None)
    pipeline = tfr.SimplePipeline(BUILDERS[strategy](), guide.dataset_builder(files), hparams)
    trained = pipeline.train_and_validate()
    assert trained.result.best > 0.85
    found = signatures(trained)
    assert {*found} == {"predict", "serving_default"}  # it has not said that it is per_document
    expected, real = scores(trained.model)
    answered = found["predict"](inputs=guide.elwcs())["outputs"].numpy()
    assert answered[real] == pytest.approx(expected[real], abs=1e-5)


def test_the_readmes_model_trains(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").symlink_to(files)
    mine, guides, _ = readme.own_models()
    assert readme.n_lines(mine) < 20
    names: dict[str, Any] = {}
    exec(mine, names)
    assert names["trained"].result.epochs == 10
    assert Path("my_model/export/latest_model/saved_model.pb").exists()
    exec(guides, names)
    model = names["model"].build()
    dims = [weight.shape[1] for weight in model.weights if weight.shape.rank == 2]
    assert dims == [1024, 512, 256, 1]


def test_embeddings_on_several_devices_take_one_step_at_a_time(files: Path, tmp_path: Path) -> None:
    def model() -> tf.keras.Model:
        plain = my_model()
        ids = tf.cast(plain.outputs[0] > 0.0, tf.int64)
        table = tf.keras.layers.Embedding(3, 1)(ids)
        return tf.keras.Model(plain.input, plain.outputs[0] + table[..., 0])

    hparams = guide.pipeline_hparams(tmp_path, strategy="MirroredStrategy", steps_per_execution=5)
    builder = tfr.KerasModelBuilder(model(), CONTEXT, EXAMPLE, MASK)
    message = (
        "train: MirroredStrategy cannot exchange the gradients of embeddings in a call of several"
        " steps; set steps_per_execution = 1"
    )
    with pytest.raises(InputError, match=f"^{message}$"):
        tfr.SimplePipeline(builder, guide.dataset_builder(files), hparams).train_and_validate()


def first_of_list(context: Any, example: Any, mask: Any) -> tf.Tensor:
    """Scores that depend on the other documents."""
    first = example[guide.NAMES[0]][..., 0]
    return first - tf.reduce_max(first, axis=1, keepdims=True)


def centred(tensor: tf.Tensor) -> tf.Tensor:
    """A preprocessing that depends on the other documents."""
    return tensor - tf.reduce_mean(tensor, axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("preprocessor", "scorer"),
    [
        ({}, first_of_list),
        ({guide.NAMES[0]: centred}, tfr.DNNScorer([4])),
    ],
)
def test_what_looks_across_the_list_cannot_score_a_document_alone(
    files: Path, tmp_path: Path, preprocessor: Any, scorer: Any
) -> None:
    creator = tfr.FeatureSpecInputCreator(CONTEXT, EXAMPLE)
    builder = tfr.ModelBuilder(creator, preprocessor, scorer, MASK)
    hparams = guide.pipeline_hparams(tmp_path)
    pipeline = tfr.SimplePipeline(builder, guide.dataset_builder(files), hparams)
    pipeline.export_saved_model(builder.build(), tmp_path / "exported")
    exported = tf.saved_model.load(str(tmp_path / "exported"))
    assert {*exported.signatures} == {"predict", "serving_default"}


def two_towers(context: Any, example: Any) -> dict[str, tf.Tensor]:
    numbers = tf.concat([example[name] for name in EXAMPLE], axis=1)
    hidden = tf.keras.layers.Dense(8, activation="relu")(numbers)
    return {"grade": tf.keras.layers.Dense(2)(hidden), "click": tf.keras.layers.Dense(1)(hidden)}


def test_several_labels_are_learned(files: Path, tmp_path: Path) -> None:
    builder = tfr.ModelBuilder(
        tfr.FeatureSpecInputCreator(CONTEXT, EXAMPLE),
        dict.fromkeys(EXAMPLE, guide.log1p),
        tfr.UnivariateScorer(two_towers),
        MASK,
    )
    data = tfr.MultiLabelDatasetBuilder(
        CONTEXT,
        EXAMPLE,
        MASK,
        {"grade": LABEL, "click": CLICK},
        guide.dataset_hparams(files),
        sample_weight_spec=guide.WEIGHT,
    )
    hparams = guide.pipeline_hparams(
        tmp_path,
        loss={"grade": "mixture_em_loss", "click": "sigmoid_cross_entropy_loss"},
        loss_weights={"grade": 1.0, "click": 2.0},
        best_exporter_metric="click/ndcg_5",
        metric_contract="lightgbm",  # a list without a click counts as ranked well
        use_weighted_metrics=True,
    )
    trained = tfr.MultiTaskPipeline(builder, data, hparams).train_and_validate()
    assert trained.result.best > 0.85
    features = elwc.parse(guide.elwcs(), CONTEXT, EXAMPLE, mask_name=MASK)
    clicks = trained.model(features)["click"].numpy()
    found = signatures(trained)
    assert {*found} == {"predict", "serving_default", "regress"}
    answered = {name: x.numpy() for name, x in found["predict"](inputs=guide.elwcs()).items()}
    assert {*answered} == {"grade", "click"}
    real = features[MASK].numpy()
    assert answered["click"][real] == pytest.approx(clicks[real], abs=1e-5)
    assert answered["grade"].shape == real.shape


def test_datasets_that_are_there_already_serve_as_well(files: Path, tmp_path: Path) -> None:
    source = guide.dataset_builder(files)
    train, valid = source.build_train_dataset().take(8), source.build_valid_dataset()
    types = {name: x for name, x in valid.element_spec[0].items() if name != MASK}
    builder = tfr.ModelBuilder(
        tfr.TypeSpecInputCreator(types, list(CONTEXT), list(EXAMPLE)),
        tfr.PreprocessorWithSpec(dict.fromkeys(EXAMPLE, guide.log1p)),
        tfr.GAMScorer([4], activation="relu", use_batch_norm=False, dropout=0.0),
        MASK,
    )
    data = tfr.NullDatasetBuilder(train.apply(tf.data.experimental.assert_cardinality(8)), valid)
    hparams = guide.pipeline_hparams(tmp_path, steps_per_epoch=None, strategy="MirroredStrategy")
    trained = tfr.SimplePipeline(builder, data, hparams).train_and_validate()
    assert trained.result.best > 0.7
    features = elwc.parse(guide.elwcs(), CONTEXT, EXAMPLE, mask_name=MASK)
    named = {name.strip("_"): x for name, x in features.items()}
    found = signatures(trained)["serving_default"](**named)["outputs"]
    assert found.numpy() == pytest.approx(trained.model(features).numpy(), abs=1e-5)


ONE, THREE = tf.zeros([2, 5]), tf.zeros([2, 5, 3])


@pytest.mark.parametrize(
    ("logits", "labels", "loss", "main", "message"),
    [
        (
            {"a": ONE, "c": ONE},
            {"a": ONE, "b": ONE},
            {"a": "softmax_loss", "b": "softmax_loss"},
            "a",
            "logits: expected those of a, b, as there are losses; found a, c",
        ),
        (
            ONE,
            {"a": ONE, "b": ONE},
            "softmax_loss",
            "a",
            "labels: expected those of one label, as there are losses; found a, b",
        ),
        (
            {"a": ONE, "b": ONE},
            {"a": ONE, "b": ONE},
            {"a": "softmax_loss", "b": "softmax_loss"},
            "c",
            "best_exporter_metric: no task 'c', expected a, b",
        ),
        (ONE, ONE, "softmax_loss", "click", "best_exporter_metric: no task 'click', expected none"),
        (
            {"a": ONE, "b": THREE},
            {"a": ONE, "b": ONE},
            {"a": "softmax_loss", "b": "mixture_em_loss"},
            "a",
            "logits of 'b': mixture_em_loss needs 2 for each document, found 3",
        ),
    ],
)
def test_model_labels_and_losses_must_agree(
    logits: Any, labels: Any, loss: Any, main: str, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        checks.check_tasks(logits, labels, loss, main, losses.LossOptions())
    assert str(caught.value) == message
