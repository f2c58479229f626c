"""From TOML to the configuration; what a mistake in the file is answered with."""

from pathlib import Path

import pytest
import tomli

from data.errors import InputError
from models.dnn import DnnConfig
from pipeline import decode


def table() -> dict[str, dict[str, object]]:
    return tomli.loads(decode.shipped()["synthetic"].read_text())


def message(changes: dict[str, dict[str, object]]) -> str:
    """The error that the demonstration's configuration gives with tables changed."""
    found = table()
    for name, values in changes.items():
        found[name] = {**found[name], **values}
    with pytest.raises(InputError) as error:
        decode.decode(found, "my.toml")
    return str(error.value)


def test_model_table_becomes_the_settings_of_its_family() -> None:
    config = decode.decode(table(), "my.toml")
    assert config.model.family == "dnn"
    assert isinstance(config.model.settings, DnnConfig)
    assert config.model.settings.hidden_layer_dims == (64, 32)


def test_unknown_keys_and_tables_are_refused_with_the_near_miss() -> None:
    assert message({"train": {"learning_rte": 1.0}}) == (
        "my.toml: train: unknown key 'learning_rte'. Did you mean 'learning_rate'?"
    )
    assert message({"model": {"droput": 0.5}}) == (
        "my.toml: model: unknown key 'droput'. Did you mean 'dropout'?"
    )
    with pytest.raises(InputError, match=r"my\.toml: unknown key 'trian'. Did you mean 'train'"):
        decode.decode({**table(), "trian": {}}, "my.toml")


def test_missing_tables_are_named() -> None:
    found = table()
    del found["push"]
    with pytest.raises(InputError, match=r"^my\.toml: key 'push' is missing$"):
        decode.decode(found, "my.toml")


def test_contradictions_across_tables_are_refused() -> None:
    assert message({"evaluation": {"slices": ["devise"]}}) == (
        "my.toml: evaluation.slices: 'devise' is no context feature. Did you mean 'device'?"
    )
    assert message(
        {"evaluation": {"metrics": ["ndcg@5"], "thresholds": {"ndcg@5": {"at_least": 0.1}}}}
    ) == (
        "my.toml: train.metric: 'ndcg@10' is not among evaluation.metrics. Did you mean 'ndcg@5'?"
    )
    assert message({"evaluation": {"metrics": ["ndcg@10", "weighted_ndcg@10"]}}) == (
        "my.toml: evaluation.metrics: 'weighted_ndcg@10' needs features.weight"
    )
    assert message({"evaluation": {"thresholds": {"ndcg@11": {"at_least": 0.1}}}}) == (
        "my.toml: evaluation: thresholds: 'ndcg@11' is not among the metrics."
        " Did you mean 'ndcg@1'?"
    )
    assert message({"pipeline": {"name": "my pipeline"}}) == (
        "my.toml: pipeline: name must be letters, digits, '-' or '_', found 'my pipeline'"
    )
    assert message({"examples": {"splits": {"train": "a"}}}) == (
        "my.toml: examples: splits must include 'train' and 'validation', found ['train']"
    )
    assert message({"examples": {"max_bad_share": 1.0}}) == (
        "my.toml: examples: max_bad_share must be in [0, 1), found 1.0"
    )


def test_environment_variables_stand_for_parts_of_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    found = table()
    found["examples"]["base"] = "${LOGS}/lists"
    monkeypatch.setenv("LOGS", "/somewhere")
    assert decode.decode(found, "my.toml").examples.base == "/somewhere/lists"
    monkeypatch.delenv("LOGS")
    assert message({"examples": {"base": "${LOGS}/lists"}}) == (
        "my.toml: examples: base: the environment variable LOGS is not set"
    )


def test_configuration_is_found_by_name_by_path_and_by_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(decode.shipped()["synthetic"].read_text().replace('"synthetic"', '"mine"'))
    monkeypatch.delenv(decode.VARIABLE, raising=False)
    assert decode.load().pipeline.name == "synthetic"
    assert decode.load(str(mine)).pipeline.name == "mine"
    monkeypatch.setenv(decode.VARIABLE, str(mine))
    assert decode.load().pipeline.name == "mine"


def test_file_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(decode.VARIABLE, raising=False)
    with pytest.raises(InputError) as error:
        decode.load("synthtic")
    assert str(error.value) == (
        "synthtic: no such file, and no shipped configuration. Did you mean 'synthetic'?"
    )
