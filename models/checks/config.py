"""The settings of the checks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from data.errors import InputError
from data.errors import did_you_mean

NAMES = (
    *("finite", "signatures", "batch", "padding", "permutation", "recommend"),
    *("warmup", "logged"),
)
"""The names of the checks that may be skipped; `models.checks.answers` says what each is."""


@dataclasses.dataclass(frozen=True)
class ChecksConfig:
    """What the exported model is asked before it is published, and what it may cost.

    Attributes:
      lists: How many lists of the evaluation split it is asked about.
      tolerance: How far apart two scores of a document may be, in shares of a score above 1.
      skip: By name of a check, why it does not apply to this model.
      sizes: The numbers of documents of the requests that are timed.
      requests: How many of each are timed, one after the other.
      max_p99_ms: The most milliseconds that 99 of 100 requests of each size may take; None: any.
      max_mb: The most megabytes (10^6 bytes) that the model may have on disk; None: any.
    """

    lists: int = 16
    tolerance: float = 1e-4
    skip: Mapping[str, str] = dataclasses.field(default_factory=dict)
    sizes: tuple[int, ...] = (10, 100)
    requests: int = 100
    max_p99_ms: float | None = None
    max_mb: float | None = None

    def __post_init__(self) -> None:
        for name, reason in self.skip.items():
            if name not in NAMES:
                near = did_you_mean(name, NAMES)
                raise InputError(f"skip: no check '{name}', only {', '.join(NAMES)}.{near}")
            if not reason.strip():
                raise InputError(f"skip: {name}: expected the reason, found none")
        if not self.sizes or min(self.sizes) < 1:
            raise InputError(f"sizes must be at least one number from 1 on, found {self.sizes}")
        for name in ("lists", "requests"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, found {getattr(self, name)}")
        for name in ("tolerance", "max_p99_ms", "max_mb"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InputError(f"{name} must be above 0, found {value:g}")
