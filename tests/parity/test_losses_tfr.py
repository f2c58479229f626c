"""Every loss against TF-Ranking's own, called directly: value and gradient."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from data.plain import decode
from models import losses
from models.losses import Discount
from models.losses import Gain
from models.losses import LambdaWeight
from models.losses import LossOptions
from models.losses.sampling import gumbel
from tests.models.loss_cases import RANDOM
from tests.models.loss_cases import Array
from tests.models.loss_cases import value_and_gradient

tfr = pytest.importorskip("tensorflow_ranking")

THEIRS = tfr.keras.losses
ORDINAL = LossOptions(ordinal_size=3)
LISTS, PLACES = 6, 8


def lists(name: str, *, ragged: bool = False) -> tuple[Array, Array]:
    """Returns graded labels and scores: equal ones, no relevant one, one document, none at all."""
    rng = np.random.default_rng(7)
    labels = rng.choice([0, 0, 0.5, 1, 2, 3], (LISTS, PLACES)).astype(np.float32)
    outputs = losses.n_outputs(name, ORDINAL if name == "ordinal_loss" else LossOptions())
    shape = (LISTS, PLACES) if outputs == 1 else (LISTS, PLACES, outputs)
    scores = rng.normal(size=shape).astype(np.float32)
    scores[3, 2:5] = scores[3, 1]
    labels[1] = 0
    if name == "list_mle_loss":  # which orders equal labels at random
        labels = rng.permuted(np.tile(np.arange(PLACES, dtype=np.float32), (LISTS, 1)), axis=1)
    sizes = np.array([PLACES, 5, 7, PLACES, 1, 1 if ragged else 0])
    labels[np.arange(PLACES) >= sizes[:, np.newaxis]] = -1
    return labels, scores


def weights_of(kind: str) -> Array | None:
    rng = np.random.default_rng(9)
    sizes = {"none": 0, "list": 1, "document": PLACES}
    weights = rng.uniform(0.5, 2, (LISTS, sizes[kind])).astype(np.float32)
    return weights if weights.size else None


def theirs(name: str, **settings: object) -> tf.keras.losses.Loss:
    if name == "click_em_loss":
        return THEIRS.ClickEMLoss(**settings)
    if name == "mixture_em_loss":
        return THEIRS.MixtureEMLoss(**settings)
    return THEIRS.get(name, **settings)


def assert_same(
    ours: tf.keras.losses.Loss,
    other: tf.keras.losses.Loss,
    labels: Array,
    scores: Array,
    weights: Array | None = None,
) -> None:
    value, gradient = value_and_gradient(ours, labels, scores, weights)
    expected, expected_gradient = value_and_gradient(other, labels, scores, weights)
    assert value == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert gradient == pytest.approx(expected_gradient, rel=1e-5, abs=1e-5)


@pytest.fixture
def same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets TF-Ranking have our noise where it would draw its own."""
    from tensorflow_ranking.python import losses_impl

    # The draws depend on the batch, and the tests of random losses have one.
    labels, scores = lists("yeti_logistic_loss")
    real = np.where(labels < 0, 0, scores).astype(np.float32)

    def draw(shape: list, eps: float = 0.0, seed: int | None = None) -> tf.Tensor:
        return gumbel(tf.constant(labels), tf.constant(real), sample_size=int(shape[1]), seed=0)

    monkeypatch.setattr(losses_impl, "_sample_gumbel", draw)


@pytest.mark.usefixtures("same_draws")
@pytest.mark.parametrize("kind", ["none", "list", "document"])
@pytest.mark.parametrize("name", losses.NAMES)
def test_every_loss(name: str, kind: str) -> None:
    """Padding, empty lists, equal labels and scores, and every kind of weights."""
    ordinal = name == "ordinal_loss"
    ours = losses.build(name, ORDINAL if ordinal else LossOptions())
    other = theirs(name, **({"ordinal_size": 3} if ordinal else {}))
    assert_same(ours, other, *lists(name), weights_of(kind))


