"""The click model of one's own parts: every argument, every kind of input, and its counterpart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_recommenders as tfrs

from data.embedding import Combiner
from models.ctr.cross import CrossNetwork
from models.ctr.dot import Dot
from models.ctr.ranking import Ranking
from models.embedding.by_name import EmbeddingsByName
from models.strategy import DistributionConfig
from models.strategy import Strategy
from models.strategy import connect
from models.strategy import precision
from models.training.composite import CompositeOptimizer

SIZES = {"brand": 5, "city": 4}
DIM = 16
ROWS = 6


def inputs(n: int = ROWS) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    ids = {name: tf.constant(rng.integers(0, size, [n, 1])) for name, size in SIZES.items()}
    return {
        "dense_features": tf.constant(rng.normal(size=[n, 3]), tf.float32),
        "sparse_features": ids,
    }


LABELS = np.array([1, 0, 1, 1, 0, 0], np.float32)


def embeddings(**settings: Any) -> EmbeddingsByName:
    return EmbeddingsByName(SIZES, dim=DIM, initializer="normal", **settings)


def ranking(**parts: Any) -> Ranking:
    tf.keras.utils.set_random_seed(1)
    return Ranking(embeddings(), **parts)


def n_inputs(model: Ranking) -> int:
    """The width of what the top stack gets."""
    model(inputs())
    first = next(v for v in model._top_stack.trainable_variables if v.shape.rank == 2)
    return first.shape[0]


def test_the_defaults_are_those_of_its_counterpart() -> None:
    model = ranking()
    model(inputs())
    widths = [v.shape[1] for v in model.dense_trainable_variables if v.shape.rank == 2]
    assert widths == [256, 64, 16, 512, 256, 1]
    assert n_inputs(model) == DIM + 3  # three pairs of three vectors


class Looked(tf.keras.layers.Layer):
    """Embeddings as the counterpart wants them, `[n_rows, 1, dim]`."""

    def __init__(self) -> None:
        super().__init__()
        self._tables = {n: tf.keras.layers.Embedding(s, DIM) for n, s in SIZES.items()}

    def call(self, ids: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        return {name: self._tables[name](each) for name, each in ids.items()}


def counterpart_and_ours(concat_dense: bool = True) -> tuple[tfrs.models.Model, Ranking]:
    """Both with the same weights; the counterpart's embeddings are no layer of ours."""
    theirs = tfrs.experimental.models.Ranking(Looked(), concat_dense=concat_dense)
    theirs(inputs())
    ours = Ranking(embeddings(), concat_dense=concat_dense)
    ours(inputs())
    for v, w in zip(
        ours.embedding_trainable_variables, theirs.embedding_trainable_variables, strict=True
    ):
        v.assign(w)
    for part in ("_bottom_stack", "_top_stack"):
        one, other = (vars(model)[part].trainable_variables for model in (ours, theirs))
        for v, w in zip(one, other, strict=True):
            v.assign(w)
    return theirs, ours


@pytest.mark.parametrize("concat_dense", [True, False])
def test_it_scores_as_its_counterpart(concat_dense: bool) -> None:
    theirs, ours = counterpart_and_ours(concat_dense)
    assert ours(inputs()).numpy() == pytest.approx(theirs(inputs()).numpy(), abs=1e-6)


def test_it_learns_as_its_counterpart() -> None:
    histories = []
    for model in counterpart_and_ours():
        model.compile(tf.keras.optimizers.SGD(0.1))
        data = tf.data.Dataset.from_tensors((inputs(), LABELS)).repeat(5)
        history = model.fit(data, verbose=0, epochs=2).history
        histories.append(history)
    for name in ("auc", "accuracy", "prediction_mean", "label_mean"):
        assert histories[1][name] == pytest.approx(histories[0][name], abs=1e-5), name


