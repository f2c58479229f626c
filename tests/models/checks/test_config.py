"""The settings of the checks, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from data import plain
from data.errors import InputError
from models.checks import ChecksConfig
from models.checks import answers
from models.checks.config import NAMES


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"skip": {"paddin": "why"}},
            "skip: no check 'paddin', only finite, signatures, batch, padding, permutation,"
            " recommend, warmup, logged. Did you mean 'padding'?",
        ),
        ({"skip": {"padding": " "}}, "skip: padding: expected the reason, found none"),
        ({"sizes": []}, "sizes must be at least one number from 1 on, found ()"),
        ({"sizes": [10, 0]}, "sizes must be at least one number from 1 on, found (10, 0)"),
        ({"lists": 0}, "lists must be at least 1, found 0"),
        ({"requests": 0}, "requests must be at least 1, found 0"),
        ({"tolerance": 0}, "tolerance must be above 0, found 0"),
        ({"max_p99_ms": -1}, "max_p99_ms must be above 0, found -1"),
        ({"max_mb": 0}, "max_mb must be above 0, found 0"),
    ],
)
def test_wrong_settings_are_refused(table: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        plain.decode(ChecksConfig, table, "my.toml: serving: checks")
    assert str(error.value) == f"my.toml: serving: checks: {message}"


def test_every_check_may_be_skipped() -> None:
    assert (*answers.CHECKS, "warmup", "logged") == NAMES
    assert ChecksConfig(skip=dict.fromkeys(NAMES, "a reason"))
