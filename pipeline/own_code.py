"""Our own code as nodes know it: by names, and by a fingerprint for the cache."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from models import registry

PACKAGES = ("data", "models", "components")


@functools.cache
def code_fingerprint(family: str = "") -> str:
    """Returns a hash of our code, so that the cache sees an edit: TFX looks at names only.

    Args:
      family: A family whose file, where it is the user's own, counts as well.
    """
    top = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    settings = [top / "pipeline" / name for name in ("config.py", "examples.py", "spans.py")]
    for path in sorted([*settings, *(p for name in PACKAGES for p in (top / name).rglob("*.py"))]):
        digest.update(str(path.relative_to(top)).encode() + path.read_bytes())
    own = registry.source(family)
    if own is not None:
        digest.update(family.encode() + own.read_bytes())
    return digest.hexdigest()[:16]


def path_of(function: object) -> str:
    """Returns the name by which the workers import a function."""
    return f"{function.__module__}.{function.__qualname__}"  # type: ignore[attr-defined]
