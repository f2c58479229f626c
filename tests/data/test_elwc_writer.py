"""ELWC, written: what TF-Ranking's own message says of it."""

from __future__ import annotations

from tensorflow_serving.apis import input_pb2

from data import elwc_writer
from data.elwc_writer import Values
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.lists import dtypes
from tests.samples import HASH
from tests.samples import SPEC
from tests.samples import draw

TYPES = {"f": DType.FLOAT, "i": DType.INT, "s": DType.STRING}


def test_the_message_has_each_value_under_its_type() -> None:
    documents: list[Values] = [{"f": [1.5, 2.5]}, {"f": [3.5], "s": [b"x"]}]
    message = input_pb2.ExampleListWithContext.FromString(
        elwc_writer.encode({"i": [7], "s": [b"a", b"b"]}, documents, TYPES)
    )
    context = message.context.features.feature
    assert list(context["i"].int64_list.value) == [7]
    assert list(context["s"].bytes_list.value) == [b"a", b"b"]
    first, second = (example.features.feature for example in message.examples)
    assert set(first) == {"f"}
    assert list(first["f"].float_list.value) == [1.5, 2.5]
    assert list(second["s"].bytes_list.value) == [b"x"]


def test_the_same_values_give_the_same_bytes() -> None:
    forward: Values = {"f": [1.0], "i": [2], "s": [b"x"]}
    backward = dict(reversed(list(forward.items())))
    assert elwc_writer.encode(forward, [forward], TYPES) == elwc_writer.encode(
        backward, [backward], TYPES
    )


def test_lists_are_written_with_label_weight_and_ids() -> None:
    lists = draw((2, 1))
    messages = [
        input_pb2.ExampleListWithContext.FromString(x) for x in elwc_writer.from_lists(lists, SPEC)
    ]
    assert [len(message.examples) for message in messages] == [2, 1]
    documents = [e.features.feature for message in messages for e in message.examples]
    for name in ("price", "vector", "grade", "importance"):
        found = [list(document[name].float_list.value) for document in documents]
        assert found == lists.values[name].tolist(), name
    assert [d["document_id"].bytes_list.value[0] for d in documents] == [b"d0", b"d1", b"d2"]
    contexts = [message.context.features.feature for message in messages]
    assert [c["query_id"].bytes_list.value[0] for c in contexts] == [b"q0", b"q1"]
    assert set(documents[0]) | set(contexts[0]) == set(dtypes(SPEC))


def test_the_padding_of_several_strings_is_not_written() -> None:
    spec = FeatureSpec((Feature("words", width=3, **HASH), Feature("word", **HASH)))
    lists = draw((4,), spec=spec)
    lists.values["words"][:] = [[b"a", b"", b""], [b"a", b"", b"c"], [b""] * 3, [b"", b"b", b""]]
    lists.values["word"][:] = b""
    [serialized] = elwc_writer.from_lists(lists, spec)
    message = input_pb2.ExampleListWithContext.FromString(serialized)
    documents = [example.features.feature for example in message.examples]
    assert [list(d["words"].bytes_list.value) for d in documents] == [
        [b"a"],
        [b"a", b"", b"c"],
        [],
        [b"", b"b"],
    ]
    assert [list(d["word"].bytes_list.value) for d in documents] == [[b""]] * 4
