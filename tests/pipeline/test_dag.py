"""Which nodes there are, and what they wait for."""

import dataclasses
import json
import sys
from pathlib import Path

import pytest
from tfx.dsl.components.base import executor_spec

from pipeline import beam
from pipeline import dag
from pipeline import decode
from pipeline import own_code
from pipeline.config import Config


@pytest.fixture(scope="module")
def config() -> Config:
    return decode.load("synthetic")


def test_nodes_wait_for_what_they_need(config: Config) -> None:
    nodes = {node.id: node for node in dag.create_pipeline(config).components}
    before = {name: {up.id for up in node.upstream_nodes} for name, node in nodes.items()}
    assert before["Transform"] >= {"RankingExampleGen", "RankingSchema", "ExampleValidator"}
    assert before["Trainer"] >= {"Transform"}
    assert before["Evaluator"] >= {"Trainer", "RankingExampleGen", "LatestBlessedModel"}
    assert before["ServingChecks"] == {"Trainer", "RankingExampleGen"}
    assert before["Pusher"] == {
        *("Trainer", "Evaluator", "ServingChecks", "RankingExampleGen", "StatisticsGen")
    }
    assert before["RunReport"] >= {"Evaluator", "Pusher", "StatisticsGen", "Trainer"}
    assert len(nodes) == 11


def test_trees_are_trained_only_where_they_are_a_yardstick(config: Config) -> None:
    limits = dataclasses.replace(
        config.evaluation.thresholds["ndcg@10"], yardsticks={"lightgbm": 0.01}
    )
    evaluation = dataclasses.replace(config.evaluation, thresholds={"ndcg@10": limits})
    found = dataclasses.replace(config, evaluation=evaluation)
    nodes = {node.id: node for node in dag.create_pipeline(found).components}
    assert len(nodes) == 12
    assert {up.id for up in nodes["LambdaMart"].upstream_nodes} == {"RankingExampleGen"}
    assert "LambdaMart" in {up.id for up in nodes["Evaluator"].upstream_nodes}


def test_code_is_named_as_the_workers_can_import_it(config: Config) -> None:
    nodes = {node.id: node for node in dag.create_nodes(config)}
    assert nodes["Trainer"].exec_properties["run_fn"] == "components.trainer.run_fn"
    transform = nodes["Transform"].exec_properties
    assert transform["preprocessing_fn"] == "components.transform.preprocessing_fn"


def test_what_nodes_hold_or_write_needlessly_is_off(config: Config) -> None:
    nodes = {node.id: node for node in dag.create_nodes(config)}
    options = json.loads(nodes["StatisticsGen"].exec_properties["stats_options_json"])
    assert options["_use_sketch_based_topk_uniques"]
    assert "updated_analyzer_cache" not in nodes["Transform"].outputs


def test_nodes_of_beam_have_their_options(config: Config) -> None:
    options = beam.BeamConfig(("--a=1",), {"local": ("--b=1",)}, {"Transform": ("--c=1",)})
    for _ in range(2):  # what one pipeline is given, no other one has
        pipeline = dag.create_pipeline(dataclasses.replace(config, beam=options))
        specs = {node.id: node.executor_spec for node in pipeline.components}
        found = {
            name: spec.beam_pipeline_args
            for name, spec in specs.items()
            if isinstance(spec, executor_spec.BeamExecutorSpec)
        }
        assert found == {name: options.arguments(name, "local") for name in beam.NODES}


def test_fingerprint_is_that_of_the_code() -> None:
    assert own_code.code_fingerprint() == own_code.code_fingerprint()
    assert len(own_code.code_fingerprint()) == 16


def test_fingerprint_is_that_of_a_family_of_ones_own_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    text = "from models.dnn import *\nfrom models.registry import Family\n"
    text += "FAMILY = Family(DnnConfig, DnnRanker)\n"
    found = []
    for version in ("", "# edited\n"):
        (tmp_path / "own_dnn.py").write_text(text + version)
        own_code.code_fingerprint.cache_clear()
        found.append(own_code.code_fingerprint("own_dnn:FAMILY"))
    sys.modules.pop("own_dnn")
    assert len({*found, own_code.code_fingerprint(), own_code.code_fingerprint("dnn")}) == 3
