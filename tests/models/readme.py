"""The Python of the README's chapter on one's own model."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def own_models() -> list[str]:
    """Returns its blocks: a Keras model, the guide's network, a family."""
    text = (ROOT / "README.md").read_text("utf-8")
    chapter = text.partition("\n## Your own model\n")[2].partition("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", chapter, re.DOTALL)


def n_lines(block: str) -> int:
    """Returns the lines of code, imports and empty ones left out."""
    lines = [line for line in block.splitlines() if line.strip()]
    return sum(not line.startswith(("import ", "from ")) for line in lines)
