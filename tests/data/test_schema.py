"""The schema: what TensorFlow Data Validation finds with it, in good lists and in bad ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx_bsl.coders import example_coder
from tfx_bsl.tfxio import tensor_representation_util

from data import columnar
from data import schema as schema_lib
from data.features import UNLABELLED
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform
from tests.samples import ID
from tests.samples import SPEC
from tests.samples import draw
from tests.samples import stored

SCHEMA = schema_lib.render(SPEC)
TRAINING = "TRAINING"
Edit = Callable[[tf.train.Example], None]


def anomalies(
    serialized: list[bytes],
    *,
    environment: str | None = None,
    schema: schema_pb2.Schema = SCHEMA,
) -> dict[str, str]:
    """What is wrong with each column of stored lists."""
    batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(serialized)
    options = tfdv.StatsOptions(schema=schema)
    statistics = stats_impl.generate_statistics_in_memory(batch, options)
    found = tfdv.validate_statistics(statistics, schema, environment)
    return {name: info.short_description for name, info in found.anomaly_info.items()}


def edited(edit: Edit) -> list[bytes]:
    """Stored lists, each after the edit."""
    examples = [tf.train.Example.FromString(x) for x in stored(draw((3, 1, 5)))]
    for example in examples:
        edit(example)
    return [example.SerializeToString() for example in examples]


def without(*names: str) -> list[bytes]:
    """Stored lists without these columns."""

    def edit(example: tf.train.Example) -> None:
        for name in names:
            del example.features.feature[name]

    return edited(edit)


def put(name: str, *values: float) -> Edit:
    """Replaces the first values of a column."""

    def edit(example: tf.train.Example) -> None:
        feature = example.features.feature[name]
        kind = feature.int64_list if feature.HasField("int64_list") else feature.float_list
        kind.value[: len(values)] = values

    return edit


def resize(name: str, size: int) -> Edit:
    def edit(example: tf.train.Example) -> None:
        values = example.features.feature[name].float_list.value
        values[:] = [0.0] * size

    return edit


def as_integers(name: str) -> Edit:
    def edit(example: tf.train.Example) -> None:
        size = len(example.features.feature[name].float_list.value)
        values = tf.train.Int64List(value=[1] * size)
        example.features.feature[name].CopyFrom(tf.train.Feature(int64_list=values))

    return edit


def add(name: str) -> Edit:
    return lambda example: example.features.feature[name].float_list.value.append(1.0)


def test_sound_lists_have_no_anomaly() -> None:
    assert anomalies(stored(draw((3, 1, 5)))) == {}
    assert anomalies(stored(draw((3, 1, 5))), environment=TRAINING) == {}


def test_requests_have_no_label_and_no_weight() -> None:
    serialized = without("grade", "importance")
    assert anomalies(serialized, environment=schema_lib.SERVING) == {}
    missing = {"grade": "Column dropped", "importance": "Column dropped"}
    assert anomalies(serialized) == anomalies(serialized, environment=TRAINING) == missing


@pytest.mark.parametrize("name", [feature.name for feature in SPEC.raw])
@pytest.mark.parametrize("environment", [None, schema_lib.SERVING])
def test_each_column_is_required(name: str, environment: str | None) -> None:
    labels = ("grade", "importance") if environment else ()
    found = anomalies(without(name, *labels), environment=environment)
    assert found == {name: "Column dropped"}


@pytest.mark.parametrize(
    ("edit", "name", "what"),
    [
        (put("price", float("nan")), "price", "Invalid values"),
        (put("price", float("inf")), "price", "Invalid values"),
        (put("vector", 1.0, float("-inf")), "vector", "Invalid values"),
        (put("age", float("nan")), "age", "Invalid values"),
        (put("grade", float("nan")), "grade", "Invalid values"),
        (put("grade", -1.0), "grade", "Out-of-range values"),
        (put("importance", -0.5), "importance", "Out-of-range values"),
        (put("brand", 5), "brand", "Out-of-range values"),
        (put("brand", -1), "brand", "Out-of-range values"),
        (put("tags", -2), "tags", "Out-of-range values"),
        (put("tags", 5), "tags", "Out-of-range values"),
        (as_integers("price"), "price", "Unexpected data type"),
        (resize("vector", 2), "vector", "Missing values"),
        (resize("place", 3), "place", "Feature shape dropped"),
        (add("surprise"), "surprise", "New column"),
    ],
)
def test_each_fault_is_an_anomaly(edit: Edit, name: str, what: str) -> None:
    assert anomalies(edited(edit)) == {name: what}


def test_padding_of_several_ids_is_sound() -> None:
    assert anomalies(edited(put("tags", -1, -1))) == {}


def test_a_negative_default_is_a_sound_id() -> None:
    spec = FeatureSpec((Feature("brand", default=-1, **ID),))
    lists = draw((3,), spec=spec)
    lists.values["brand"][:] = -1
    assert anomalies(stored(lists, spec), schema=schema_lib.render(spec)) == {}
    lists.values["brand"][:] = -2
    found = anomalies(stored(lists, spec), schema=schema_lib.render(spec))
    assert found == {"brand": "Out-of-range values"}


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        (UNLABELLED, {}),
        (0.0, {}),
        (2.5, {}),
        (-1.5, {"bought": "Out-of-range values"}),
        (float("nan"), {"bought": "Invalid values"}),
    ],
)
def test_a_task_is_a_number_or_no_label(value: float, faults: dict[str, str]) -> None:
    spec = FeatureSpec((Feature("x"),), tasks=("bought",))
    schema = schema_lib.render(spec)
    lists = draw((3,), spec=spec)
    lists.values["bought"][:] = value
    assert anomalies(stored(lists, spec), schema=schema) == faults
    [request] = [tf.train.Example.FromString(x) for x in stored(lists, spec)]
    for name in spec.label_columns:
        del request.features.feature[name]
    serialized = [request.SerializeToString()]
    assert anomalies(serialized, environment=schema_lib.SERVING, schema=schema) == {}


def test_types_and_presence_are_those_of_the_spec() -> None:
    by_name = {feature.name: feature for feature in SCHEMA.feature}
    float_, int_, bytes_ = schema_pb2.FLOAT, schema_pb2.INT, schema_pb2.BYTES
    kinds = {DType.FLOAT: float_, DType.INT: int_, DType.STRING: bytes_}
    assert {name: f.type for name, f in by_name.items()} == {
        **{f.name: kinds[f.dtype] for f in SPEC.raw},
        "grade": float_,
        "importance": float_,
    }
    assert all(f.presence.min_fraction == 1.0 for f in SCHEMA.feature)
    bounded = {name for name, f in by_name.items() if f.HasField("int_domain")}
    integers = (Transform.INTEGER,)
    assert bounded == {f.name for f in SPEC.features if f.transform == integers}


def test_transform_reads_what_the_columnar_parser_reads() -> None:
    """The schema's tensor representations and `data.columnar` describe the same tensors."""
    names = ("grade", "importance")
    parser = tensor_representation_util.CreateTfExampleParserConfig
    groups = SCHEMA.tensor_representation_group[""].tensor_representation
    assert set(groups) == {f.name for f in SPEC.raw} | set(names)
    types = {feature.name: feature.type for feature in SCHEMA.feature}
    expected = columnar.parsing_spec(SPEC.raw, labels=names)
    for name, representation in groups.items():
        found = parser(representation, types[name])
        if isinstance(found, tf.io.RaggedFeature):
            found = found._replace(partitions=tuple(found.partitions))
        assert found == expected[name], name


def test_the_scope_decides_about_the_shape() -> None:
    for feature in SPEC.raw:
        [rendered] = [f for f in SCHEMA.feature if f.name == feature.name]
        if feature.scope is Scope.CONTEXT:
            assert [dim.size for dim in rendered.shape.dim] == [feature.width]
        else:
            assert rendered.value_count.min == feature.width
