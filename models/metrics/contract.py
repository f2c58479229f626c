"""The metric contract: the conventions that decide what a ranking metric's number means."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from data.errors import InputError
from data.errors import did_you_mean


class Gain(enum.Enum):
    """What a document of label l is worth to DCG and NDCG."""

    EXPONENTIAL = "exponential"
    """2^l - 1 (Burges et al., Learning to Rank using Gradient Descent, 2005)."""
    LINEAR = "linear"
    """l (Järvelin and Kekäläinen, Cumulated Gain-based Evaluation of IR Techniques, 2002)."""
    BINARY = "binary"
    """1 for a relevant document, 0 for another."""


class Discount(enum.Enum):
    """What share of its gain a document keeps at a rank; ranks count from 1."""

    LOG2 = "log2"
    """1 / log2(1 + rank)."""
    LETOR = "letor"
    """1 at rank 1 and 1 / log2(rank) from rank 2 on, so the first two ranks weigh the same."""
    RECIPROCAL = "reciprocal"
    """1 / rank."""


class Ties(enum.Enum):
    """The order of documents with the same score."""

    WORST = "worst"
    """Lower labels first: no model gains by giving equal scores. With subtopics the sum of a
    document's labels decides, then its place in the list: the worst order of all for `alpha_dcg` is
    too hard to find."""
    STABLE = "stable"
    """As the documents stand in the list."""
    RANDOM = "random"
    """Shuffled, with the contract's seed; one contract and one input give one value."""
    EXPECTED = "expected"
    """The exact mean over all orders of the tied documents (McSherry and Najork, Computing
    Information Retrieval Performance Measures Efficiently in the Presence of Tied Scores, 2008)."""


class Empty(enum.Enum):
    """What a list without a relevant document counts."""

    ZERO = "zero"
    """0, and it counts in the mean."""
    ONE = "one"
    """1, and it counts in the mean; 0 for DCG, which has no better value to reach."""
    SKIP = "skip"
    """Nothing: its weight is 0."""


class EmptyWeight(enum.Enum):
    """The weight, in a weighted metric, of a list without a relevant document."""

    OWN = "own"
    """The mean weight of its documents."""
    BATCH = "batch"
    """The mean weight of the other lists of its batch, 1 if there are none, as in TF-Ranking: the
    metric of a data set then depends on how its lists were batched."""


_GAIN_TEXT = {Gain.EXPONENTIAL: "2^l-1", Gain.LINEAR: "l", Gain.BINARY: "1 if relevant"}
_DISCOUNT_TEXT = {
    Discount.LOG2: "1/log2(1+rank)",
    Discount.LETOR: "1/log2(rank) from rank 2",
    Discount.RECIPROCAL: "1/rank",
}
_EMPTY_TEXT = {Empty.ZERO: "0", Empty.ONE: "1", Empty.SKIP: "skipped"}


@dataclass(frozen=True)
class MetricContract:
    """Every convention on which ranking systems differ; print `describe()` beside the number.

    Attributes:
        gain: the worth of a label, for DCG and NDCG.
        discount: the weight of a rank, for DCG, NDCG and alpha-DCG.
        ties: the order of documents with the same score.
        empty: what a list counts in which no document is relevant (DCG, NDCG and alpha-DCG: has
            gain; PWA: has a label above 0).
        relevant_from: the lowest relevant label, for the metrics that know only yes and no.
        seed: the seed of `Ties.RANDOM`.
        alpha: for alpha-DCG, the share of a subtopic's worth that each document covering it takes
            from those below, 0 to 1.
        trec_bpref: whether BPref divides by the smaller of the numbers of relevant and other
            documents, as TREC does, or by the number of relevant ones.
        empty_weight: the weight of a list without relevant documents, for weighted metrics.

    >>> MetricContract().describe()
    'gain 2^l-1, discount 1/log2(1+rank), ties worst, empty lists 0'
    """

    gain: Gain = Gain.EXPONENTIAL
    discount: Discount = Discount.LOG2
    ties: Ties = Ties.WORST
    empty: Empty = Empty.ZERO
    relevant_from: float = 1.0
    seed: int = 0
    alpha: float = 0.5
    trec_bpref: bool = True
    empty_weight: EmptyWeight = EmptyWeight.OWN

    def __post_init__(self) -> None:
        """Refuses a threshold at which label 0 would be relevant, and an alpha that is no share."""
        if not self.relevant_from > 0:
            raise InputError(
                f"metric contract: relevant_from: expected a label above 0, "
                f"found {self.relevant_from!r}"
            )
        if not 0 <= self.alpha <= 1:
            raise InputError(
                f"metric contract: alpha: expected a number from 0 to 1, found {self.alpha!r}"
            )

    def describe(self) -> str:
        """Returns the contract as one line of text; what differs from the usual comes last."""
        parts = [
            f"gain {_GAIN_TEXT[self.gain]}",
            f"discount {_DISCOUNT_TEXT[self.discount]}",
            f"ties {self.ties.value}",
            f"empty lists {_EMPTY_TEXT[self.empty]}",
        ]
        if self.ties is Ties.RANDOM:
            parts[2] += f" (seed {self.seed})"
        if self.relevant_from != 1.0:
            parts.append(f"relevant from label {self.relevant_from:g}")
        if self.alpha != 0.5:
            parts.append(f"alpha {self.alpha:g}")
        if not self.trec_bpref:
            parts.append("bpref over relevant documents")
        if self.empty_weight is EmptyWeight.BATCH:
            parts.append("empty lists weigh the mean of their batch")
        return ", ".join(parts)


PRESETS: Mapping[str, MetricContract] = MappingProxyType(
    {
        # What this project reports unless it is told otherwise.
        "default": MetricContract(),
        # `tfr.keras.metrics`: all of them, weighted or not. It shuffles ties, counts a list that
        # is all padding as an empty one, where we do not count it at all, and gives empty lists
        # `EmptyWeight.BATCH`, with which a metric would depend on the size of the batches.
        "tf-ranking": MetricContract(ties=Ties.RANDOM),
        # LightGBM's `ndcg`, and its `map` without a cut (cut at k it divides by min(k, relevant
        # documents), where we divide by all relevant documents).
        "lightgbm": MetricContract(ties=Ties.STABLE, empty=Empty.ONE),
        # `tensorflow_model_analysis.metrics.NDCG`. It orders ties as NumPy's unstable sort leaves
        # them, which differs between processors: with ties, this is the mean of what it may print.
        "tfma": MetricContract(gain=Gain.LINEAR, ties=Ties.EXPECTED, empty=Empty.SKIP),
        # The evaluation script of LETOR 2.0 and 3.0: the NDCG@k, P@k and MAP published with them.
        "letor": MetricContract(discount=Discount.LETOR, ties=Ties.STABLE),
    }
)
"""The contracts of systems that a number may have to be compared with, by name."""


def preset(name: str) -> MetricContract:
    """Returns the contract of that name; raises `InputError` with the near miss for another.

    >>> preset("letor").describe()
    'gain 2^l-1, discount 1/log2(rank) from rank 2, ties stable, empty lists 0'
    """
    if name not in PRESETS:
        near = did_you_mean(name, PRESETS) or f" Expected one of {', '.join(PRESETS)}."
        raise InputError(f"metric contract: unknown {name!r}.{near}")
    return PRESETS[name]
