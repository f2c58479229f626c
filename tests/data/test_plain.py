"""Dataclasses from plain values: what is read, what is refused, and the way there and back."""

from __future__ import annotations

import dataclasses
import enum
import json
import re

import pytest

from data import plain
from data.errors import InputError
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform
from data.policies import Keep
from data.policies import ListPolicy
from models.metrics import PRESETS
from models.metrics import MetricContract
from models.training.config import TrainConfig
from tests.samples import SPEC


class Colour(str, enum.Enum):
    RED = "red"
    GREEN = "green"


@dataclasses.dataclass(frozen=True)
class Part:
    size: int
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.size < 0:
            raise InputError(f"size must be 0 or more, found {self.size}")


@dataclasses.dataclass(frozen=True)
class Whole:
    name: str
    colour: Colour = Colour.RED
    deep: bool = False
    parts: tuple[Part, ...] = ()
    by_name: dict[str, Part] = dataclasses.field(default_factory=dict)
    value: float | int | str | None = None
    words: str | tuple[str, ...] = ""
    derived: int = dataclasses.field(default=0, init=False)


def test_tables_become_dataclasses() -> None:
    table = {
        "name": "n",
        "colour": "green",
        "deep": True,
        "parts": [{"size": 1}, {"size": 2, "share": 1}],
        "by_name": {"a": {"size": 3}},
        "value": 7,
        "words": ["x", "y"],
    }
    assert plain.decode(Whole, table, "t") == Whole(
        name="n",
        colour=Colour.GREEN,
        deep=True,
        parts=(Part(1), Part(2, 1.0)),
        by_name={"a": Part(3)},
        value=7,
        words=("x", "y"),
    )


def test_a_single_value_stands_for_a_list_of_one() -> None:
    assert plain.decode(Whole, {"name": "n", "parts": {"size": 1}}, "t").parts == (Part(1),)
    assert plain.decode(Feature, {"name": "x", "transform": "log1p"}, "t").transform == (
        Transform.LOG1P,
    )


def test_a_part_may_be_built_already() -> None:
    part = Part(4)
    assert plain.decode(Whole, {"name": "n", "parts": [part]}, "t").parts[0] is part


@pytest.mark.parametrize("value", [3, 0.5, "text", None])
def test_a_union_keeps_the_type_of_the_value(value: object) -> None:
    found = plain.decode(Whole, {"name": "n", "value": value}, "t").value
    assert found == value
    assert type(found) is type(value)


def test_a_whole_number_may_stand_for_a_float_but_not_the_reverse() -> None:
    found = plain.decode(Part, {"size": 1, "share": 2}, "t").share
    assert type(found) is float
    with pytest.raises(InputError, match=r"^t: size: expected an integer, found 1\.0$"):
        plain.decode(Part, {"size": 1.0}, "t")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"nam": "n"}, "unknown key 'nam'. Did you mean 'name'?"),
        ({"name": "n", "zzzzz": 1}, "unknown key 'zzzzz'."),
        ({"name": "n", "derived": 1}, "unknown key 'derived'."),
        ({}, "key 'name' is missing"),
        ({"name": 3}, "name: expected a string, found 3"),
        ({"name": None}, "name: expected a string, found None"),
        ({"name": "n", "deep": 1}, "deep: expected true or false, found 1"),
        (
            {"name": "n", "colour": "gren"},
            "colour: expected one of red, green; found 'gren'. Did you mean 'green'?",
        ),
        ({"name": "n", "colour": 3}, "colour: expected one of red, green; found 3."),
        ({"name": "n", "parts": [3]}, "parts[0]: expected a table, found 3"),
        ({"name": "n", "parts": [{"size": 1}, {}]}, "parts[1]: key 'size' is missing"),
        (
            {"name": "n", "parts": [{"size": 1, "share": True}]},
            "parts[0]: share: expected a number, found True",
        ),
        (
            {"name": "n", "parts": [{"size": -1}]},
            "parts[0]: size must be 0 or more, found -1",
        ),
        ({"name": "n", "by_name": 3}, "by_name: expected a table, found 3"),
        (
            {"name": "n", "by_name": {"a": {"sise": 1}}},
            "by_name: a: unknown key 'sise'. Did you mean 'size'?",
        ),
        ({"name": "n", "value": [1]}, "value: expected a string, found [1]"),
        ({"name": "n", "value": True}, "value: expected a string, found True"),
        ({"name": "n", "words": ["a", 1]}, "words[1]: expected a string, found 1"),
    ],
)
def test_refusals_name_the_place(table: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(f'local.toml: part: {message}')}$"):
        plain.decode(Whole, table, "local.toml: part")


def test_a_misspelled_setting_is_named_with_its_near_miss() -> None:
    message = "local.toml: train: unknown key 'learning_rte'. Did you mean 'learning_rate'?"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        plain.decode(TrainConfig, {"learning_rte": 0.1}, "local.toml: train")


def test_a_rule_of_the_dataclass_is_told_with_the_place() -> None:
    message = "local.toml: features: columns[0]: feature 'x': width must be at least 1, found 0"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        plain.decode(FeatureSpec, {"columns": [{"name": "x", "width": 0}]}, "local.toml: features")


@pytest.mark.parametrize(
    "instance",
    [
        SPEC,
        FeatureSpec(
            (
                Feature("f*", members="1..136", default=-1.5),
                Feature("g_*", members=("a", "b"), default=3),
                Feature("c", dtype=DType.STRING, transform=(Transform.VOCABULARY,), default="none"),
                Feature("d", scope=Scope.CONTEXT, transform=(Transform.LOG1P, Transform.Z_SCORE)),
            )
        ),
        *PRESETS.values(),
        MetricContract(relevant_from=0.5, seed=3),
        ListPolicy(max_list_size=7, keep=Keep.SAMPLE),
        TrainConfig(learning_rate=1e-7, metric="mrr"),
    ],
    ids=lambda instance: type(instance).__name__,
)
def test_json_comes_back_as_it_went(instance: object) -> None:
    text = plain.to_json(instance)
    assert plain.from_json(type(instance), text) == instance
    assert plain.to_json(plain.from_json(type(instance), text)) == text


def test_json_is_plain_and_sorted() -> None:
    text = plain.to_json(Whole("n", parts=(Part(1),)))
    assert json.loads(text)["parts"] == [{"share": 0.5, "size": 1}]
    assert list(json.loads(text)) == sorted(json.loads(text))


def test_what_is_not_plain_is_no_json() -> None:
    with pytest.raises(TypeError, match=r"^expected plain values, found <object"):
        plain.to_json(Whole("n", words=(object(),)))  # type: ignore[arg-type]
