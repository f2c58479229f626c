"""Every loss compiled by XLA with static shapes, as TPUs need: value and gradient."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from models import losses
from models.losses import LambdaWeight
from models.losses import LossOptions
from tests.models.loss_cases import EVERY
from tests.models.loss_cases import RANDOM
from tests.models.loss_cases import Array
from tests.models.loss_cases import options_of
from tests.models.loss_cases import scores_for

LABELS = np.array([[2, 0, 1, 3, -1], [0, 1, -1, -1, -1], [-1] * 5, [0, 0.5, 1, 2, 3]], np.float32)
CASES = {
    **{text: (text, options_of(text)) for text in EVERY},
    "softmax by ndcg": ("softmax_loss", LossOptions(lambda_weight=LambdaWeight.NDCG)),
    "list_mle by rank": ("list_mle_loss", LossOptions(lambda_weight=LambdaWeight.LIST_MLE)),
    **{
        f"pairs by {weight.value}": (
            "pairwise_logistic_loss",
            LossOptions(lambda_weight=weight, topn=None if weight is weight.LABEL_DIFF else 2),
        )
        for weight in LambdaWeight
        if weight not in (LambdaWeight.NONE, LambdaWeight.LIST_MLE)
    },
}


def outcome(
    loss: tf.keras.losses.Loss, scores: Array, weights: Array | None, *, compiled: bool
) -> tuple[float, Array]:
    @tf.function(jit_compile=compiled)
    def step(labels: tf.Tensor, scores: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(scores)
            value = loss(labels, scores, sample_weight=weights)
        return value, tape.gradient(value, scores)

    value, gradient = step(tf.constant(LABELS), tf.constant(scores))
    return float(value), gradient.numpy()


@pytest.mark.parametrize("case", CASES)
def test_compiled_or_not_the_loss_is_the_same(case: str) -> None:
    text, options = CASES[case]
    loss = losses.build(text, options)
    scores = scores_for(text, LABELS)
    # Everything that is added to a graph is added for weights per document.
    weights = np.linspace(0.5, 2, LABELS.size, dtype=np.float32).reshape(LABELS.shape)
    value, gradient = outcome(loss, scores, weights, compiled=True)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    if text not in RANDOM:  # of which XLA draws others
        plain, plain_gradient = outcome(loss, scores, weights, compiled=False)
        assert value == pytest.approx(plain, rel=1e-5)
        assert gradient == pytest.approx(plain_gradient, abs=1e-5)


@pytest.mark.parametrize("text", RANDOM)
def test_compiled_draws_repeat(text: str) -> None:
    scores = scores_for(text, LABELS)
    first, second = (outcome(losses.build(text), scores, None, compiled=True)[1] for _ in range(2))
    assert (first == second).all()
    other = outcome(losses.build(text, LossOptions(seed=1)), scores, None, compiled=True)[1]
    assert (first != other).any()
