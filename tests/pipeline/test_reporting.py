"""What the report is made of is bounded below."""

from __future__ import annotations

import pytest

from data.errors import InputError
from pipeline.reporting import ReportConfig


@pytest.mark.parametrize(("name", "least"), [("lists", 1), ("documents", 1), ("repeats", 0)])
def test_too_little_is_refused(name: str, least: int) -> None:
    assert getattr(ReportConfig(**{name: least}), name) == least
    with pytest.raises(InputError) as caught:
        ReportConfig(**{name: least - 1})
    assert str(caught.value) == f"{name} must be at least {least}, found {least - 1}"
