"""Every loss by its name: padding, permutations, batches, lists of nothing and extreme scores."""

from __future__ import annotations

import numpy as np
import pytest

from models import losses
from tests.models.loss_cases import DETERMINISTIC
from tests.models.loss_cases import EVERY
from tests.models.loss_cases import LABELS
from tests.models.loss_cases import Array
from tests.models.loss_cases import options_of
from tests.models.loss_cases import scores_for
from tests.models.loss_cases import value_and_gradient

# These are divided by the number of places, padding included.
PER_PLACE = {
    "click_em_loss",
    "mean_squared_loss",
    "ordinal_loss",
    "pairwise_hinge_loss",
    "pairwise_logistic_loss",
    "pairwise_mse_loss",
    "pairwise_soft_zero_one_loss",
    "sigmoid_cross_entropy_loss",
}
# Without weights this adds something for each place of padding; its gradient sees none of it.
CONSTANT = {"list_mle_loss"}
# Divided by lists in one part and by places in the other.
MIXED = {text for text in EVERY if "," in text}
# The expectation is a constant to the gradient, not to the value.
EXPECTATION = {"click_em_loss", "mixture_em_loss"}
ORDER = np.array([2, 0, 3, 1])
PADDING = 5

deterministic = pytest.mark.parametrize("name", DETERMINISTIC)
every = pytest.mark.parametrize("name", EVERY)


def evaluate(
    name: str, labels: Array, scores: Array, *, weighted: bool = False
) -> tuple[float, Array]:
    """As in training: without a weight column no weights, with one a weight per document."""
    weights = np.where(labels >= 0, 2, 0).astype(np.float32) if weighted else None
    return value_and_gradient(losses.build(name, options_of(name)), labels, scores, weights)


def padded(array: Array, value: float) -> Array:
    widths = [(0, 0), (0, PADDING), (0, 0)][: array.ndim]
    return np.pad(array, widths, constant_values=value)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("padding_score", [0.0, 7.0, np.nan])
@pytest.mark.parametrize("name", [name for name in DETERMINISTIC if name not in MIXED])
def test_padding_changes_nothing(name: str, padding_score: float, weighted: bool) -> None:
    scores = scores_for(name)
    value, gradient = evaluate(name, LABELS, scores, weighted=weighted)
    longer, longer_gradient = evaluate(
        name, padded(LABELS, -1), padded(scores, padding_score), weighted=weighted
    )
    size = LABELS.shape[1]
    share = size / (size + PADDING) if name in PER_PLACE else 1.0
    if name not in CONSTANT:
        assert longer == pytest.approx(share * value, rel=1e-4)
    assert longer_gradient[:, :size] == pytest.approx(share * gradient, abs=1e-5)
    assert longer_gradient[:, size:] == pytest.approx(0.0, abs=1e-6)


@deterministic
def test_permuting_documents_permutes_the_gradient(name: str) -> None:
    scores = scores_for(name)
    value, gradient = evaluate(name, LABELS, scores)
    turned, turned_gradient = evaluate(name, LABELS[:, ORDER], scores[:, ORDER])
    assert turned == pytest.approx(value, rel=1e-4)
    assert turned_gradient == pytest.approx(gradient[:, ORDER], abs=1e-5)


@deterministic
def test_a_batch_is_the_mean_of_its_lists(name: str) -> None:
    scores = scores_for(name)
    value, gradient = evaluate(name, LABELS, scores)
    alone = [evaluate(name, LABELS[i : i + 1], scores[i : i + 1]) for i in range(3)]
    assert np.mean([one for one, _ in alone]) == pytest.approx(value, rel=1e-4)
    assert np.concatenate([one for _, one in alone]) / 3 == pytest.approx(gradient, abs=1e-5)


@every
def test_a_list_of_padding_costs_nothing(name: str) -> None:
    value, gradient = evaluate(name, np.full_like(LABELS, -1), scores_for(name))
    if name not in CONSTANT:
        assert value == pytest.approx(0.0, abs=1e-6)
    assert np.isfinite(value)
    assert gradient == pytest.approx(0.0, abs=1e-6)


@every
def test_a_batch_without_lists_costs_nothing(name: str) -> None:
    value, gradient = evaluate(name, LABELS[:0], scores_for(name)[:0])
    assert value == 0
    assert gradient.shape[0] == 0


@pytest.mark.parametrize("size", [0.0, 1.0, 1e4])
@pytest.mark.parametrize("labels", [LABELS, np.minimum(LABELS, 0)], ids=["graded", "irrelevant"])
@every
def test_value_and_gradient_are_finite(name: str, labels: Array, size: float) -> None:
    value, gradient = evaluate(name, labels, scores_for(name) * np.float32(size))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", [name for name in DETERMINISTIC if name not in EXPECTATION])
def test_a_step_down_the_gradient_lowers_the_loss(name: str) -> None:
    scores = scores_for(name)
    value, gradient = evaluate(name, LABELS, scores)
    assert evaluate(name, LABELS, scores - 0.01 * gradient)[0] < value


@pytest.mark.parametrize("name", ["list_mle_loss", "softmax_loss", "unique_softmax_loss"])
def test_low_scores_do_not_drown_in_padding(name: str) -> None:
    """TF-Ranking gives padding the score -23; a shift of the real scores must change nothing."""
    scores = np.round(scores_for(name) * 64) / 64  # so that sums with 256 are exact
    value, gradient = evaluate(name, LABELS, scores)
    shifted, shifted_gradient = evaluate(name, LABELS, scores - 256)
    assert shifted == pytest.approx(value, rel=1e-5)
    assert shifted_gradient == pytest.approx(gradient, abs=1e-5)


def test_list_mle_is_exact_where_scores_lie_far_apart() -> None:
    labels = np.array([[3, 2, 1, 0]], np.float32)
    scores = np.array([[0, -3e4, -1e4, -2e4]], np.float32)
    value, gradient = evaluate("list_mle_loss", labels, scores)
    # The right order is broken by the second document alone, which two later ones outrank.
    assert value == pytest.approx(-1e4 + 3e4)
    assert gradient == pytest.approx(np.array([[0, -1, 1, 0]]), abs=1e-3)


def test_softmax_is_the_cross_entropy_of_labels_and_scores() -> None:
    def one(labels: Array, scores: Array) -> float:
        return float(-(labels * (scores - np.log(np.exp(scores).sum()))).sum())

    scores = scores_for("softmax_loss")
    expected = [
        one(row[row >= 0], scores[row >= 0]) for row, scores in zip(LABELS, scores, strict=True)
    ]
    assert evaluate("softmax_loss", LABELS, scores)[0] == pytest.approx(np.mean(expected), rel=1e-4)
