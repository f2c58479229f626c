"""Inputs, preprocessing, scorers and builders by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data.errors import InputError
from models import extension as tfr
from models.extension.documents import RealDocuments
from models.extension.documents import fix_shapes
from models.extension.elwc import parse
from tests.models import guide
from tests.models.guide import CONTEXT
from tests.models.guide import EXAMPLE
from tests.models.guide import MASK

KEEP = tfr.PreprocessorWithSpec()
DNN = {"hidden_layer_dims": [6], "activation": tf.nn.tanh, "batch_norm_moment": 0.5}
SCORERS = {
    "dnn": lambda: tfr.DNNScorer(**DNN),
    "gam": lambda: tfr.GAMScorer([5, 4], [3], activation="relu"),
    "function": lambda: tfr.UnivariateScorer(
        lambda context, example: tf.keras.layers.Dense(1)(
            tf.concat([*context.values(), *example.values()], axis=1)
        )
    ),
}


def lists() -> dict[str, Any]:
    return parse(guide.elwcs(), CONTEXT, EXAMPLE, mask_name=MASK)


def build(scorer: Any, preprocessor: Any = KEEP, **specs: Any) -> tf.keras.Model:
    creator = tfr.FeatureSpecInputCreator(
        specs.get("context", CONTEXT), specs.get("example", EXAMPLE)
    )
    return tfr.ModelBuilder(creator, preprocessor, scorer, MASK, "own").build()


@pytest.mark.parametrize("name", SCORERS)
def test_padding_counts_for_nothing(name: str) -> None:
    model, inputs = build(SCORERS[name]()), lists()
    found, real = model(inputs).numpy(), inputs[MASK].numpy()
    assert found.shape == real.shape
    assert (found[~real] == 0).all()
    assert len({*found[real].tolist()}) > 5
    garbage = {n: tf.where(real[..., None], x, np.nan) for n, x in inputs.items() if n in EXAMPLE}
    assert model({**inputs, **garbage}).numpy() == pytest.approx(found)


@pytest.mark.parametrize("name", SCORERS)
def test_with_fixed_shapes_the_scores_are_the_same(name: str) -> None:
    model, inputs = build(SCORERS[name]()), lists()
    found = model(inputs).numpy()
    fix_shapes(model, True)
    compiled = tf.function(model, jit_compile=True)
    assert compiled(inputs).numpy() == pytest.approx(found, rel=1e-4, abs=1e-4)  # of up to 1000
    assert model.per_document


def test_with_fixed_shapes_statistics_are_those_of_documents() -> None:
    rows = RealDocuments()
    rows.static = True
    mask = tf.constant([[True, True, False, False, False], [False] * 5, [True] * 5])
    values = tf.where(mask, tf.reshape(tf.range(15.0), [3, 5]), np.nan)
    _, found = rows(({}, {"x": values[..., None]}, mask))
    assert found["x"].shape == [15, 1]
    assert found["x"].numpy()[:5, 0].tolist() == [0, 1, 0, 1, 0]


def test_an_additive_scorer_adds_up() -> None:
    tf.keras.utils.set_random_seed(1)
    model, inputs = build(SCORERS["gam"]()), lists()
    real = inputs[MASK].numpy()
    changes = []
    for other in (0.0, 3.0):
        given = {**inputs, guide.NAMES[1]: tf.fill(inputs[guide.NAMES[1]].shape, other)}
        more = {**given, guide.NAMES[0]: given[guide.NAMES[0]] + 1.0}
        changes.append((model(more) - model(given)).numpy()[real])
    assert np.abs(changes[0]).max() > 1e-3
    assert changes[0] == pytest.approx(changes[1], abs=1e-5)


def test_a_scorer_may_be_subclassed_and_score_several_labels() -> None:
    class Two(tfr.UnivariateScorer):
        def __init__(self) -> None:
            pass

        def _score_flattened(self, context_features: Any, example_features: Any) -> Any:
            first, second, *_ = example_features.values()
            return {"a": first, "b": tf.concat([first, second], axis=1)}

    inputs = lists()
    found = build(Two())(inputs)
    shape = inputs[MASK].shape.as_list()
    assert {name: x.shape.as_list() for name, x in found.items()} == {"a": shape, "b": [*shape, 2]}


def test_a_preprocessor_is_a_function_of_all_inputs_or_one_for_each() -> None:
    def preprocess(context: Any, example: Any, mask: Any) -> Any:
        return {n: -x for n, x in context.items()}, {n: 2 * x for n, x in example.items()}

    first = tfr.UnivariateScorer(lambda context, example: example[guide.NAMES[0]])
    inputs = lists()
    plain, doubled = build(first)(inputs), build(first, preprocess)(inputs)
    mapped = build(first, {guide.NAMES[0]: lambda x: 2 * x})(inputs)
    assert doubled.numpy() == pytest.approx(2 * plain.numpy())
    assert mapped.numpy() == pytest.approx(doubled.numpy())


def test_ragged_features_are_padded_with_their_defaults() -> None:
    tags = {"tags": tf.io.RaggedFeature(tf.int64, row_splits_dtype=tf.int64)}
    documents = [[1, 2], [], [3]]
    message = tf.train.Example
    elwc = b"".join(
        b"\n" + bytes([len(text)]) + text
        for text in (
            message(
                features=tf.train.Features(
                    feature={"tags": tf.train.Feature(int64_list=tf.train.Int64List(value=values))}
                )
            ).SerializeToString()
            for values in documents
        )
    )
    inputs = parse(tf.constant([elwc]), {}, tags, mask_name=MASK)
    assert inputs["tags"].to_list() == [documents]
    total = tfr.UnivariateScorer(
        lambda _, example: tf.reduce_sum(tf.cast(example["tags"], tf.float32), 1, keepdims=True)
    )
    padded = tfr.PreprocessorWithSpec(default_value_spec={"tags": 10})
    model = build(total, padded, context={}, example=tags)
    assert model(inputs).numpy().tolist() == [[3, 20, 13]]
    texts = build(
        tfr.UnivariateScorer(
            lambda _, example: tf.cast(tf.strings.length(example["tags"]), tf.float32)[:, :1]
        ),
        context={},
        example={"tags": tf.io.RaggedFeature(tf.string, row_splits_dtype=tf.int64)},
    )
    names = tf.ragged.constant([[["ab", "c"], [], ["d"]]], row_splits_dtype=tf.int64)
    assert texts({"tags": names, MASK: inputs[MASK]}).numpy().tolist() == [[2, 0, 1]]


def test_inputs_may_come_from_types() -> None:
    inputs = lists()
    types = {name: tf.TensorSpec([None, *x.shape[1:]], x.dtype) for name, x in inputs.items()}
    context, example = tfr.TypeSpecInputCreator(types, ["query_length"], [guide.NAMES[2]])()
    assert context["query_length"].shape.as_list() == [None, 1]
    assert example[guide.NAMES[2]].shape.as_list() == [None, *inputs[MASK].shape[1:], 1]


def own_model() -> tf.keras.Model:
    inputs = {name: tf.keras.Input((None, 1), name=name) for name in EXAMPLE}
    inputs[MASK] = tf.keras.Input((None,), dtype=tf.bool, name=MASK)
    numbers = tf.keras.layers.Concatenate()([inputs[name] for name in EXAMPLE])
    return tf.keras.Model(inputs, tf.keras.layers.Dense(1)(numbers))


def test_a_model_is_copied_with_its_weights() -> None:
    model, inputs = own_model(), lists()
    builder = tfr.KerasModelBuilder(model, [], EXAMPLE, MASK)
    one, other = builder.build(), builder.build()
    assert one(inputs).numpy() == pytest.approx(model(inputs).numpy()[:, :, 0])
    for copy in (one, other):
        copy.set_weights([weight + 1 for weight in copy.get_weights()])
    assert one(inputs).numpy() != pytest.approx(model(inputs).numpy()[:, :, 0])


def test_a_model_that_cannot_be_copied_is_refused() -> None:
    message = (
        "only a functional model of Keras' own layers can be copied; pass a function that makes"
        " the model"
    )
    with pytest.raises(InputError) as caught:
        tfr.KerasModelBuilder(build(SCORERS["dnn"]()), [], EXAMPLE, MASK).build()
    assert str(caught.value) == message


class Subclassed(tf.keras.Model):
    """A model without inputs of its own."""

    def __init__(self) -> None:
        super().__init__(name="mine")


class Own(tfr.AbstractModelBuilder):
    """The guide's own, with whatever its steps return."""

    def __init__(self, model: tf.keras.Model, inputs: Callable[..., Any], made: Any = ()) -> None:
        super().__init__(MASK, "own")
        self._model, self._inputs, self._made = model, inputs, made

    def create_inputs(self) -> Any:
        inputs = self._model.input
        return self._inputs(), {n: inputs[n] for n in EXAMPLE}, inputs[MASK]

    def preprocess(self, context_inputs: Any, example_inputs: Any, mask: Any) -> Any:
        return (context_inputs, example_inputs, *self._made)

    def score(self, context_features: Any, example_features: Any, mask: Any) -> Any:
        return self._model({**context_features, **example_features, MASK: mask})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda model: Own(model, set).build(),
            "create_inputs: context: expected a dict of tensors by name, found a set; write"
            " {name: inputs[name] for name in names}",
        ),
        (
            lambda model: Own(model, dict, (None,)).build(),
            "preprocess: expected 2 values (context, documents), found 3",
        ),
        (
            lambda model: tfr.KerasModelBuilder(model, ["custom_feature_1"], [], MASK).build(),
            "the model has no input 'custom_feature_1'. Did you mean 'custom_features_1'?",
        ),
        (
            lambda model: tfr.KerasModelBuilder(Subclassed, [], EXAMPLE, MASK).build(),
            "the model 'mine' is not functional; make one of it: tf.keras.Model(inputs,"
            " model(inputs))",
        ),
        (
            lambda model: build(SCORERS["dnn"](), {"custom_features_9": guide.log1p}),
            "preprocessor: 'custom_features_9' is no input. Did you mean 'custom_features_4'?",
        ),
        (
            lambda model: build(tfr.UnivariateScorer(lambda _, e: e[guide.NAMES[0]][:, 0])),
            "a UnivariateScorer's function returns [n_documents, n] logits, found (None,)",
        ),
        (
            lambda model: tfr.FeatureSpecInputCreator({}, {"x": tf.io.VarLenFeature(tf.float32)}),
            "feature 'x': expected tf.io.FixedLenFeature or tf.io.RaggedFeature, found"
            " VarLenFeature",
        ),
    ],
)
def test_what_the_guide_gets_wrong_is_explained(
    make: Callable[[tf.keras.Model], Any], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        make(own_model())
    assert str(caught.value) == message