def test_list_mle_where_the_order_of_equal_labels_does_not_matter() -> None:
    labels = np.array([[1, 1, 0, 0, 0, -1, -1]], np.float32)
    scores = np.array([[0.3, 0.3, 0.7, 0.7, 0.7, 2, 3]], np.float32)
    value, gradient = value_and_gradient(losses.build("list_mle_loss"), labels, scores)
    expected, expected_gradient = value_and_gradient(theirs("list_mle_loss"), labels, scores)
    assert value == pytest.approx(expected, rel=1e-5)
    groups = [0, 2, 5]  # either order gives one of a group the gradient of another
    assert np.add.reduceat(gradient, groups, axis=1) == pytest.approx(
        np.add.reduceat(expected_gradient, groups, axis=1), abs=1e-5
    )


SETTINGS = {
    "half": ("temperature", 0.5, [*losses.NAMES]),
    "warm": ("temperature", 3.0, [*losses.NAMES]),
    "virtual_label": ("virtual_label", 1.5, ["calibrated_softmax_loss"]),
    "sample_size": ("sample_size", 3, [*RANDOM]),
    "gumbel": ("gumbel_temperature", 2.0, ["gumbel_approx_ndcg_loss", "yeti_logistic_loss"]),
    "topk": ("topk", 2, ["coupled_rankdistil_loss"]),
    "exam": ("exam_loss_weight", 0.3, ["click_em_loss"]),
    "rel": ("rel_loss_weight", 0.3, ["click_em_loss"]),
    "alpha": ("alpha", 0.3, ["mixture_em_loss"]),
}
WITHOUT_TEMPERATURE = {
    "click_em_loss",
    "mean_squared_loss",
    "mixture_em_loss",
    "ordinal_loss",
    "sigmoid_cross_entropy_loss",
}


@pytest.mark.usefixtures("same_draws")
@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        (name, option, value)
        for option, value, names in SETTINGS.values()
        for name in names
        if option != "temperature" or name not in WITHOUT_TEMPERATURE
    ],
)
def test_options(name: str, option: str, value: float) -> None:
    ours = losses.build(name, decode(LossOptions, {option: value}, "options"))
    assert_same(ours, theirs(name, **{option: value}), *lists(name))


def test_fractions_of_grades() -> None:
    ours = losses.build("ordinal_loss", LossOptions(ordinal_size=3, use_fraction_label=True))
    other = theirs("ordinal_loss", ordinal_size=3, use_fraction_label=True)
    assert_same(ours, other, *lists("ordinal_loss"))


@pytest.mark.parametrize(
    "name", [name for name in losses.NAMES if name not in {*RANDOM, "calibrated_softmax_loss"}]
)
@pytest.mark.parametrize("kind", ["none", "document"])
def test_ragged_lists(name: str, kind: str) -> None:
    labels, scores = lists(name, ragged=True)
    ragged = [
        None if array is None else tf.ragged.boolean_mask(array, labels >= 0)
        for array in (labels, scores, weights_of(kind))
    ]
    size = {"ordinal_size": 3} if name == "ordinal_loss" else {}
    found = losses.build(name, decode(LossOptions, size, "options"), ragged=True)(*ragged)
    expected = theirs(name, ragged=True, **size)(*ragged)
    assert found.numpy() == pytest.approx(expected.numpy(), rel=1e-5)


