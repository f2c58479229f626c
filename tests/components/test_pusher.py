"""The Pusher: a blessed model becomes a version with a manifest, another one nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tfx import types
from tfx.types import standard_artifacts

from components import evaluation
from components import pusher
from components.evaluation import Slice
from components.example_gen.executor import REPORT
from models import switching
from models import versions

CONFIG = {"pipeline": {"name": "demo"}}
METRICS = {"ndcg@10": 0.75, "mrr": 0.5, "mrr_diff": 0.125}


def channel(kind: type[types.Artifact]) -> types.BaseChannel:
    return types.Channel(type=kind)


def node(base: Path, **changes: Any) -> pusher.Pusher:
    settings = {
        "contract": "gain 2^l-1",
        "metrics": ("ndcg@10", "mrr"),
        "config": json.dumps(CONFIG),
        "keep": 0,
        "share": 0.0,
        **changes,
    }
    return pusher.Pusher(
        model=channel(standard_artifacts.Model),
        model_blessing=channel(standard_artifacts.ModelBlessing),
        infra_blessing=channel(standard_artifacts.InfraBlessing),
        evaluation=channel(standard_artifacts.ModelEvaluation),
        examples=channel(standard_artifacts.Examples),
        statistics=channel(standard_artifacts.ExampleStatistics),
        base=str(base),
        **settings,
    )


@pytest.fixture(autouse=True)
def _metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    slices = [Slice({"device": "phone"}, {"ndcg@10": 0.1}, {}), Slice({}, METRICS, {})]
    monkeypatch.setattr(evaluation, "slices", lambda uri: slices)


def push(
    folder: Path, *, blessed: bool, sound: bool = True, content: str = "weights", **settings: Any
) -> standard_artifacts.Model:
    """Runs the node's executor; returns what it says of the pushed model."""
    model, blessing = standard_artifacts.Model(), standard_artifacts.ModelBlessing()
    examples, judged = standard_artifacts.Examples(), standard_artifacts.ModelEvaluation()
    pushed, checked = standard_artifacts.PushedModel(), standard_artifacts.InfraBlessing()
    statistics = standard_artifacts.ExampleStatistics()
    checked.set_int_custom_property("blessed", int(sound))
    for artifact, name in (
        *((model, "model"), (blessing, "blessing"), (examples, "examples")),
        *((judged, "evaluation"), (pushed, "pushed"), (statistics, "statistics")),
    ):
        artifact.uri = str(folder / name)
        (folder / name).mkdir(exist_ok=True)
    (folder / "model" / "Format-Serving").mkdir(exist_ok=True)
    (folder / "model" / "Format-Serving" / "saved_model.pb").write_text(content)
    blessing.set_int_custom_property("blessed", int(blessed))
    (folder / "blessing" / ("BLESSED" if blessed else "NOT_BLESSED")).touch()
    examples.split_names = '["train", "test"]'
    (folder / "examples" / REPORT).write_text(json.dumps({"train lists": 30}))
    statistics.split_names = '["train", "test"]'
    (folder / "statistics" / "Split-train").mkdir(exist_ok=True)
    (folder / "statistics" / "Split-train" / "FeatureStats.pb").write_bytes(b"of train")
    examples.set_string_custom_property("spans", "[[6, 0], [7, 2]]")  # as ExampleGen does
    examples.set_string_custom_property("input_fingerprint", "split:train,num_files:1")
    inputs = {
        "model": [model],
        "model_blessing": [blessing],
        "infra_blessing": [checked],
        "evaluation": [judged],
        "examples": [examples],
        "statistics": [statistics],
    }
    properties = node(folder / "store", **settings).exec_properties
    pusher.Executor().Do(inputs, {"pushed_model": [pushed]}, properties)
    return pushed


def test_a_blessed_model_is_published_with_what_it_is(tmp_path: Path) -> None:
    pushed = push(tmp_path, blessed=True)
    [version] = versions.versions(tmp_path / "store")
    assert version.live
    assert (version.path / "saved_model.pb").read_text() == "weights"
    assert version.manifest["data"] == {
        "splits": ["train", "test"],
        "spans": [[6, 0], [7, 2]],
        "fingerprint": "split:train,num_files:1",
        "counts": {"train lists": 30},
    }
    assert (version.path / versions.STATISTICS).read_bytes() == b"of train"
    assert version.manifest["metrics"] == {
        "contract": "gain 2^l-1",
        "values": {"ndcg@10": 0.75, "mrr": 0.5},
    }
    assert version.manifest["config"] == CONFIG
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_destination") == str(version.path)
    assert pushed.get_string_custom_property("pushed_version") == str(version.version)
    assert pushed.get_string_custom_property(pusher.UNCHANGED) == "no"


@pytest.mark.parametrize("blessed", [False, True])
def test_a_model_without_both_blessings_is_not_published(tmp_path: Path, blessed: bool) -> None:
    pushed = push(tmp_path, blessed=blessed, sound=not blessed)
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "store").exists()


def test_the_same_model_is_not_published_twice(tmp_path: Path) -> None:
    push(tmp_path, blessed=True)
    pushed = push(tmp_path, blessed=True)
    assert pushed.get_string_custom_property(pusher.UNCHANGED) == "yes"
    push(tmp_path, blessed=True, content="other weights")
    found = versions.versions(tmp_path / "store")
    assert [(version.path / "saved_model.pb").read_text() for version in found] == [
        "other weights",
        "weights",
    ]


def test_settings_are_part_of_the_node(tmp_path: Path) -> None:
    one, other = node(tmp_path), node(tmp_path, contract="gain l")
    assert one.exec_properties["custom_config"] != other.exec_properties["custom_config"]


def test_a_canary_is_published_beside_what_is_served(tmp_path: Path) -> None:
    for content, share in (("one", "0"), ("two", "0.05")):
        pushed = push(tmp_path, blessed=True, content=content, share=0.05)
        assert pushed.get_string_custom_property(pusher.CANARY) == share
    canary, stable = versions.versions(tmp_path / "store")
    assert (canary.canary, stable.live) == (True, True)
    told = json.loads((tmp_path / "store" / switching.FILE).read_text())
    assert told == {"stable": stable.version, "canary": canary.version, "share": 0.05}


def test_old_versions_are_removed_and_told(tmp_path: Path) -> None:
    for content in ("one", "two"):
        pushed = push(tmp_path, blessed=True, content=content, keep=2)
        assert pushed.get_string_custom_property(pusher.REMOVED) == ""
    oldest = versions.versions(tmp_path / "store")[-1].version
    pushed = push(tmp_path, blessed=True, content="three", keep=2)
    assert pushed.get_string_custom_property(pusher.REMOVED) == str(oldest)
    assert len(versions.versions(tmp_path / "store")) == 2
