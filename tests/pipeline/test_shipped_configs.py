"""Every configuration that comes with the package: it loads, and says what it is for."""

from __future__ import annotations

import pytest

from pipeline import decode

NAMES = sorted(decode.shipped())


def test_there_is_one_for_each_data_set() -> None:
    assert NAMES == [
        "criteo",
        "lightgbm-lambdarank",
        "ml-100k",
        "ml-1m",
        "ml-1m-dcn",
        "mq2008",
        "mslr-web30k-sample",
        "ncf-ml-1m-mf",
        "ncf-ml-1m-neumf",
        "ohsumed",
        "synthetic",
        "synthetic-gam",
        "tfr-samples-elwc",
        "tfr-samples-libsvm",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_it_loads_and_writes_to_a_folder_of_its_own(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANKING_DATA", "data-sets")
    config = decode.load(name)
    assert config.pipeline.name == name
    assert config.pipeline.root == f"runs/{name}"
    assert config.push.base == f"runs/{name}/models"


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_with_purpose_command_time_and_result(name: str) -> None:
    purpose, command, time, result = decode.shipped()[name].read_text("utf-8").splitlines()[:4]
    assert purpose.startswith("# ")
    assert purpose.endswith(".")
    assert command.startswith("# Command:  ")
    assert "make run" in command
    assert name in command or name == decode.DEFAULT
    assert time.startswith("# Time:     ")
    assert result.startswith("# Result:   ")
