"""The node that writes the schema."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx.types import standard_artifacts

from components.schema import RankingSchema
from data import plain
from data import schema as schema_lib
from tests.samples import SPEC


@pytest.mark.parametrize("code", ["abc", "def"])
def test_the_schema_is_the_one_of_the_spec(tmp_path: Path, code: str) -> None:
    node = RankingSchema(spec=plain.to_json(SPEC), code=code)
    artifact = standard_artifacts.Schema()
    artifact.uri = str(tmp_path)
    executor = RankingSchema.EXECUTOR_SPEC.executor_class()
    executor.Do({}, {"schema": [artifact]}, node.exec_properties)
    found = text_format.Parse((tmp_path / "schema.pbtxt").read_text(), schema_pb2.Schema())
    assert found == schema_lib.render(SPEC)
