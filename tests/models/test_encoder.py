"""Documents as vectors: what each column contributes, and what it must not."""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.transformed import MASK
from models.encoder import DocumentEncoder
from models.places import Places
from tests.samples import HASH
from tests.samples import ID
from tests.samples import SPEC
from tests.samples import draw
from tests.samples import model_inputs
from tests.samples import transformed_spec

SIZES = (2, 4, 1)
SMALL = FeatureSpec(
    (
        Feature("x", width=2),
        Feature("tags", width=3, embedding_dim=4, **ID),
        Feature("age", scope=Scope.CONTEXT),
        Feature("device", scope=Scope.CONTEXT, embedding_dim=3, **HASH),
    )
)


def encode(encoder: DocumentEncoder, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
    """The rows of the documents."""
    return encoder(inputs, Places(inputs[MASK], static=False))


def inputs_of(tags: list[list[int]]) -> dict[str, tf.Tensor]:
    """One list whose documents have these tags, -1 for none."""
    lists = draw((len(tags),), spec=SMALL)
    lists.values["tags"][:] = tags
    return model_inputs(lists, spec=SMALL)


def split(rows: tf.Tensor) -> dict[str, np.ndarray]:
    """The parts of each document's vector."""
    parts = np.split(rows.numpy(), np.cumsum([2, 1, 4]), axis=1)
    return dict(zip(["x", "age", "tags", "device"], parts, strict=True))


def test_numbers_pass_and_the_context_is_repeated() -> None:
    lists = draw(SIZES, spec=SMALL)
    encoder = DocumentEncoder(transformed_spec(SMALL))
    found = split(encode(encoder, model_inputs(lists, spec=SMALL)))
    assert np.array_equal(found["x"], lists.values["x"])
    assert np.array_equal(found["age"], np.repeat(lists.values["age"], SIZES, axis=0))
    for start, size in zip((0, 2, 6), SIZES, strict=True):
        assert len(np.unique(found["device"][start : start + size], axis=0)) == 1


def test_several_ids_are_averaged_and_missing_ones_count_for_nothing() -> None:
    encoder = DocumentEncoder(transformed_spec(SMALL))
    tags = split(
        encode(encoder, inputs_of([[0, -1, -1], [3, -1, -1], [0, 3, -1], [3, 0, 0], [-1] * 3]))
    )
    first, second, both, weighted, none = tags["tags"]
    assert np.allclose(both, (first + second) / 2)
    assert np.allclose(weighted, (2 * first + second) / 3)
    assert not none.any()
    assert first.any()
    assert not np.allclose(first, second)


def test_a_missing_id_learns_nothing() -> None:
    encoder = DocumentEncoder(transformed_spec(SMALL))
    inputs = inputs_of([[2, -1, -1], [-1] * 3])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(encode(encoder, inputs))
    [table] = [v for v in encoder.trainable_variables if v.shape == (6, 4)]
    gradient = tf.convert_to_tensor(tape.gradient(total, table)).numpy()
    assert np.flatnonzero(gradient.any(axis=1)).tolist() == [3]


def test_each_id_column_has_a_table_of_its_size() -> None:
    encoder = DocumentEncoder(transformed_spec())
    rows = encode(encoder, model_inputs(draw(SIZES)))
    shapes = sorted(tuple(v.shape) for v in encoder.trainable_variables)
    assert shapes == sorted(
        (1 + (f.buckets or f.size), f.embedding_dim) for f in SPEC.features if f.categorical
    )
    widths = [f.embedding_dim if f.categorical else f.width for f in SPEC.features]
    assert rows.shape.as_list() == [sum(SIZES), sum(widths)]


def test_padding_changes_nothing() -> None:
    encoder = DocumentEncoder(transformed_spec())
    lists = draw(SIZES)
    rows = encode(encoder, model_inputs(lists)).numpy()
    assert np.array_equal(encode(encoder, model_inputs(lists, list_size=9)).numpy(), rows)
    noisy = {
        name: tf.where(inputs[MASK][..., tf.newaxis], tensor, tf.ones_like(tensor))
        if tensor.shape.rank == 3
        else tensor
        for inputs in [model_inputs(lists, list_size=9)]
        for name, tensor in inputs.items()
    }
    assert np.array_equal(encode(encoder, noisy).numpy(), rows)


def test_a_batch_equals_its_lists_one_by_one() -> None:
    encoder = DocumentEncoder(transformed_spec())
    lists = draw(SIZES)
    together = encode(encoder, model_inputs(lists)).numpy()
    alone = [
        encode(encoder, model_inputs(lists.keep_lists(np.arange(len(SIZES)) == i))).numpy()
        for i in range(len(SIZES))
    ]
    assert np.array_equal(np.concatenate(alone), together)


def test_a_spec_may_have_only_one_kind_of_column() -> None:
    for spec in (
        FeatureSpec((Feature("x"),)),
        FeatureSpec((Feature("brand", **ID),)),
        dataclasses.replace(SPEC, columns=(Feature("x"), Feature("d", scope=Scope.CONTEXT, **ID))),
    ):
        encoder = DocumentEncoder(transformed_spec(spec))
        assert encode(encoder, model_inputs(draw(SIZES, spec=spec), spec=spec)).shape[0] == sum(
            SIZES
        )


def test_each_scope_can_be_had_by_itself() -> None:
    encoder = DocumentEncoder(transformed_spec(SMALL))
    inputs = model_inputs(draw(SIZES, spec=SMALL), spec=SMALL)
    places = Places(inputs[MASK], static=False)
    parts = encoder.parts(inputs, places)
    assert list(parts) == ["document_numeric", "context_numeric", "tags", "device"]
    document = encoder.of_scope(Scope.DOCUMENT, inputs, places)
    context = encoder.of_scope(Scope.CONTEXT, inputs, places)
    assert [set(document), set(context)] == [
        {"document_numeric", "tags"},
        {"context_numeric", "device"},
    ]
    assert all(np.array_equal(parts[name], rows) for name, rows in document.items())
    assert all(
        np.array_equal(parts[name], np.repeat(rows, SIZES, axis=0))
        for name, rows in context.items()
    )


def test_static_shapes_have_a_row_for_each_place() -> None:
    encoder = DocumentEncoder(transformed_spec(SMALL))
    inputs = model_inputs(draw(SIZES, spec=SMALL), spec=SMALL)
    rows = encoder(inputs, Places(inputs[MASK], static=True)).numpy()
    assert np.array_equal(rows[inputs[MASK].numpy().ravel()], encode(encoder, inputs))
