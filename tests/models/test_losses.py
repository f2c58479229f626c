"""Every loss by its name: padding, permutations, batches, lists of nothing and extreme scores."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from data.errors import InputError
from models import losses

# These draw random numbers; no two calls agree.
RANDOM = {"coupled_rankdistil_loss", "gumbel_approx_ndcg_loss", "yeti_logistic_loss"}
# These are divided by the number of places, padding included.
PER_PLACE = {
    "mean_squared_loss",
    "pairwise_hinge_loss",
    "pairwise_logistic_loss",
    "pairwise_mse_loss",
    "pairwise_soft_zero_one_loss",
    "sigmoid_cross_entropy_loss",
}
# Without weights this adds something for each place of padding; its gradient sees none of it.
CONSTANT = {"list_mle_loss"}
# The largest scores it can take: it exponentiates their differences.
EXTREME = {"list_mle_loss": 20.0}
DETERMINISTIC = [name for name in losses.NAMES if name not in RANDOM]

# No two labels of a list are equal, which list_mle_loss would order at random.
LABELS = np.array([[2, 0, 1, 3], [0, 1, -1, -1], [1, 0, 2, -1]], np.float32)
SCORES = np.random.default_rng(0).normal(size=LABELS.shape).astype(np.float32)
ORDER = np.array([2, 0, 3, 1])
PADDING = 5


def value_and_gradient(
    name: str, labels: np.ndarray, scores: np.ndarray, *, weighted: bool = False
) -> tuple[float, np.ndarray]:
    """As in training: without a weight column no weights, with one a weight per document."""
    variable = tf.Variable(scores)
    weights = np.float32(labels >= 0) * 2 if weighted else None
    with tf.GradientTape() as tape:
        value = losses.build(name)(labels, variable, sample_weight=weights)
    return float(value), tf.convert_to_tensor(tape.gradient(value, variable)).numpy()


def padded(array: np.ndarray, value: float) -> np.ndarray:
    return np.pad(array, [[0, 0], [0, PADDING]], constant_values=value)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("padding_score", [0.0, 7.0])
@pytest.mark.parametrize("name", DETERMINISTIC)
def test_padding_changes_nothing(name: str, padding_score: float, weighted: bool) -> None:
    value, gradient = value_and_gradient(name, LABELS, SCORES, weighted=weighted)
    longer, longer_gradient = value_and_gradient(
        name, padded(LABELS, -1), padded(SCORES, padding_score), weighted=weighted
    )
    size = LABELS.shape[1]
    share = size / (size + PADDING) if name in PER_PLACE else 1.0
    if name not in CONSTANT:
        assert longer == pytest.approx(share * value, rel=1e-4)
    assert longer_gradient[:, :size] == pytest.approx(share * gradient, abs=1e-5)
    assert longer_gradient[:, size:] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_permuting_documents_permutes_the_gradient(name: str) -> None:
    value, gradient = value_and_gradient(name, LABELS, SCORES)
    turned, turned_gradient = value_and_gradient(name, LABELS[:, ORDER], SCORES[:, ORDER])
    assert turned == pytest.approx(value, rel=1e-4)
    assert turned_gradient == pytest.approx(gradient[:, ORDER], abs=1e-5)


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_a_batch_is_the_mean_of_its_lists(name: str) -> None:
    value, gradient = value_and_gradient(name, LABELS, SCORES)
    alone = [value_and_gradient(name, LABELS[i : i + 1], SCORES[i : i + 1]) for i in range(3)]
    assert np.mean([one for one, _ in alone]) == pytest.approx(value, rel=1e-4)
    assert np.concatenate([one for _, one in alone]) / 3 == pytest.approx(gradient, abs=1e-5)


@pytest.mark.parametrize("name", losses.NAMES)
def test_a_list_of_padding_costs_nothing(name: str) -> None:
    value, gradient = value_and_gradient(name, np.full_like(LABELS, -1), SCORES)
    if name not in CONSTANT:
        assert value == pytest.approx(0.0, abs=1e-6)
    assert np.isfinite(gradient).all()
    assert gradient == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("size", ["zero", "usual", "extreme"])
@pytest.mark.parametrize("labels", [LABELS, np.minimum(LABELS, 0)], ids=["graded", "irrelevant"])
@pytest.mark.parametrize("name", losses.NAMES)
def test_value_and_gradient_are_finite(name: str, labels: np.ndarray, size: str) -> None:
    extreme = EXTREME.get(name, 1e4)
    scale = {"zero": 0.0, "usual": 1.0, "extreme": extreme}[size]
    value, gradient = value_and_gradient(name, labels, SCORES * scale)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_a_step_down_the_gradient_lowers_the_loss(name: str) -> None:
    value, gradient = value_and_gradient(name, LABELS, SCORES)
    assert value_and_gradient(name, LABELS, SCORES - 0.01 * gradient)[0] < value


def test_an_unknown_loss_is_refused_with_the_near_miss() -> None:
    message = r"^unknown loss 'softmax_los'\. Did you mean 'softmax_loss'\?$"
    with pytest.raises(InputError, match=message):
        losses.check("softmax_los")
    with pytest.raises(InputError, match=message):
        losses.build("softmax_los")


def test_softmax_is_the_cross_entropy_of_labels_and_scores() -> None:
    def one(labels: np.ndarray, scores: np.ndarray) -> float:
        return float(-(labels * (scores - np.log(np.exp(scores).sum()))).sum())

    expected = [
        one(row[row >= 0], scores[row >= 0]) for row, scores in zip(LABELS, SCORES, strict=True)
    ]
    assert value_and_gradient("softmax_loss", LABELS, SCORES)[0] == pytest.approx(
        np.mean(expected), rel=1e-4
    )
