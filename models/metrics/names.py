"""Metrics by name: "ndcg@10" and the value it stands for."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable
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
    BPREF = "bpref"
    """Binary preference: how few irrelevant documents stand above the relevant ones."""
    PWA = "pwa"
    """Position weighted average: the mean label, a rank weighing its reciprocal."""
    PRECISION_IA = "precision_ia"
    """Intent-aware precision: the mean over subtopics of the precision for each."""
    ALPHA_DCG = "alpha_dcg"
    """Discounted cumulative gain in which a subtopic is worth less each time it comes up again."""


UNCUT = frozenset({Kind.ARP, Kind.OPA})
"""The metrics that take no cut-off. They average over labels and pairs rather than over lists."""

SUBTOPIC = frozenset({Kind.PRECISION_IA, Kind.ALPHA_DCG})
"""The metrics of labels by subtopic, `[batch_size, list_size, n_subtopics]`."""

_KINDS = {kind.value: kind for kind in Kind} | {"ordered_pair_accuracy": Kind.OPA}
"""The kinds by their names, and by TF-Ranking's where that is another."""

_WEIGHTED = "weighted_"
_SPELLING = re.compile(rf"({_WEIGHTED})?([a-z_]+?)(?:[@_]([0-9]+))?")


@dataclass(frozen=True)
class Metric:
    """One metric: its kind, how many of the top documents it looks at (`None`: all), and whether
    documents count by their weights.

    >>> Metric(Kind.NDCG, 10).name, Metric(Kind.ARP, weighted=True).name
    ('ndcg@10', 'weighted_arp')
    """

    kind: Kind
    topn: int | None = None
    weighted: bool = False

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
        """The canonical name, such as "ndcg@10" or "weighted_ndcg@10"."""
        cut = "" if self.topn is None else f"@{self.topn}"
        return f"{_WEIGHTED if self.weighted else ''}{self.kind.value}{cut}"

    @property
    def higher_is_better(self) -> bool:
        """False for ARP alone, where a model does well to bring the relevant to low ranks."""
        return self.kind is not Kind.ARP


def parse_metric(text: str) -> Metric:
    """Returns the metric of that name, such as "mrr" or "ndcg@10".

    TF-Ranking's "ndcg_10" and "ordered_pair_accuracy" are read as well. "weighted_" in front makes
    it weighted. Raises `InputError`, with the near miss, for a name that is none.

    >>> parse_metric("weighted_ndcg@10")
    Metric(kind=<Kind.NDCG: 'ndcg'>, topn=10, weighted=True)
    """
    spelling = _SPELLING.fullmatch(text)
    if spelling is None or spelling[2] not in _KINDS:
        word = re.sub("_?[0-9]*$", "", text.lower().split("@")[0])
        near = did_you_mean(word, [*_KINDS, *(_WEIGHTED + kind for kind in _KINDS)])
        near = near or f" Expected one of {', '.join(kind.value for kind in Kind)}."
        raise InputError(f"metric: unknown {text!r}.{near}")
    topn = None if spelling[3] is None else int(spelling[3])
    return Metric(_KINDS[spelling[2]], topn, weighted=spelling[1] is not None)


def check_pipeline_metrics(names: Iterable[str], *, weight: str) -> None:
    """Refuses the metrics that a pipeline cannot compute, with `InputError`.

    Args:
        names: the metrics that its configuration names.
        weight: the column of document weights; empty if there is none.

    >>> check_pipeline_metrics(["ndcg@10", "weighted_ndcg@10"], weight="importance")
    """
    for metric in map(parse_metric, names):
        if metric.kind in SUBTOPIC:
            raise InputError(
                f"evaluation.metrics: {metric.name!r} needs a label for each subtopic; a pipeline's"
                " documents have one label"
            )
        if metric.weighted and not weight:
            raise InputError(f"evaluation.metrics: {metric.name!r} needs features.weight")
