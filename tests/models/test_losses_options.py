"""Weighted sums, options, and the refusal of those that would do nothing."""

from __future__ import annotations

import ast
import importlib
import inspect

import numpy as np
import pytest
import tensorflow as tf

from data.errors import InputError
from data.plain import decode
from models import losses
from models.losses import LambdaWeight
from models.losses import LossOptions

PAIRWISE = (
    "pairwise_hinge_loss, pairwise_logistic_loss, pairwise_mse_loss, pairwise_soft_zero_one_loss, "
    "yeti_logistic_loss"
)


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ("softmax_loss", (("softmax_loss", 1.0),)),
        (
            " softmax_loss : 0.9,\tsigmoid_cross_entropy_loss:1e-1 ",
            (("softmax_loss", 0.9), ("sigmoid_cross_entropy_loss", 0.1)),
        ),
        ("mean_squared_loss,softmax_loss:2", (("mean_squared_loss", 1.0), ("softmax_loss", 2.0))),
    ],
)
def test_sums(text: str, members: tuple[tuple[str, float], ...]) -> None:
    assert losses.parse(text) == members
    losses.check(text)


WRONG_SUMS = {
    "softmax_los": "unknown loss 'softmax_los'. Did you mean 'softmax_loss'?",
    "softmax_loss:1,": "unknown loss ''.",
    "softmax_loss:": "the weight of 'softmax_loss' must be a positive number, found ''",
    "softmax_loss:0": "the weight of 'softmax_loss' must be a positive number, found '0'",
    "softmax_loss:-1": "the weight of 'softmax_loss' must be a positive number, found '-1'",
    "softmax_loss:inf": "the weight of 'softmax_loss' must be a positive number, found 'inf'",
    "softmax_loss:nan": "the weight of 'softmax_loss' must be a positive number, found 'nan'",
    "softmax_loss:1:2": "the weight of 'softmax_loss' must be a positive number, found '1:2'",
    "softmax_loss,softmax_loss:2": (
        "the loss 'softmax_loss' stands twice in 'softmax_loss,softmax_loss:2'"
    ),
    "softmax_loss,click_em_loss": (
        "click_em_loss wants 2 scores per document, so it cannot be part of a sum"
    ),
}


@pytest.mark.parametrize("text", WRONG_SUMS)
def test_wrong_sums_are_refused(text: str) -> None:
    for function in (losses.check, losses.build):
        with pytest.raises(InputError) as error:
            function(text)
        assert str(error.value) == WRONG_SUMS[text]


USELESS = {
    ("softmax_loss", LossOptions(ordinal_size=4)): (
        "option 'ordinal_size' does nothing for softmax_loss; it is for ordinal_loss"
    ),
    ("softmax_loss, mean_squared_loss", LossOptions(topk=3)): (
        "option 'topk' does nothing for softmax_loss + mean_squared_loss; "
        "it is for coupled_rankdistil_loss"
    ),
    ("mixture_em_loss", LossOptions(temperature=2.0)): (
        "option 'temperature' does nothing for mixture_em_loss; it is for approx_mrr_loss, "
        "approx_ndcg_loss, calibrated_softmax_loss, coupled_rankdistil_loss, "
        f"gumbel_approx_ndcg_loss, list_mle_loss, {PAIRWISE.replace(', yeti_logistic_loss', '')}, "
        "softmax_loss, unique_softmax_loss, yeti_logistic_loss"
    ),
    ("softmax_loss", LossOptions(lambda_weight=LambdaWeight.PRECISION, topn=5)): (
        f"lambda_weight 'precision' does nothing for softmax_loss; it is for {PAIRWISE}"
    ),
    ("pairwise_mse_loss", LossOptions(topn=5)): (
        "option 'topn' does nothing for pairwise_mse_loss with lambda_weight 'none'; "
        "it is for lambda_weight dcg, ndcg, ndcg_v2, yeti_dcg, precision"
    ),
    ("softmax_loss", LossOptions(lambda_weight=LambdaWeight.DCG, topn=5)): (
        "option 'topn' does nothing for softmax_loss with lambda_weight 'dcg' "
        "unless it is normalized"
    ),
    ("softmax_loss", LossOptions(lambda_weight=LambdaWeight.NDCG, smooth_fraction=0.5)): (
        "option 'smooth_fraction' does nothing for softmax_loss with lambda_weight 'ndcg'; "
        "it is for lambda_weight dcg, ndcg of a pairwise loss"
    ),
    ("pairwise_mse_loss", LossOptions(lambda_weight=LambdaWeight.NDCG, normalized=True)): (
        "option 'normalized' does nothing for pairwise_mse_loss with lambda_weight 'ndcg'; "
        "it is for lambda_weight dcg, yeti_dcg"
    ),
    ("softmax_loss", LossOptions(probabilities=True)): (
        "option 'probabilities' does nothing for softmax_loss; it is for sigmoid_cross_entropy_loss"
    ),
    ("sigmoid_cross_entropy_loss, softmax_loss", LossOptions(probabilities=True)): (
        "option 'probabilities' needs sigmoid_cross_entropy_loss alone: of a sum, no score is a"
        " probability"
    ),
    ("softmax_loss", LossOptions(seed=1)): (
        "option 'seed' does nothing for softmax_loss; it is for coupled_rankdistil_loss, "
        "gumbel_approx_ndcg_loss, list_mle_loss, yeti_logistic_loss"
    ),
}


