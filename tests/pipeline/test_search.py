"""The search in the pipeline: the node, the configuration, `--tune`, and the report."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import tomli

from components import tuner
from components.tuner import TRIALS
from data import plain
from data.errors import InputError
from models.search import Outcome
from models.tuning import TunerConfig
from pipeline import commands
from pipeline import dag
from pipeline import decode
from pipeline import report
from pipeline.config import Config

SPACE: dict[str, Any] = {"model.dropout": {"low": 0.0, "high": 0.5}}


def config(search: dict[str, Any], **train: object) -> Config:
    """The demonstration with a `[tuner]` table."""
    table = tomli.loads(decode.shipped()["synthetic"].read_text())
    return decode.decode(
        {**table, "train": {**table["train"], **train}, "tuner": search}, "my.toml"
    )


def test_a_search_stands_between_transform_and_trainer() -> None:
    found = config({"trials": 4, "space": SPACE})
    nodes = {node.id: node for node in dag.create_pipeline(found).components}
    before = {name: {up.id for up in node.upstream_nodes} for name, node in nodes.items()}
    assert "Transform" in before["Tuner"]
    assert "Tuner" in before["Trainer"]
    assert nodes["Tuner"].exec_properties["tuner_fn"] == "components.tuner.tuner_fn"
    given = json.loads(nodes["Tuner"].exec_properties["custom_config"])
    assert plain.from_json(TunerConfig, given["tuner"]) == found.tuner
    assert given["state_dir"].endswith("runs/synthetic/tuning")
    best = nodes["Tuner"].outputs["best_hyperparameters"]
    assert nodes["Trainer"].inputs["hyperparameters"] == best


def test_a_space_alone_is_not_searched() -> None:
    off, none = config({"space": SPACE}), config({})
    assert [n.id for n in dag.create_nodes(off)] == [n.id for n in dag.create_nodes(none)]
    trainers = [
        nodes.exec_properties
        for c in (off, none)
        for nodes in dag.create_nodes(c)
        if nodes.id == "Trainer"
    ]
    assert trainers[0] == trainers[1]


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            {"space": {"model.droput": {"low": 0.0, "high": 0.5}}},
            "tuner.space: 'model.droput': unknown key 'droput'. Did you mean 'dropout'?",
        ),
        (
            {"space": {"model.dropout": {"choices": [0.5, 1.5]}}},
            "tuner.space: 'model.dropout' = 1.5: model: dropout must be in [0, 1), found 1.5",
        ),
        (
            {"space": {"model.dropout": {"low": 0.5, "high": 0.5}}},
            "tuner: space: model.dropout: low must be below high, found 0.5 and 0.5",
        ),
        ({"trails": 3}, "tuner: unknown key 'trails'. Did you mean 'trials'?"),
    ],
)
def test_mistakes_are_found_before_any_work(table: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as error:
        config(table)
    assert str(error.value) == f"my.toml: {expected}"


def test_tune_sets_the_trials() -> None:
    found = config({"trials": 4, "space": SPACE})
    assert commands.tuned(found, None) == found
    assert commands.tuned(found, 9).tuner == dataclasses.replace(found.tuner, trials=9)
    assert commands.tuned(found, 0).tuner.trials == 0
    assert commands.describe(found).endswith(", after 4 trials")
    for wrong, n, expected in (
        (config({}), 3, "trials need a space: name settings in [tuner.space]"),
        (found, -1, "trials must be 0 or more, found -1"),
    ):
        with pytest.raises(InputError) as error:
            commands.tuned(wrong, n)
        assert str(error.value) == f"--tune {n}: {expected}"


def test_shipped_spaces_are_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKING_DATA", "data-sets")
    found = {name: decode.load(name).tuner for name in decode.shipped()}
    assert {name for name, search in found.items() if search.space} == {"mq2008", "ohsumed"}
    assert not any(search.trials for search in found.values())


def test_the_report_lists_the_best_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = [
        Outcome(2, 0.51234, {"train.learning_rate": 0.00123456, "model.hidden_layer_dims": [8, 4]})
    ]
    found += [
        Outcome(n, 0.1, {**found[0].settings, "model.hidden_layer_dims": [8]}) for n in range(3, 12)
    ]
    found.append(Outcome(1, None, found[0].settings, "the loss became nan"))
    tables = [dataclasses.asdict(outcome) for outcome in found]
    (tmp_path / TRIALS).write_text(json.dumps(tables))
    assert tuner.outcomes(str(tmp_path)) == found
    lines = report.search(config({"trials": 11, "space": SPACE}), str(tmp_path)).splitlines()
    assert lines[:5] == [
        "the best of 11 trials, all in trials.json",
        "trial  ndcg@10  train.learning_rate  model.hidden_layer_dims",
        "-----  -------  -------------------  -----------------------",
        "2       0.5123             0.001235                   [8, 4]",
        "3       0.1000             0.001235                      [8]",
    ]
    assert len(lines) == 3 + report.BEST_TRIALS
