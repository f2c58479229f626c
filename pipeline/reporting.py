"""What the report of a run is made of."""

from __future__ import annotations

import dataclasses

from data.errors import InputError


@dataclasses.dataclass(frozen=True)
class ReportConfig:
    """How much is scored for the report.

    Attributes:
      lists: How many lists of the evaluation split are ranked by both models, to find those that
        gained or lost most.
      documents: On how many of their documents the importance of features is measured.
      repeats: How many times the values of each feature are dealt out anew for that; 0: importance
        is not measured.
    """

    lists: int = 1000
    documents: int = 5000
    repeats: int = 3

    def __post_init__(self) -> None:
        for name, least in (("lists", 1), ("documents", 1), ("repeats", 0)):
            found = getattr(self, name)
            if found < least:
                raise InputError(f"{name} must be at least {least}, found {found}")
