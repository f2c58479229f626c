"""The families by name."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from data import plain
from data.errors import InputError
from models import job as job_lib
from models import registry
from tests.models import jobs
from tests.models import readme


def test_an_unknown_family_is_refused_with_the_near_miss() -> None:
    with pytest.raises(InputError, match=r"^unknown family 'dnnn'\. Did you mean 'dnn'\?$"):
        registry.family("dnnn")
    with pytest.raises(InputError, match=r"^unknown family 'forest'\.$"):
        registry.family("forest")


@pytest.mark.parametrize("name", registry.FAMILIES)
def test_a_family_can_be_chosen_by_its_name_alone(name: str) -> None:
    config = registry.family(name).config
    assert dataclasses.is_dataclass(config)
    settings = plain.decode(config, {}, "x.toml: model")
    assert plain.from_json(config, plain.to_json(settings)) == settings


@pytest.fixture
def own_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "own_linear.py").write_text(readme.own_models()[2])
    monkeypatch.syspath_prepend(tmp_path)
    yield "own_linear:FAMILY"
    sys.modules.pop("own_linear", None)


def test_a_family_of_ones_own_takes_few_lines() -> None:
    assert readme.n_lines(readme.own_models()[2]) <= 20


def test_a_family_of_ones_own_trains_as_any_other(own_family: str, tmp_path: Path) -> None:
    job = jobs.job(
        tmp_path, family=own_family, settings={"use_bias": False}, epochs=2, learning_rate=0.05
    )
    model, result = job_lib.run(job, report=lambda line: None)
    assert [weight.shape.as_list()[-1] for weight in model.weights[-1:]] == [1]
    assert result.best > 0.7


def test_the_file_of_a_family_of_ones_own_is_known(own_family: str, tmp_path: Path) -> None:
    assert registry.source(own_family) == tmp_path / "own_linear.py"
    assert registry.source("dnn") is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such:FAMILY", "family 'no_such:FAMILY': found no module 'no_such'"),
        (
            "own_linear:FAMILIE",
            "family 'own_linear:FAMILIE': module 'own_linear' has no 'FAMILIE'."
            " Did you mean 'FAMILY'?",
        ),
        (
            "own_linear:LinearRanker",
            "family 'own_linear:LinearRanker': expected a models.registry.Family, found a type",
        ),
        ("own_linear:", "family 'own_linear:': expected my_package.my_module:FAMILY"),
        ("own-linear.py:X", "family 'own-linear.py:X': expected my_package.my_module:FAMILY"),
    ],
)
@pytest.mark.usefixtures("own_family")
def test_a_family_that_is_none_is_refused(name: str, message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        registry.family(name)
