"""Frozen dataclasses from plain values (TOML, JSON), strictly; every refusal says where.

Unknown keys, missing keys and values of another type are refused with the near miss. A single
value may stand for a list of one, and a part may be built already. General libraries for this give
error texts of their own, and translating them one by one is longer than this module.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import types
import typing
from collections.abc import Mapping
from typing import Any
from typing import TypeVar

from data.errors import InputError
from data.errors import did_you_mean

T = TypeVar("T")


def decode(cls: type[T], value: object, where: str) -> T:
    """Builds a dataclass from a table of plain values.

    Args:
      cls: The dataclass.
      value: The table.
      where: The place for error texts, such as `local.toml: train`.

    Raises:
      InputError: A key is unknown or missing, or a value has another type or breaks a rule.
    """
    return typing.cast(T, _decode(cls, value, where))


def to_json(instance: object) -> str:
    """Returns a dataclass as JSON that `from_json` reads back."""
    table = dataclasses.asdict(instance)  # type: ignore[call-overload]
    return json.dumps(table, sort_keys=True, default=_plain_value)


def _plain_value(value: object) -> object:
    if isinstance(value, enum.Enum):
        return value.value
    raise TypeError(f"expected plain values, found {value!r}")


def from_json(cls: type[T], text: str) -> T:
    """Reads what `to_json` wrote."""
    return decode(cls, json.loads(text), cls.__name__)


def _decode(kind: Any, value: object, where: str) -> object:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _decode_union(args, value, where)
    if origin is tuple:
        items = value if isinstance(value, list | tuple) else [value]
        return tuple(_decode(args[0], item, f"{where}[{i}]") for i, item in enumerate(items))
    if origin in (dict, Mapping):
        table = _table(value, where)
        return {key: _decode(args[1], item, f"{where}: {key}") for key, item in table.items()}
    if dataclasses.is_dataclass(kind):
        if isinstance(value, typing.cast(type, kind)):
            return value
        return _decode_dataclass(kind, _table(value, where), where)
    if issubclass(kind, enum.Enum):
        return _decode_enum(kind, value, where)
    return _decode_scalar(kind, value, where)


def _table(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: expected a table, found {value!r}")
    return value


def _decode_dataclass(cls: Any, table: Mapping[str, object], where: str) -> object:
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}
    for key in table:
        if key not in fields:
            raise InputError(f"{where}: unknown key '{key}'.{did_you_mean(key, fields)}")
    for name, field in fields.items():
        optional = (
            field.default is not dataclasses.MISSING
            or field.default_factory is not dataclasses.MISSING
        )
        if name not in table and not optional:
            raise InputError(f"{where}: key '{name}' is missing")
    values = {key: _decode(hints[key], item, f"{where}: {key}") for key, item in table.items()}
    try:
        return cls(**values)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _decode_enum(cls: type[enum.Enum], value: object, where: str) -> enum.Enum:
    options = [member.value for member in cls]
    if value not in options:
        near = did_you_mean(str(value), options)
        raise InputError(f"{where}: expected one of {', '.join(options)}; found {value!r}.{near}")
    return cls(value)


def _decode_union(args: tuple[Any, ...], value: object, where: str) -> object:
    for kind in args:
        if kind is type(None) and value is None:
            return None
        if isinstance(kind, type) and type(value) is kind:
            return value
    errors = []
    for kind in args:
        if kind is not type(None):
            try:
                return _decode(kind, value, where)
            except InputError as error:
                errors.append(error)
    raise errors[-1]


def _decode_scalar(kind: type, value: object, where: str) -> object:
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        name = {
            "str": "a string",
            "int": "an integer",
            "float": "a number",
            "bool": "true or false",
        }
        raise InputError(f"{where}: expected {name[kind.__name__]}, found {value!r}")
    return value