@pytest.mark.parametrize(("text", "options"), USELESS)
def test_an_option_that_does_nothing_is_refused(text: str, options: LossOptions) -> None:
    for function in (losses.check, losses.build):
        with pytest.raises(InputError) as error:
            function(text, options)
        assert str(error.value) == USELESS[text, options]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("softmax_loss, mean_squared_loss", LossOptions(temperature=2.0)),
        ("softmax_loss", LossOptions(lambda_weight=LambdaWeight.NDCG, topn=5, seed=1)),
        ("yeti_logistic_loss", LossOptions(topn=5, normalized=True)),
        ("mean_squared_loss, ordinal_loss", LossOptions(use_fraction_label=True)),
    ],
)
def test_an_option_that_one_of_a_sum_knows_is_taken(text: str, options: LossOptions) -> None:
    losses.check(text, options)


WRONG_OPTIONS = {
    "topn = 0": ({"topn": 0}, "topn must be 1 or more, found 0"),
    "temperature = 0": ({"temperature": 0}, "temperature must be positive, found 0.0"),
    "alpha = nan": ({"alpha": float("nan")}, "alpha must be positive, found nan"),
    "virtual_label": ({"virtual_label": -1}, "virtual_label must be 0 or more, found -1.0"),
    "smooth": ({"smooth_fraction": 2}, "smooth_fraction must be in [0, 1], found 2.0"),
    "seed": ({"seed": -1}, "seed must be in [0, 2^31), found -1"),
    "precision": ({"lambda_weight": "precision"}, "lambda_weight 'precision' needs topn"),
    "lambda_weight": (
        {"lambda_weight": "ndgc"},
        "lambda_weight: expected one of none, label_diff, dcg, ndcg, ndcg_v2, yeti_dcg, "
        "precision, list_mle; found 'ndgc'. Did you mean 'ndcg'?",
    ),
}


@pytest.mark.parametrize("case", WRONG_OPTIONS)
def test_wrong_options_are_refused(case: str) -> None:
    table, message = WRONG_OPTIONS[case]
    with pytest.raises(InputError) as error:
        decode(LossOptions, table, "a.toml")
    assert str(error.value) == f"a.toml: {message}"


def test_options_come_from_plain_values() -> None:
    table = {"lambda_weight": "dcg", "gain": "pow_minus_1", "discount": "inverse", "topn": 5}
    assert decode(LossOptions, table, "a.toml") == LossOptions(
        lambda_weight=LambdaWeight.DCG,
        gain=losses.Gain.POW_MINUS_1,
        discount=losses.Discount.INVERSE,
        topn=5,
    )


def test_scores_per_document() -> None:
    options = LossOptions(ordinal_size=4, mixture_size=3)
    wanted = {"ordinal_loss": 4, "click_em_loss": 2, "mixture_em_loss": 3}
    for name in losses.NAMES:
        assert losses.n_outputs(name, options) == wanted.get(name, 1)


def test_one_score_is_itself() -> None:
    scores = tf.constant([[3.0, -1.0]], tf.bfloat16)
    for text in ("softmax_loss", "ordinal_loss", "softmax_loss,mean_squared_loss"):
        assert losses.to_scores(scores, text) is scores


def test_several_scores_become_one() -> None:
    logits = np.random.default_rng(0).normal(size=(2, 3, 2)).astype(np.float32)
    chances = 1 / (1 + np.exp(-logits))
    mean = chances.mean(-1)
    expected = {
        "click_em_loss": logits[..., 1],
        "mixture_em_loss": np.log(mean / (1 - mean)),
        "ordinal_loss": chances.sum(-1),
    }
    for text, scores in expected.items():
        found = losses.to_scores(logits, text, LossOptions(ordinal_size=2))
        assert found.numpy() == pytest.approx(scores, abs=1e-5)


def test_mixtures_do_not_saturate() -> None:
    logits = tf.constant([[90.0, 90.0], [100.0, 100.0], [-1e4, -1e4]])
    assert losses.to_scores(logits, "mixture_em_loss").numpy() == pytest.approx([90, 100, -1e4])


def test_names_and_options_are_checked_without_tf_ranking() -> None:
    """What `models.losses` imports when it is imported, directly or not."""
    seen: set[str] = set()
    pending = [losses.__name__]
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            if name.startswith(losses.__name__):
                tree = ast.parse(inspect.getsource(importlib.import_module(name)))
                pending += [node.module or "" for node in tree.body if type(node) is ast.ImportFrom]
                imports = [node for node in tree.body if type(node) is ast.Import]
                pending += [alias.name for node in imports for alias in node.names]
    assert {"tensorflow", "models.losses.checks"} <= seen
    assert not [name for name in seen if name.startswith("tensorflow_ranking")]
