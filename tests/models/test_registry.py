"""The families by name."""

from __future__ import annotations

import dataclasses

import pytest

from data import plain
from data.errors import InputError
from models import registry


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
