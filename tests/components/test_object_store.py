"""All nodes on paths that are not local: a call that knows local files only fails here."""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from components import drift
from components import evaluator
from components import trainer
from components import tuner
from components.example_gen import executor
from components.example_gen.component import RankingExampleGen
from components.example_gen.component import check_files
from components.report import pages
from data import storage
from data import synthetic_files
from data.features import Feature
from data.features import FeatureSpec
from data.interactions import InteractionOptions
from data.readers import Format
from data.readers import ReadOptions
from data.storage import RemotePath
from data.synthetic import Synthetic
from models import scoring
from models import serving
from models import versions
from models.dnn import DnnConfig
from models.tuning import Axis
from models.tuning import TunerConfig
from pipeline import dag
from pipeline import decode
from pipeline.config import Config
from pipeline.config import ModelConfig
from pipeline.config import PipelineConfig
from pipeline.config import PushConfig
from pipeline.drift import DriftConfig
from pipeline.evaluation import Threshold
from pipeline.examples import ExamplesConfig
from tests.components.example_gen import test_interactions as interactions
from tests.components.object_store import execute


@pytest.fixture(autouse=True)
def _nothing_is_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`open("ram://a", "w")` and the like would leave files where the process runs."""
    monkeypatch.chdir(tmp_path)
    yield
    assert list(tmp_path.iterdir()) == []


def settings(folder: RemotePath) -> Config:
    """The demonstration, small, with a search."""
    config = decode.load("synthetic")
    columns = tuple(c for c in config.features.columns if c.name in ("intent", "price", "brand"))
    return dataclasses.replace(
        config,
        pipeline=PipelineConfig("remote", str(folder)),
        examples=dataclasses.replace(
            config.examples, base=str(folder / "logs"), synthetic=Synthetic(48, 16, 16)
        ),
        features=dataclasses.replace(config.features, columns=columns),
        model=ModelConfig("dnn", DnnConfig(hidden_layer_dims=(8,))),
        train=dataclasses.replace(config.train, epochs=2, export_latest=True),
        evaluation=dataclasses.replace(
            config.evaluation,
            confidence_intervals=False,
            min_lists=2,
            slices=(),
            thresholds={"ndcg@10": Threshold(at_least=0.01)},
        ),
        push=PushConfig(str(folder / "models")),
        drift=DriftConfig(numeric=0.9, requests=str(folder / "logs" / "test" / "*")),
        tuner=TunerConfig(trials=1, epochs=1, space={"train.learning_rate": Axis(0.01, 0.02)}),
    )


def test_a_whole_pipeline(remote: RemotePath) -> None:
    config = settings(remote)
    logs = storage.at(config.examples.base)
    assert config.examples.synthetic is not None
    synthetic_files.write(config.examples.synthetic, logs)
    check_files(config.examples)
    made: dict[tuple[str, str], list[Any]] = {}
    for node in dag.create_nodes(config):
        made |= execute(node, made, remote / "artifacts")

    [model] = made["Trainer", "model"]
    [run] = made["Trainer", "model_run"]
    summary = json.loads((storage.at(run.uri) / trainer.SUMMARY).read_text())
    assert summary["epochs"] == 2
    assert (storage.at(run.uri) / trainer.LATEST_MODEL / serving.EXTRA).is_dir()
    assert any(path.name.startswith("events") for path in storage.walk(storage.at(run.uri)))
    assert not list(storage.walk(remote / "training"))
    assert evaluator._unfit(model, model, ranks=False) == ""
    assert evaluator._unfit(model, model, ranks=True) == "has no catalogue"
    [trial] = tuner.outcomes(made["Tuner", "tuner_results"][0].uri)
    assert summary["tuned"] == trial.settings

    chosen = made["Tuner", "tuner_results"][0].get_string_custom_property(tuner.CHOSEN)
    assert " of 1: train.learning_rate = 0.0" in chosen
    [page] = made["RunReport", "report"]
    report = pages.read(storage.at(page.uri).read_text(), page.uri)
    assert report.outcome == "published"
    assert report.scores is not None
    assert {importance.feature for importance in report.scores.importance} >= {"price", "brand"}
    assert {column.name for column in report.columns} >= {"price", "intent"}

    [version] = versions.versions(storage.at(config.push.base))
    compared(config, made, version.version)
    [pushed] = made["Pusher", "pushed_model"]
    assert pushed.get_string_custom_property("pushed_destination") == str(version.path)
    assert set(version.manifest["data"]["splits"]) == {"train", "validation", "test"}
    [requests] = (logs / "test").iterdir()
    ranked = list(scoring.rank(config.push.base, requests))
    assert len(ranked) == 16
    assert np.isfinite([document.score for found in ranked for document in found.documents]).all()


def compared(config: Config, made: dict[tuple[str, str], list[Any]], version: int) -> None:
    """Looks for drift from what was published; there was nothing in the run itself."""
    [anomalies] = made["ExampleValidator", "anomalies"]
    compared = anomalies.get_string_custom_property(drift.COMPARED)
    assert compared == "no version was served: nothing to compare with"
    asked = anomalies.get_string_custom_property(drift.REQUESTS)
    assert asked == "2 figures of 16 with the training examples: all as allowed"
    [blessing] = made["ServingChecks", "blessing"]
    assert blessing.get_string_custom_property("logged_requests") == "16"
    assert config.drift is not None
    job = drift.Job(config.drift, config.features, config.push.base)
    [examples] = made["RankingExampleGen", "examples"]
    told = drift.look(job, made["StatisticsGen", "statistics"], examples)[1]
    assert told[drift.COMPARED].endswith(f" with the data of version {version}: all as allowed")


def ingest(remote: RemotePath, config: ExamplesConfig, spec: FeatureSpec) -> dict[str, int]:
    check_files(config)
    [artifact] = execute(RankingExampleGen(config, spec, code=""), {}, remote / "made").values()
    report: dict[str, int] = json.loads((storage.at(artifact[0].uri) / executor.REPORT).read_text())
    return report


def test_interactions_with_files_beside_them(remote: RemotePath) -> None:
    files = {**interactions.SIDES, "log.csv": interactions.log(*interactions.history())}
    for name, content in files.items():
        (remote / "logs" / name).write_text(content)
    config = ExamplesConfig(
        format=Format.INTERACTIONS,
        base=str(remote / "logs"),
        splits={"log": "log.csv"},
        interactions=InteractionOptions(**interactions.CSV),
    )
    report = ingest(remote, config, interactions.SPEC)
    assert report["test lists"] == 4


def test_impressions_some_of_them_refused(remote: RemotePath) -> None:
    rows = "".join(f"{i % 2},{i}\n" for i in range(60))
    content = gzip.compress(f"label,x\n{rows}1,cheap\n".encode())
    path = remote / "logs" / "a.csv.gz"
    tf.io.gfile.makedirs(str(path.parent))
    with tf.io.gfile.GFile(str(path), "wb") as file:
        file.write(content)
    config = ExamplesConfig(
        format=Format.CSV,
        base=str(remote / "logs"),
        splits={"log": "*"},
        hash_splits={"train": 2, "validation": 1},
        max_bad_share=0.1,
    )
    report = ingest(remote, config, FeatureSpec((Feature("x"),), impressions=True))
    assert (report["lists"], report["refused"]) == (60, 1)
    written = {p.name: p for p in storage.walk(remote / "made") if p.name.startswith("refused")}
    lines = "".join(path.read_text() for path in written.values())
    assert lines == f"{path}: row 61: column 'x': found 'cheap', expected a number\n"
    assert not (remote / "made" / "RankingExampleGen" / "examples" / executor.UNFINISHED).exists()


def test_files_of_list_sizes_are_part_of_the_node(remote: RemotePath) -> None:
    for name in ("train", "validation"):
        (remote / "logs" / f"{name}.txt").write_text("1 1:2\n0 1:3\n")
    config = ExamplesConfig(
        format=Format.LIBSVM,
        base=str(remote / "logs"),
        splits={"train": "train.txt", "validation": "validation.txt"},
        options=ReadOptions(query_suffix=".query"),
    )
    found = []
    for sizes in ("2\n", "1\n1\n"):
        storage.replace_text(remote / "logs" / "train.txt.query", sizes)
        node = RankingExampleGen(config, FeatureSpec((Feature("f1"),)), code="")
        found.append(executor.job_of(node.exec_properties).files)
    assert found == [(f"{remote}/logs/train.txt.query:{size}:0",) for size in (2, 4)]
