"""Which option acts on which loss; one that would do nothing is refused."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from data.errors import InputError
from models.losses.heads import n_outputs
from models.losses.names import NAMES
from models.losses.names import parse
from models.losses.options import DEFAULTS
from models.losses.options import LambdaWeight
from models.losses.options import LossOptions

_SOFTMAX = ("calibrated_softmax_loss", "softmax_loss")
_SIGMOID = "sigmoid_cross_entropy_loss"
_YETI = "yeti_logistic_loss"
_PAIRWISE = (
    "pairwise_hinge_loss",
    "pairwise_logistic_loss",
    "pairwise_mse_loss",
    "pairwise_soft_zero_one_loss",
    _YETI,
)
_APPROXIMATIONS = ("approx_mrr_loss", "approx_ndcg_loss", "gumbel_approx_ndcg_loss")
_RANKDISTIL = "coupled_rankdistil_loss"
_PLACKETT_LUCE = (_RANKDISTIL, "list_mle_loss")

_WEIGHTED: Mapping[LambdaWeight, tuple[str, ...]] = MappingProxyType(
    {
        LambdaWeight.NONE: (),
        LambdaWeight.LABEL_DIFF: _PAIRWISE,
        LambdaWeight.DCG: (*_PAIRWISE, *_SOFTMAX),
        LambdaWeight.NDCG: (*_PAIRWISE, *_SOFTMAX),
        LambdaWeight.NDCG_V2: _PAIRWISE,
        LambdaWeight.YETI_DCG: _PAIRWISE,
        LambdaWeight.PRECISION: _PAIRWISE,
        LambdaWeight.LIST_MLE: ("list_mle_loss",),
    }
)
"""The losses that a lambda weight acts on."""

_DCG = (LambdaWeight.DCG, LambdaWeight.NDCG, LambdaWeight.NDCG_V2, LambdaWeight.YETI_DCG)
_OF_WEIGHT: Mapping[str, tuple[LambdaWeight, ...]] = MappingProxyType(
    {
        "topn": (*_DCG, LambdaWeight.PRECISION),
        "smooth_fraction": (LambdaWeight.DCG, LambdaWeight.NDCG),
        "normalized": (LambdaWeight.DCG, LambdaWeight.YETI_DCG),
        "gain": _DCG,
        "discount": (*_DCG, LambdaWeight.LIST_MLE),
    }
)
"""The lambda weights that know an option."""

_OF_LOSS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "temperature": (
            *_APPROXIMATIONS,
            *_PAIRWISE,
            *_PLACKETT_LUCE,
            *_SOFTMAX,
            "unique_softmax_loss",
        ),
        "ordinal_size": ("ordinal_loss",),
        "use_fraction_label": ("ordinal_loss",),
        "virtual_label": ("calibrated_softmax_loss",),
        "sample_size": (_RANKDISTIL, "gumbel_approx_ndcg_loss", _YETI),
        "gumbel_temperature": ("gumbel_approx_ndcg_loss", _YETI),
        "topk": (_RANKDISTIL,),
        "exam_loss_weight": ("click_em_loss",),
        "rel_loss_weight": ("click_em_loss",),
        "mixture_size": ("mixture_em_loss",),
        "alpha": ("mixture_em_loss",),
        "probabilities": (_SIGMOID,),
        "seed": (*_PLACKETT_LUCE, "gumbel_approx_ndcg_loss", _YETI),
    }
)
"""The losses that know an option."""


def lambda_weight(name: str, options: LossOptions) -> LambdaWeight:
    """Returns the lambda weight that the loss `name` will have."""
    if name in _WEIGHTED[options.lambda_weight]:
        return options.lambda_weight
    return LambdaWeight.YETI_DCG if name == _YETI else LambdaWeight.NONE


def check(text: str, options: LossOptions = DEFAULTS) -> None:
    """Raises InputError when `text` is no loss or an option has no effect on it."""
    members = parse(text)
    names = [name for name, _ in members]
    for name in names:
        outputs = n_outputs(name, options)
        if outputs > 1 and len(names) > 1:
            raise InputError(
                f"{name} wants {outputs} scores per document, so it cannot be part of a sum"
            )
    if options.probabilities and _SIGMOID in names and len(names) > 1:
        raise InputError(
            f"option 'probabilities' needs {_SIGMOID} alone: of a sum, no score is a probability"
        )
    defaults = vars(DEFAULTS)
    for option, value in vars(options).items():
        if value != defaults[option] and not any(_acts(option, name, options) for name in names):
            raise InputError(_refusal(option, names, options))


def _acts(option: str, name: str, options: LossOptions) -> bool:
    if option == "lambda_weight":
        return name in _WEIGHTED[options.lambda_weight]
    weight = lambda_weight(name, options)
    if option == "seed" and weight in (*_DCG, LambdaWeight.PRECISION):
        return True
    if option not in _OF_WEIGHT:
        return name in _OF_LOSS[option]
    if name in _SOFTMAX:
        # It weighs documents, not pairs; topn is only where the best DCG ends.
        if option == "smooth_fraction":
            return False
        if option == "topn" and weight is LambdaWeight.DCG and not options.normalized:
            return False
    return weight in _OF_WEIGHT[option]


def _refusal(option: str, names: list[str], options: LossOptions) -> str:
    weight = options.lambda_weight
    losses = " + ".join(names)
    if option == "lambda_weight":
        knowing = ", ".join(name for name in NAMES if name in _WEIGHTED[weight])
        return f"lambda_weight '{weight.value}' does nothing for {losses}; it is for {knowing}"
    if option not in _OF_WEIGHT:
        knowing = ", ".join(name for name in NAMES if name in _OF_LOSS[option])
        return f"option '{option}' does nothing for {losses}; it is for {knowing}"
    text = f"option '{option}' does nothing for {losses} with lambda_weight '{weight.value}'"
    if option == "topn" and weight is LambdaWeight.DCG:
        return f"{text} unless it is normalized"
    knowing = ", ".join(known.value for known in _OF_WEIGHT[option])
    pairs = " of a pairwise loss" if option == "smooth_fraction" else ""
    return f"{text}; it is for lambda_weight {knowing}{pairs}"