PAIRWISE = (
    "pairwise_hinge_loss",
    "pairwise_logistic_loss",
    "pairwise_mse_loss",
    "pairwise_soft_zero_one_loss",
)
SOFTMAX = ("calibrated_softmax_loss", "softmax_loss")
GAIN, DISCOUNT = tfr.keras.utils.pow_minus_1, tfr.keras.utils.inverse
BY_DCG = LossOptions(lambda_weight=LambdaWeight.DCG)
BY_NDCG = LossOptions(lambda_weight=LambdaWeight.NDCG)
BY_YETI = LossOptions(lambda_weight=LambdaWeight.YETI_DCG)
LAMBDAS = {
    "label_diff": (
        PAIRWISE,
        LossOptions(lambda_weight=LambdaWeight.LABEL_DIFF),
        THEIRS.LabelDiffLambdaWeight(),
    ),
    "dcg": ((*PAIRWISE, *SOFTMAX), BY_DCG, THEIRS.DCGLambdaWeight()),
    "dcg of another kind": (
        (*PAIRWISE, *SOFTMAX),
        LossOptions(
            lambda_weight=LambdaWeight.DCG,
            normalized=True,
            topn=3,
            gain=Gain.POW_MINUS_1,
            discount=Discount.INVERSE,
        ),
        THEIRS.DCGLambdaWeight(topn=3, gain_fn=GAIN, rank_discount_fn=DISCOUNT, normalized=True),
    ),
    "ndcg": ((*PAIRWISE, *SOFTMAX), BY_NDCG, THEIRS.NDCGLambdaWeight()),
    "smooth ndcg": (
        PAIRWISE,
        LossOptions(lambda_weight=LambdaWeight.NDCG, smooth_fraction=0.3, topn=3),
        THEIRS.NDCGLambdaWeight(topn=3, smooth_fraction=0.3),
    ),
    "ndcg_v2": (
        PAIRWISE,
        LossOptions(lambda_weight=LambdaWeight.NDCG_V2, topn=3),
        THEIRS.NDCGLambdaWeightV2(topn=3),
    ),
    "yeti_dcg": (PAIRWISE, BY_YETI, THEIRS.YetiDCGLambdaWeight()),
    "yeti_dcg of another kind": (
        (*PAIRWISE, "yeti_logistic_loss"),
        LossOptions(lambda_weight=LambdaWeight.YETI_DCG, topn=3, normalized=True),
        THEIRS.YetiDCGLambdaWeight(topn=3, normalized=True),
    ),
    "precision": (
        PAIRWISE,
        LossOptions(lambda_weight=LambdaWeight.PRECISION, topn=2),
        THEIRS.PrecisionLambdaWeight(topn=2),
    ),
    "list_mle": (
        ("list_mle_loss",),
        LossOptions(lambda_weight=LambdaWeight.LIST_MLE),
        THEIRS.ListMLELambdaWeight(rank_discount_fn=tfr.keras.utils.log2_inverse),
    ),
}


@pytest.mark.usefixtures("same_draws")
@pytest.mark.parametrize(
    ("case", "name"), [(case, name) for case, (names, _, _) in LAMBDAS.items() for name in names]
)
def test_lambda_weights(case: str, name: str) -> None:
    _, options, weight = LAMBDAS[case]
    labels, scores = lists(name)
    if name != "yeti_logistic_loss":  # whose noise separates equal scores
        scores[3, 1:5] += np.arange(4)  # they are ranked at random
    ours, other = losses.build(name, options), theirs(name, lambda_weight=weight)
    for kind in ("none", "list", "document"):
        assert_same(ours, other, labels, scores, weights_of(kind))


def test_a_weighted_sum() -> None:
    labels, scores = lists("softmax_loss")
    sum_of = {"softmax_loss": 0.9, "sigmoid_cross_entropy_loss": 0.1, "approx_ndcg_loss": 2.0}
    text = ",".join(f"{name}:{weight}" for name, weight in sum_of.items())
    for kind in ("none", "list", "document"):
        weights = weights_of(kind)
        each = [value_and_gradient(theirs(name), labels, scores, weights) for name in sum_of]
        value, gradient = value_and_gradient(losses.build(text), labels, scores, weights)
        shares = list(sum_of.values())
        assert value == pytest.approx(np.dot(shares, [one for one, _ in each]), rel=1e-5)
        expected = sum(share * one for share, (_, one) in zip(shares, each, strict=True))
        assert gradient == pytest.approx(expected, abs=1e-5)
