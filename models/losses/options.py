"""The settings of losses beside their names."""

from __future__ import annotations

import dataclasses
import enum
import math

from data.errors import InputError


class LambdaWeight(enum.Enum):
    """What a pair of documents, or a document, weighs: TF-Ranking's lambda weights.

    With weights from a ranking metric, a loss bounds that metric (Wang et al., The LambdaLoss
    Framework for Ranking Metric Optimization, 2018). Tied scores are ranked at random.
    """

    NONE = "none"
    """Every pair the same; but the Yeti loss has `yeti_dcg` by default."""
    LABEL_DIFF = "label_diff"
    """|l_i - l_j|."""
    DCG = "dcg"
    """What swapping the pair does to DCG; gain l and discount 1/rank by default."""
    NDCG = "ndcg"
    """The same for NDCG; gain 2^l - 1 and discount 1/log2(1 + rank) by default."""
    NDCG_V2 = "ndcg_v2"
    """The same, with a `topn` that follows from the theory."""
    YETI_DCG = "yeti_dcg"
    """DCG over pairs of neighbours only (Lyzhin et al., Which Tricks are Important for Learning to
    Rank?, 2022); gain 2^l - 1 and discount 1/log2(1 + rank) by default."""
    PRECISION = "precision"
    """1 for a relevant (label of at least 1) and another document on two sides of rank `topn`."""
    LIST_MLE = "list_mle"
    """A discount for each place of the right order (Lan et al., Position-Aware ListMLE, 2014);
    1/log2(1 + rank) by default."""


class Gain(enum.Enum):
    """What a document of label l is worth to a lambda weight, by TF-Ranking's names."""

    IDENTITY = "identity"
    """l."""
    POW_MINUS_1 = "pow_minus_1"
    """2^l - 1."""


class Discount(enum.Enum):
    """What share a rank, counted from 1, leaves to a lambda weight, by TF-Ranking's names."""

    INVERSE = "inverse"
    """1 / rank."""
    LOG2_INVERSE = "log2_inverse"
    """1 / log2(1 + rank)."""


@dataclasses.dataclass(frozen=True)
class LossOptions:
    """Settings of losses. An option acts on every loss of a sum that knows it.

    Attributes:
      lambda_weight: What pairs of documents weigh.
      topn: Ranks that the lambda weight looks at; None: all. `precision` needs it.
      smooth_fraction: Between LambdaLoss (0) and LambdaMART (1), in `dcg` and `ndcg` of pairs.
      normalized: Whether `dcg` or `yeti_dcg` is divided by the best DCG of the list.
      gain: Of the lambda weight; None: its own default.
      discount: Of the lambda weight; None: its own default.
      temperature: Scores are divided by it; None: 0.1 for the approximations of metrics, else 1.
      ordinal_size: Scores per document of the ordinal loss, one for each grade from 1 on.
      use_fraction_label: Whether a label of 1.2 is 0.2 of the way to the grade 2, in the ordinal
        loss; else it counts as 1.
      virtual_label: The label of the document of score 0 that the calibrated softmax adds.
      sample_size: Samples per list of the losses that draw: Yeti, Gumbel and RankDistil.
      gumbel_temperature: Divides scores with Gumbel noise, in the Yeti and Gumbel losses.
      topk: Places of the teacher's order that RankDistil learns; None: all.
      exam_loss_weight: Weight of the examination in the click EM loss.
      rel_loss_weight: Weight of the relevance in the click EM loss.
      mixture_size: Models in the mixture EM loss, each with a score per document.
      alpha: How sharply the mixture EM loss gives a list to the model that explains it best.
      probabilities: Whether scores are the probabilities of a click, `sigmoid(logit)`, wherever the
        model is validated, judged and served; for `sigmoid_cross_entropy_loss` alone. They rank as
        logits do, but for logits above 16 or so, which all become 1.
      seed: Fixes the draws of the Yeti, Gumbel and RankDistil losses, the order of equal labels in
        ListMLE, and of equal scores in lambda weights.
    """

    lambda_weight: LambdaWeight = LambdaWeight.NONE
    topn: int | None = None
    smooth_fraction: float = 0.0
    normalized: bool = False
    gain: Gain | None = None
    discount: Discount | None = None
    temperature: float | None = None
    ordinal_size: int = 1
    use_fraction_label: bool = False
    virtual_label: float = 0.0
    sample_size: int = 8
    gumbel_temperature: float = 1.0
    topk: int | None = None
    exam_loss_weight: float = 1.0
    rel_loss_weight: float = 1.0
    mixture_size: int = 2
    alpha: float = 1.0
    probabilities: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        values = dataclasses.asdict(self)
        for name in ("topn", "ordinal_size", "sample_size", "topk", "mixture_size"):
            if values[name] is not None and values[name] < 1:
                raise InputError(f"{name} must be 1 or more, found {values[name]}")
        for name in ("temperature", "gumbel_temperature", "alpha"):
            if values[name] is not None and not 0 < values[name] < math.inf:
                raise InputError(f"{name} must be positive, found {values[name]}")
        for name in ("virtual_label", "exam_loss_weight", "rel_loss_weight"):
            if not 0 <= values[name] < math.inf:
                raise InputError(f"{name} must be 0 or more, found {values[name]}")
        if not 0 <= self.smooth_fraction <= 1:
            raise InputError(f"smooth_fraction must be in [0, 1], found {self.smooth_fraction}")
        if not 0 <= self.seed < 2**31:
            raise InputError(f"seed must be in [0, 2^31), found {self.seed}")
        if self.lambda_weight is LambdaWeight.PRECISION and self.topn is None:
            raise InputError("lambda_weight 'precision' needs topn")


DEFAULTS = LossOptions()
"""Every loss as TF-Ranking has it."""
