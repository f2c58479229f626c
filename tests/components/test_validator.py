"""ExampleValidator: sound examples pass; every anomaly of every split is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx.types import standard_artifacts

from components.validator import ExampleValidator
from components.validator import Executor
from components.validator import describe
from data import schema as schema_lib
from data.errors import InputError
from tests.components.described import describe as describe_examples
from tests.samples import SPEC
from tests.samples import draw
from tests.samples import stored

SCHEMA = schema_lib.render(SPEC)
Edit = Callable[[tf.train.Example], None]


def statistics(*edits: Edit) -> statistics_pb2.DatasetFeatureStatisticsList:
    examples = [tf.train.Example.FromString(x) for x in stored(draw((3, 1, 5)))]
    for example in examples:
        for edit in edits:
            edit(example)
    return describe_examples([example.SerializeToString() for example in examples])


def drop(name: str) -> Edit:
    def edit(example: tf.train.Example) -> None:
        del example.features.feature[name]

    return edit


def first(name: str, value: float) -> Edit:
    def edit(example: tf.train.Example) -> None:
        example.features.feature[name].float_list.value[0] = value

    return edit


def validate(
    folder: Path, splits: dict[str, statistics_pb2.DatasetFeatureStatisticsList]
) -> dict[str, anomalies_pb2.Anomalies]:
    """Runs the node's executor; returns the anomalies it wrote."""
    found, schema, anomalies = (
        standard_artifacts.ExampleStatistics(),
        standard_artifacts.Schema(),
        standard_artifacts.ExampleAnomalies(),
    )
    for artifact, name in ((found, "statistics"), (schema, "schema"), (anomalies, "anomalies")):
        artifact.uri = str(folder / name)
        (folder / name).mkdir()
    (folder / "schema" / "schema.pbtxt").write_text(text_format.MessageToString(SCHEMA))
    found.split_names = json.dumps(list(splits))
    for name, of_split in splits.items():
        path = folder / "statistics" / f"Split-{name}"
        path.mkdir()
        (path / "FeatureStats.pb").write_bytes(of_split.SerializeToString())
    executor = ExampleValidator.EXECUTOR_SPEC.executor_class
    assert executor is Executor
    executor().Do({"statistics": [found], "schema": [schema]}, {"anomalies": [anomalies]}, {})
    return {
        name: anomalies_pb2.Anomalies.FromString(
            (folder / "anomalies" / f"Split-{name}" / "SchemaDiff.pb").read_bytes()
        )
        for name in splits
    }


def test_sound_examples_pass(tmp_path: Path) -> None:
    found = validate(tmp_path, {"train": statistics(), "validation": statistics()})
    assert [dict(anomalies.anomaly_info) for anomalies in found.values()] == [{}, {}]


def test_every_anomaly_of_every_split_is_named(tmp_path: Path) -> None:
    splits = {
        "train": statistics(drop("price"), first("vector", float("nan"))),
        "validation": statistics(),
        "test": statistics(first("grade", -1.0)),
    }
    with pytest.raises(InputError) as caught:
        validate(tmp_path, splits)
    assert str(caught.value) == (
        "the examples do not fit the schema:"
        " train: feature 'price': Column dropped (Column is completely missing);"
        " train: feature 'vector': Invalid values (Float feature has NaN values);"
        " test: feature 'grade': Out-of-range values"
        " (Unexpectedly low values: -1<0(upto six significant digits))"
    )


def test_a_split_without_examples_is_named(tmp_path: Path) -> None:
    empty = statistics_pb2.DatasetFeatureStatisticsList()
    empty.datasets.add(num_examples=0)
    message = "^the examples do not fit the schema: train: there are no examples$"
    with pytest.raises(InputError, match=message):
        validate(tmp_path, {"train": empty})


def test_what_is_wrong_with_the_data_set_is_told() -> None:
    anomalies = anomalies_pb2.Anomalies()
    anomalies.dataset_anomaly_info.description = "few examples"
    assert list(describe(anomalies)) == ["few examples"]
    assert list(describe(anomalies_pb2.Anomalies(data_missing=True))) == ["there are no examples"]
    assert list(describe(anomalies_pb2.Anomalies())) == []
