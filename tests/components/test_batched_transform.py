"""Transform's batches: no clock decides how large they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts
from tfx.utils import json_utils
from tfx_bsl.coders import batch_util

from components import batched_transform
from components import transform
from data import plain
from pipeline.own_code import path_of
from tests.components.artifacts import examples_in
from tests.components.artifacts import schema_in
from tests.samples import SPEC
from tests.samples import draw


def test_all_batches_of_a_run_are_as_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[tuple[int, int]] = []

    def known(size: int | None, *rest: Any) -> dict[str, Any]:
        found = of_library(size, *rest)
        limits.append((found["min_batch_size"], found["max_batch_size"]))
        return found

    of_library = batch_util.GetBatchElementsKwargs
    monkeypatch.setattr(batch_util, "GetBatchElementsKwargs", known)
    examples = examples_in(tmp_path / "examples", train=draw([3, 5, 4]))
    schema = schema_in(tmp_path / "schema")
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
