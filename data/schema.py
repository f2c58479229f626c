"""The schema of the stored lists, rendered from the feature spec rather than inferred."""

from __future__ import annotations

from tensorflow_metadata.proto.v0 import schema_pb2

from data.features import UNLABELLED
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform

SERVING = "SERVING"
"""The schema environment of requests, in which label, tasks and weight are absent."""

_TYPES = {
    DType.FLOAT: schema_pb2.FLOAT,
    DType.INT: schema_pb2.INT,
    DType.STRING: schema_pb2.BYTES,
}


def render(spec: FeatureSpec) -> schema_pb2.Schema:
    """Returns the schema: types, presence, value counts, domains and tensor representations.

    Label, tasks and weight belong to the default environment TRAINING and not to SERVING.
    """
    schema = schema_pb2.Schema()
    schema.default_environment.extend(["TRAINING", SERVING])
    for feature in spec.raw:
        _add(schema, feature)
    for name in spec.label_columns:
        added = _add(schema, Feature(name))
        added.not_in_environment.append(SERVING)
        added.float_domain.min = UNLABELLED if name in spec.tasks else 0.0
    return schema


def _add(schema: schema_pb2.Schema, feature: Feature) -> schema_pb2.Feature:
    added = schema.feature.add(name=feature.name, type=_TYPES[feature.dtype])
    added.presence.min_fraction = 1.0
    added.presence.min_count = 1
    if feature.dtype is DType.FLOAT:
        added.float_domain.disallow_nan = True
        added.float_domain.disallow_inf = True
    if feature.transform[-1] is Transform.INTEGER:
        added.int_domain.min = -1 if feature.width > 1 else min(0, int(feature.default or 0))
        added.int_domain.max = feature.size - 1
    tensor = schema.tensor_representation_group[""].tensor_representation[feature.name]
    if feature.scope is Scope.CONTEXT:
        added.shape.dim.add(size=feature.width)
        tensor.dense_tensor.column_name = feature.name
        tensor.dense_tensor.shape.dim.add(size=feature.width)
    else:
        added.value_count.min = feature.width
        _describe_ragged(tensor.ragged_tensor, feature)
    return added


def _describe_ragged(
    ragged: schema_pb2.TensorRepresentation.RaggedTensor, feature: Feature
) -> None:
    ragged.feature_path.step.append(feature.name)
    ragged.row_partition_dtype = schema_pb2.TensorRepresentation.RowPartitionDType.INT64
    if feature.width > 1:
        ragged.partition.add(uniform_row_length=feature.width)
