"""Metrics by name: "ndcg@10" and the value it stands for."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from data.errors import InputError
from data.errors import did_you_mean


class Kind(enum.Enum):
    """The metrics there are; `models.metrics.measures` has the formula of each."""

    NDCG = "ndcg"
    """Normalised discounted cumulative gain."""
    DCG = "dcg"
    """Discounted cumulative gain."""
    MRR = "mrr"
    """Reciprocal rank of the first relevant document."""
    MAP = "map"
    """Average precision."""
    PRECISION = "precision"
    """Share of the top documents that are relevant."""
    RECALL = "recall"
    """Share of the relevant documents that are at the top."""
    HITS = "hits"
    """Whether a relevant document is at the top."""
    ARP = "arp"
    """Average relevance position: the mean rank of a document, weighted by label."""
    OPA = "opa"
    """Ordered pair accuracy: the share of pairs of unlike labels that stand in the right order."""


UNCUT = frozenset({Kind.ARP, Kind.OPA})
"""The metrics that take no cut-off. They average over labels and pairs rather than over lists."""

_SPELLING = re.compile(r"([a-z]+)(?:[@_]([0-9]+))?")


@dataclass(frozen=True)
class Metric:
    """One metric: its kind, and how many of the top documents it looks at (`None`: all).

    >>> Metric(Kind.NDCG, 10).name, Metric(Kind.ARP).higher_is_better
    ('ndcg@10', False)
    """

    kind: Kind
    topn: int | None = None

    def __post_init__(self) -> None:
        """Refuses a cut-off below 1, and any for the metrics that take none."""
        if self.topn is None:
            return
        if self.kind in UNCUT:
            raise InputError(f"metric: {self.name!r}: {self.kind.value} takes no cut-off")
        if self.topn < 1:
            raise InputError(f"metric: {self.name!r}: expected a cut-off of 1 or more")

    @property
    def name(self) -> str:
        """The canonical name, such as "ndcg@10"."""
        return self.kind.value if self.topn is None else f"{self.kind.value}@{self.topn}"

    @property
    def higher_is_better(self) -> bool:
        """False for ARP alone, where a model does well to bring the relevant to low ranks."""
        return self.kind is not Kind.ARP


def parse_metric(text: str) -> Metric:
    """Returns the metric of that name, such as "mrr" or "ndcg@10" ("ndcg_10" is read as well).

    Raises `InputError`, with the near miss, for a name that is none.

    >>> parse_metric("ndcg@10")
    Metric(kind=<Kind.NDCG: 'ndcg'>, topn=10)
    """
    kinds = {kind.value: kind for kind in Kind}
    spelling = _SPELLING.fullmatch(text)
    if spelling is None or spelling[1] not in kinds:
        word = re.split("[@_]", text.lower())[0]
        near = did_you_mean(word, kinds) or f" Expected one of {', '.join(kinds)}."
        raise InputError(f"metric: unknown {text!r}.{near}")
    return Metric(kinds[spelling[1]], None if spelling[2] is None else int(spelling[2]))
