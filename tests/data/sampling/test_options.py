"""The settings of negatives."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from data.errors import InputError
from data.sampling import NegativeKind
from data.sampling import Negatives


def test_four_uniform_negatives_unless_told_otherwise() -> None:
    assert Negatives() == Negatives(NegativeKind.UNIFORM, per_positive=4, power=0.75)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"per_positive": 0}, "per_positive must be at least 1, found 0"),
        ({"power": -0.5}, "power must be 0 or more, found -0.5"),
        ({"power": float("nan")}, "power must be 0 or more, found nan"),
    ],
)
def test_settings_that_draw_nothing_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Negatives(**settings)


def test_the_settings_load_no_tensorflow() -> None:
    code = "import sys, data.sampling; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