def test_a_batch_may_have_one_row() -> None:
    model = ranking()
    whole = model(inputs()).numpy()
    first = tf.nest.map_structure(lambda t: t[:1], inputs())
    assert model(first).numpy() == pytest.approx(whole[:1], abs=1e-6)
    model.compile("sgd")
    model.fit(tf.data.Dataset.from_tensors((first, LABELS[:1])), verbose=0)


def test_the_embeddings_can_be_of_ones_own() -> None:
    tf.keras.utils.set_random_seed(1)
    model = Ranking(Looked())
    assert model(inputs()).shape == [ROWS]
    assert model(tf.nest.map_structure(lambda t: t[:1], inputs())).shape == [1]


def test_the_bottom_stack_can_be_of_ones_own() -> None:
    bottom = tf.keras.layers.Dense(DIM, use_bias=False)
    model = ranking(bottom_stack=bottom)
    model(inputs())
    assert [v.shape.as_list() for v in bottom.trainable_variables] == [[3, DIM]]


PARTS: dict[str, tuple[Any, int]] = {
    "own dots": (lambda: Dot(self_interaction=True), 6),
    "own crosses": (lambda: CrossNetwork(2, projection_dim=4), 3 * DIM),
    "dots of the library": (tfrs.layers.feature_interaction.DotInteraction, 3),
    "crosses of the library": (
        lambda: tf.keras.Sequential(
            [tf.keras.layers.Concatenate(), tfrs.layers.feature_interaction.Cross()]
        ),
        3 * DIM,
    ),
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("concat_dense", [True, False])
def test_the_interaction_can_be_of_ones_own(part: str, concat_dense: bool) -> None:
    make, width = PARTS[part]
    model = ranking(feature_interaction=make(), concat_dense=concat_dense)
    assert n_inputs(model) == width + (DIM if concat_dense else 0)


def test_the_top_stack_can_be_of_ones_own() -> None:
    model = ranking(top_stack=tf.keras.layers.Lambda(lambda rows: rows[:, :1] * 0 + 0.25))
    assert model(inputs()).numpy().tolist() == [0.25] * ROWS


TASKS: dict[str, Any] = {
    "a loss": tf.keras.losses.MeanSquaredError,
    "a task": lambda: tfrs.tasks.Ranking(tf.keras.losses.MeanSquaredError()),
}


@pytest.mark.parametrize("task", TASKS)
def test_ratings_are_learned_by_another_task(task: str) -> None:
    model = ranking(top_stack=tf.keras.layers.Dense(1), task=TASKS[task]())
    model.compile("adam")
    weights = np.array([1, 2, 0, 1, 1, 1], np.float32)
    logs = model.evaluate(
        inputs(),
        5 * LABELS,
        batch_size=ROWS,
        verbose=0,
        sample_weight=weights,
        return_dict=True,
    )
    errors = (model(inputs()).numpy() - 5 * LABELS) ** 2
    assert logs["loss"] == pytest.approx(np.sum(errors * weights) / ROWS, rel=1e-5)


def test_it_learns_what_there_is_to_learn() -> None:
    model = ranking()
    model.compile(tf.keras.optimizers.Adam(0.01), jit_compile=True)
    logs = model.fit(inputs(), LABELS, epochs=30, batch_size=ROWS, verbose=0).history
    assert set(logs) == {"loss", "auc", "accuracy", "prediction_mean", "label_mean"}
    assert logs["auc"][-1] == 1.0
    assert logs["label_mean"][-1] == LABELS.mean()
    assert logs["loss"][-1] < 0.1 < logs["loss"][0]


def test_numbers_may_be_absent() -> None:
    model = ranking()
    assert model({"sparse_features": inputs()["sparse_features"]}).shape == [ROWS]


def test_the_two_kinds_of_variables_make_up_all() -> None:
    model = ranking()
    model(inputs())
    names = {v.name for v in model.embedding_trainable_variables}
    assert names == {"brand/embeddings:0", "city/embeddings:0"}
    assert len(model.dense_trainable_variables) + 2 == len(model.trainable_variables)
    optimizer = CompositeOptimizer(
        tf.keras.optimizers.SGD(0.0), tf.keras.optimizers.SGD(1.0), embeddings=names
    )
    before = [v.numpy() for v in model.dense_trainable_variables]
    tables = [v.numpy() for v in model.embedding_trainable_variables]
    model.compile(optimizer)
    model.fit(inputs(), LABELS, batch_size=ROWS, verbose=0)
    for v, w in zip(model.dense_trainable_variables, before, strict=True):
        assert np.array_equal(v, w)
    moved = zip(model.embedding_trainable_variables, tables, strict=True)
    assert all((v != w).numpy().any() for v, w in moved)


def test_a_saved_model_scores_alike(tmp_path: Path) -> None:
    model = ranking(feature_interaction=CrossNetwork(2))
    expected = model(inputs()).numpy()
    tf.saved_model.save(model, str(tmp_path / "model"))
    found = tf.saved_model.load(str(tmp_path / "model"))(inputs())
    assert found.numpy() == pytest.approx(expected, abs=1e-6)
    model.save_weights(str(tmp_path / "model.weights.h5"))
    other = ranking(feature_interaction=CrossNetwork(2))
    other(inputs())
    other.load_weights(str(tmp_path / "model.weights.h5"))
    assert np.array_equal(other(inputs()), expected)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_it_learns_in_reduced_precision(policy: str) -> None:
    with precision(policy):
        model = ranking()
        model.compile(tf.keras.optimizers.Adam(0.01))
        logs = model.fit(inputs(), LABELS, epochs=30, batch_size=ROWS, verbose=0).history
    assert model(inputs()).dtype == tf.float32
    assert logs["loss"][-1] < 0.5 * logs["loss"][0]


def test_two_devices_train_as_one() -> None:
    histories, alone = [], ranking()
    alone(inputs())
    for strategy in (
        tf.distribute.get_strategy(),
        connect(DistributionConfig(Strategy.MIRRORED)),
    ):
        with strategy.scope():
            model = ranking()
            model(inputs())
            model.compile(tf.keras.optimizers.SGD(0.1))
        model.set_weights(alone.get_weights())
        logs = model.fit(inputs(), LABELS, epochs=3, batch_size=ROWS, shuffle=False, verbose=0)
        histories.append(logs.history["prediction_mean"])
    assert histories[1] == pytest.approx(histories[0], abs=1e-5)


WAYS = {
    Combiner.SUM: lambda rows: rows.sum(0),
    Combiner.MEAN: lambda rows: rows.mean(0) if len(rows) else rows.sum(0),
    Combiner.SQRTN: lambda rows: rows.sum(0) / max(len(rows), 1) ** 0.5,
}
SEVERAL = [[1, 3], [], [2, 2, 0]]


@pytest.mark.parametrize("combiner", list(Combiner))
@pytest.mark.parametrize("kind", ["ragged", "sparse", "dense"])
def test_several_ids_may_come_in_any_kind_of_tensor(combiner: Combiner, kind: str) -> None:
    ragged = tf.ragged.constant(SEVERAL, tf.int64)
    ids = {"ragged": ragged, "sparse": ragged.to_sparse(), "dense": ragged.to_tensor(-1)}[kind]
    layer = embeddings(combiner=combiner)
    table = layer.trainable_variables[0].numpy()
    expected = np.stack([WAYS[combiner](table[np.array(row, int)]) for row in SEVERAL])
    assert layer({"brand": ids})["brand"].numpy() == pytest.approx(expected, abs=1e-6)


def test_one_id_need_not_have_an_axis() -> None:
    layer = embeddings()
    flat, column = layer({"city": tf.constant([3, 0])}), layer({"city": tf.constant([[3], [0]])})
    assert np.array_equal(flat["city"], column["city"])


def test_a_column_without_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no table for 'citty', found \['brand', 'city'\]"):
        embeddings()({"citty": tf.constant([1])})
