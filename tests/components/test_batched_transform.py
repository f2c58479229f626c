"""Transform's batches: no clock decides how large they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from google.protobuf import text_format
from tfx.types import standard_artifacts
from tfx.utils import io_utils
from tfx.utils import json_utils
from tfx_bsl.coders import batch_util

from components import batched_transform
from components import transform
from data import plain
from data import schema as schema_lib
from pipeline.own_code import path_of
from tests.samples import SPEC
from tests.samples import draw
from tests.samples import stored


def write(folder: Path, records: list[bytes]) -> str:
    """Writes records as ExampleGen does; returns the folder of the artifact."""
    path = folder / "Split-train" / "data-00000-of-00001.gz"
    path.parent.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for record in records:
            writer.write(record)
    return str(folder)


def test_all_batches_of_a_run_are_as_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[tuple[int, int]] = []

    def known(size: int | None, *rest: Any) -> dict[str, Any]:
        found = of_library(size, *rest)
        limits.append((found["min_batch_size"], found["max_batch_size"]))
        return found

    of_library = batch_util.GetBatchElementsKwargs
    monkeypatch.setattr(batch_util, "GetBatchElementsKwargs", known)
    examples, schema = standard_artifacts.Examples(), standard_artifacts.Schema()
    examples.uri = write(tmp_path / "examples", stored(draw([3, 5, 4])))
    examples.split_names = '["train"]'
    schema.uri = str(tmp_path / "schema")
    rendered = text_format.MessageToString(schema_lib.render(SPEC))
    io_utils.write_string_file(f"{schema.uri}/schema.pbtxt", rendered)
    graph, cases = standard_artifacts.TransformGraph(), standard_artifacts.Examples()
    graph.uri, cases.uri = str(tmp_path / "graph"), str(tmp_path / "transformed")
    context = batched_transform.Executor.Context([], tmp_dir=str(tmp_path), unique_id="1")
    batched_transform.Executor(context).Do(
        {"examples": [examples], "schema": [schema]},
        {"transform_graph": [graph], "transformed_examples": [cases]},
        {
            "preprocessing_fn": path_of(transform.preprocessing_fn),
            "custom_config": json_utils.dumps({"spec": plain.to_json(SPEC)}),
            "splits_config": '{"analyze": ["train"], "transform": ["train"]}',
            "disable_statistics": 1,
        },
    )
    assert limits
    assert all(least == most > 2**20 for least, most in limits)
    assert list((tmp_path / "transformed" / "Split-train").glob("*.gz"))
