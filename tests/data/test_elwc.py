"""ELWC requests: the same tensors as the stored lists give, defaults, and what is refused."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf

from data import columnar
from data import elwc
from data import elwc_writer
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.lists import dtypes
from tests.samples import HASH
from tests.samples import ID
from tests.samples import SPEC
from tests.samples import draw
from tests.samples import requests
from tests.samples import stored

DEFAULTED = FeatureSpec(
    (
        Feature("x", default=0.5),
        Feature("pair", width=2, default=2),
        Feature("n", dtype=DType.INT, default=7),
        Feature("s", default="none", **HASH),
        Feature("c", scope=Scope.CONTEXT, default=-1.5),
        Feature("tokens", scope=Scope.CONTEXT, width=3, **HASH),
        Feature("tags", width=2, **ID),
    )
)


def lists_of(tensors: columnar.Tensors) -> dict[str, list[object]]:
    return {
        name: t.to_list() if isinstance(t, tf.RaggedTensor) else t.numpy().tolist()
        for name, t in tensors.items()
    }


@pytest.mark.parametrize("sizes", [(3, 1, 5), (1,), (0, 2), (2, 0)])
def test_requests_and_stored_lists_give_the_same_tensors(sizes: tuple[int, ...]) -> None:
    lists = draw(sizes)
    requested = elwc.parse(tf.constant(requests(lists)), SPEC.raw)
    parsed = columnar.parse(tf.constant(stored(lists)), SPEC.raw)
    assert lists_of(requested) == lists_of(parsed)
    for feature in SPEC.raw:
        one, other = requested[feature.name], parsed[feature.name]
        assert (one.dtype, one.shape.rank) == (other.dtype, other.shape.rank)


def test_one_request_at_a_time_equals_the_batch() -> None:
    serialized = requests(draw((3, 1, 5)))
    batch = lists_of(elwc.parse(tf.constant(serialized), SPEC.raw))
    for i, one in enumerate(serialized):
        found = lists_of(elwc.parse(tf.constant([one]), SPEC.raw))
        assert found == {name: column[i : i + 1] for name, column in batch.items()}


def test_the_parts_of_a_request_come_back() -> None:
    examples = [
        tf.train.Example(
            features=tf.train.Features(
                feature={"x": tf.train.Feature(float_list=tf.train.FloatList(value=[i]))}
            )
        ).SerializeToString()
        for i in range(3)
    ]
    one = elwc_writer.encode({}, [{"x": [0.0]}, {"x": [1.0]}], {"x": DType.FLOAT})
    other = elwc_writer.encode({"x": [2.0]}, [], {"x": DType.FLOAT})
    contexts, documents, sizes = elwc.split(tf.constant([one, other, b""]))
    assert contexts.numpy().tolist() == [b"", examples[2], b""]
    assert documents.numpy().tolist() == examples[:2]
    assert sizes.numpy().tolist() == [2, 0, 0]


def test_defaults_stand_in_for_missing_values() -> None:
    short = elwc_writer.encode({}, [{}, {"x": [3.0]}], dtypes(DEFAULTED))
    found = lists_of(elwc.parse(tf.constant([short]), DEFAULTED.features))
    assert found == {
        "x": [[0.5, 3.0]],
        "pair": [[[2, 2], [2, 2]]],
        "n": [[7, 7]],
        "s": [[b"none", b"none"]],
        "c": [[-1.5]],
        "tokens": [[b"", b"", b""]],
        "tags": [[[-1, -1], [-1, -1]]],
    }


def test_few_integers_or_strings_are_padded_and_more_are_cut() -> None:
    context: elwc_writer.Values = {"tokens": [b"a"], "c": [0.0]}
    numbers: elwc_writer.Values = {"x": [0.0], "pair": [0.0, 0.0], "n": [0], "tags": [1, 2, 3]}
    document = {**numbers, "s": [b""]}
    request = elwc_writer.encode(context, [document], dtypes(DEFAULTED))
    found = lists_of(elwc.parse(tf.constant([request]), DEFAULTED.features))
    assert found["tokens"] == [[b"a", b"", b""]]
    assert found["tags"] == [[[1, 2]]]


@pytest.mark.parametrize("name", ["age", "price"])
def test_a_missing_value_of_a_required_column_is_refused(name: str) -> None:
    lists = draw((2,))
    spec = dataclasses.replace(SPEC, columns=tuple(f for f in SPEC.columns if f.name != name))
    message = rf"Feature: {name} \(data type: float\) is required but could not be found\."
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        elwc.parse(tf.constant(requests(lists, spec)), SPEC.raw)


def test_a_value_of_another_type_is_refused() -> None:
    request = elwc_writer.encode({}, [{"x": [1]}], {"x": DType.INT})
    message = re.escape("Data types don't match. Data type: int64 but expected type: float")
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        elwc.parse(tf.constant([request]), [Feature("x")])


def test_bytes_that_are_no_request_are_refused() -> None:
    with pytest.raises(tf.errors.OpError):
        elwc.parse(tf.constant([b"no message"]), SPEC.raw)


def test_it_runs_inside_a_graph_of_unknown_batch_size() -> None:
    lists = draw((3, 2))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def prices(serialized: tf.Tensor) -> tf.Tensor:
        parsed = elwc.parse(serialized, SPEC.raw)
        assert parsed["vector"].shape.as_list() == [None, None, 3]
        return parsed["price"].flat_values

    found = prices(tf.constant(requests(lists))).numpy()
    assert np.array_equal(found, lists.values["price"][:, 0])
