"""How the ids of a feature become vectors: the settings of its embeddings."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable
from collections.abc import Iterator

from data.errors import InputError


class Combiner(str, enum.Enum):
    """What the vectors of several ids become; a missing id counts for nothing."""

    MEAN = "mean"
    SUM = "sum"
    SQRTN = "sqrtn"
    """Their sum, divided by the square root of their number."""


class Lookup(str, enum.Enum):
    """Which rows of an embedding table belong to an id."""

    FULL = "full"
    """One of its own."""
    HASHED = "hashed"
    """One that a hash of the id and the feature's name chooses among `rows`. Coleman et al.,
    "Unified Embedding", NeurIPS 2023, where features share the table."""
    QUOTIENT_REMAINDER = "quotient_remainder"
    """The product of two: one among `rows` by the remainder of the id, another by the quotient. Shi
    et al., "Compositional Embeddings Using Complementary Partitions", KDD 2020."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EmbeddingSettings:
    """The settings of a feature's embeddings; all but `embedding_dim` are for ids alone.

    Attributes:
      embedding_dim: The length of an id's embedding vector.
      combiner: What the vectors of several ids become.
      table: The name of a table that features share; empty: one of its own.
      lookup: Which rows of the table belong to an id.
      rows: The rows that ids share, for a hashed lookup or one by quotient and remainder.
    """

    embedding_dim: int = 8
    combiner: Combiner = Combiner.MEAN
    table: str = ""
    lookup: Lookup = Lookup.FULL
    rows: int = 0

    @property
    def plain(self) -> bool:
        """Whether the ids have a table of their own, with a row for each."""
        return not self.table and self.lookup is Lookup.FULL

    def embedding_rules(self, *, ids: bool, stable: bool) -> Iterator[tuple[str, bool]]:
        """Yields the rules and whether they are broken.

        Args:
          ids: Whether the feature has ids.
          stable: Whether an id means the same in any feature of the same steps.
        """
        found = self.embedding_dim
        yield f"embedding_dim must be at least 1, found {found}", found < 1
        standard = EmbeddingSettings(embedding_dim=found)
        for name, value in vars(standard).items():
            yield (
                f"'{name}' is for ids, found no step that gives one",
                (not ids and vars(self)[name] != value),
            )
        full = self.lookup is Lookup.FULL
        yield "'rows' is for a lookup that shares rows, found full", full and self.rows != 0
        yield (
            f"'{self.lookup.value}' needs 'rows' of at least 1, found {self.rows}",
            (not full and self.rows < 1),
        )
        meaningless = bool(self.table) and not stable and self.lookup is not Lookup.HASHED
        yield (
            "a shared table needs ids that mean the same: 'hash', 'integer' or lookup 'hashed'",
            meaningless,
        )


def check_shared(features: Iterable[tuple[str, EmbeddingSettings]]) -> None:
    """Raises InputError unless features that share a table have it alike.

    Args:
      features: Their names and settings.
    """
    first: dict[str, tuple[str, EmbeddingSettings]] = {}
    for name, settings in features:
        owner, expected = first.setdefault(settings.table, (name, settings))
        for what in ("embedding_dim", "lookup", "rows") if settings.table else ():
            found = [getattr(vars(each)[what], "value", vars(each)[what]) for each in
                     (expected, settings)]  # fmt: skip
            if found[0] != found[1]:
                raise InputError(
                    f"table '{settings.table}': '{owner}' and '{name}' share it; expected the same"
                    f" {what}, found {found[0]} and {found[1]}"
                )
