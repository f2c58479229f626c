"""The published model's folder: its signatures, its extra files, and requests made up for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from data import columnar
from data import elwc
from data import plain
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.transformed import NUMERIC
from models import serving
from tests.samples import HASH
from tests.samples import ID
from tests.samples import SPEC
from tests.samples import Transformed
from tests.samples import draw
from tests.samples import requests
from tests.samples import transformed_spec

WARMUP = [serving.sample_request(SPEC, n) for n in (1, 3)]


class FirstNumber(tf.keras.Model):
    """The score is the first packed number, and another one in training."""

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        return inputs[NUMERIC[Scope.DOCUMENT]][..., 0] + (100.0 if training else 0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("served") / "1"
    servable = serving.Servable(FirstNumber(), Transformed(), transformed_spec())
    serving.export(servable, path, warmup=WARMUP)
    return path


def test_the_signatures_are_for_lists_alone(folder: Path) -> None:
    signatures = tf.saved_model.load(str(folder)).signatures
    default = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
    assert set(signatures) == {serving.PREDICT, serving.COLUMNAR, serving.RAW, default}
    for signature in signatures.values():
        [(name, scores)] = signature.structured_outputs.items()
        assert (name, scores.dtype, scores.shape.rank) == (serving.SCORES, tf.float32, 2)


def test_the_default_signature_is_the_elwc_one(folder: Path) -> None:
    signatures = tf.saved_model.load(str(folder)).signatures
    lists = draw((2, 3))
    examples = tf.constant(requests(lists))
    found = signatures["serving_default"](examples=examples)[serving.SCORES].numpy()
    assert found[0, :2] == pytest.approx(lists.values["price"][:2, 0])
    assert found[0, 2] == serving.PADDING_SCORE
    assert found[1] == pytest.approx(lists.values["price"][2:, 0])


def test_padding_scores_below_all_and_is_finite() -> None:
    assert float(np.finfo(np.float32).min) == serving.PADDING_SCORE
    assert np.isfinite(np.float32(serving.PADDING_SCORE))


def test_the_raw_signature_has_a_tensor_per_column() -> None:
    found = serving.raw_signature(SPEC)
    assert set(found) == {columnar.LIST_SIZE} | {f.name for f in SPEC.features}
    shapes = {name: (tensor.shape.as_list(), tensor.dtype) for name, tensor in found.items()}
    assert shapes[columnar.LIST_SIZE] == ([None], tf.int64)
    assert shapes["vector"] == ([None, None, 3], tf.float32)
    assert shapes["place"] == ([None, 2], tf.float32)
    assert shapes["tags"] == ([None, None, 3], tf.int64)
    assert shapes["category"] == ([None, None, 1], tf.string)
    assert all(tensor.name == name for name, tensor in found.items())


def test_the_spec_travels_with_the_model(folder: Path) -> None:
    text = (folder / serving.EXTRA / serving.SPEC_FILE).read_text(encoding="utf-8")
    assert plain.from_json(FeatureSpec, text) == SPEC


def test_the_warm_up_file_replays_requests(folder: Path) -> None:
    path = folder / serving.EXTRA / serving.WARMUP_FILE
    logs = [
        prediction_log_pb2.PredictionLog.FromString(record)
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    ]
    found = [log.predict_log.request for log in logs]
    assert [request.model_spec.signature_name for request in found] == [serving.PREDICT] * 2
    assert [tf.make_ndarray(r.inputs["examples"]).tolist() for r in found] == [[x] for x in WARMUP]


def test_a_folder_that_exists_is_not_overwritten_by_half(folder: Path) -> None:
    servable = serving.Servable(FirstNumber(), Transformed(), transformed_spec())
    with pytest.raises(FileExistsError):
        serving.export(servable, folder, warmup=WARMUP)


@pytest.mark.parametrize("size", [1, 4])
def test_made_up_requests_have_neutral_values(size: int) -> None:
    spec = FeatureSpec(
        (
            Feature("x"),
            Feature("y", width=2, default=1.5),
            Feature("n", dtype=DType.INT, default=3),
            Feature("id", **ID),
            Feature("s", **HASH),
            Feature("t", scope=Scope.CONTEXT, default="none", **HASH),
        )
    )
    parsed = elwc.parse(tf.constant([serving.sample_request(spec, size)]), spec.features)
    found = {
        name: tensor.to_list() if isinstance(tensor, tf.RaggedTensor) else tensor.numpy().tolist()
        for name, tensor in parsed.items()
    }
    expected: dict[str, Any] = {
        "x": [[0.0] * size],
        "y": [[[1.5, 1.5]] * size],
        "n": [[3] * size],
        "id": [[0] * size],
        "s": [[b""] * size],
        "t": [[b"none"]],
    }
    assert found == expected
