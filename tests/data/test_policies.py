"""Each policy on a few lists; what is dropped is counted, what is refused is explained."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from data import policies
from data.errors import InputError
from data.features import Feature
from data.features import FeatureSpec
from data.lists import Lists
from data.lists import scopes
from data.policies import BadLabel
from data.policies import Duplicates
from data.policies import Keep
from data.policies import ListPolicy
from data.policies import NoRelevant

SPEC = FeatureSpec(columns=(Feature("x"),), list_id="q", document_id="d")
NAN = float("nan")


@dataclasses.dataclass
class Result:
    labels: dict[bytes, list[float]]
    """The labels of each list that stayed."""
    x: list[float]
    counts: dict[str, int]
    refused: list[str]


def run(
    policy: ListPolicy, *, ids: Mapping[bytes, list[bytes]] | None = None, **labels: list[float]
) -> Result:
    """Applies a policy to lists given by their labels; x numbers the documents."""
    flat = [label for values in labels.values() for label in values]
    names = [key.encode() for key in labels]
    documents = np.array([b"%d" % i for i in range(len(flat))], dtype=object)
    if ids:
        documents = np.array([d for name in names for d in ids[name]], dtype=object)
    lists = Lists(
        names,
        [f"f: record {i}" for i in range(1, len(names) + 1)],
        np.array([len(values) for values in labels.values()]),
        {
            "q": np.array(names, dtype=object).reshape(-1, 1),
            "d": documents.reshape(-1, 1),
            "x": np.arange(len(flat), dtype=np.float32).reshape(-1, 1),
            "label": np.array(flat, np.float32).reshape(-1, 1),
        },
        scopes(SPEC),
    )
    counts: dict[str, int] = collections.defaultdict(int)
    refused: list[str] = []

    def count(name: str, number: int) -> None:
        counts[name] += number

    kept = policies.apply(lists, policy, SPEC, lambda r: refused.append(str(r)), count)
    parts = np.split(kept.values["label"][:, 0], np.cumsum(kept.sizes)[:-1])
    found = dict(zip(kept.ids, [p.tolist() for p in parts], strict=False))
    return Result(found, kept.values["x"][:, 0].tolist(), dict(counts), refused)


def test_nothing_is_done_by_default() -> None:
    result = run(ListPolicy(), a=[0, 1], b=[0])
    assert result == Result({b"a": [0, 1], b"b": [0]}, [0, 1, 2], {}, [])


def test_bad_labels_are_refused() -> None:
    result = run(ListPolicy(), a=[0, NAN, -1], b=[1, -1], c=[2])
    assert result.labels == {b"c": [2]}
    assert result.refused == [
        "f: record 1: document 2: feature 'label': missing, expected a label of 0 or more",
        "f: record 2: document 2: feature 'label': found '-1.0', expected a label of 0 or more",
    ]
    assert result.counts == {}


def test_documents_with_bad_labels_are_dropped() -> None:
    result = run(ListPolicy(bad_label=BadLabel.DROP_DOCUMENT), a=[0, NAN, -1], b=[-1], c=[2])
    assert result.labels == {b"a": [0], b"c": [2]}
    assert result.counts == {
        "documents without a valid label dropped": 3,
        "lists without a document left dropped": 1,
    }


def test_bad_labels_become_0() -> None:
    result = run(ListPolicy(bad_label=BadLabel.ZERO), a=[0, NAN, -1], c=[2])
    assert result.labels == {b"a": [0, 0, 0], b"c": [2]}
    assert result.counts == {"labels set to 0": 2}


IDS = {b"a": [b"p", b"q", b"p", b"", b""], b"b": [b"p"]}


def test_duplicates_are_dropped_within_a_list() -> None:
    policy = ListPolicy(duplicates=Duplicates.FIRST)
    result = run(policy, ids=IDS, a=[0, 1, 2, 3, 4], b=[5])
    assert result.labels == {b"a": [0, 1, 3, 4], b"b": [5]}
    assert result.counts == {"duplicate documents dropped": 1}


def test_duplicates_are_refused() -> None:
    policy = ListPolicy(duplicates=Duplicates.REFUSE)
    result = run(policy, ids=IDS, a=[0, 1, 2, 3, 4], b=[5])
    assert result.labels == {b"b": [5]}
    assert result.refused == [
        "f: record 1: document 3: feature 'd': found 'p' as in document 1,"
        " expected each document once"
    ]


def test_duplicates_need_a_document_id() -> None:
    with pytest.raises(InputError) as caught:
        ListPolicy(duplicates=Duplicates.FIRST).require(FeatureSpec(columns=(Feature("x"),)))
    assert str(caught.value) == "duplicates: 'first' needs a 'document_id' among the features"


@pytest.mark.parametrize(
    ("keep", "x", "relevant"),
    [(Keep.FIRST, [0, 1, 2, 5, 6], 2), (Keep.RELEVANT, [0, 3, 4, 5, 6], 0)],
)
def test_long_lists_are_cut(keep: Keep, x: list[float], relevant: int) -> None:
    result = run(ListPolicy(max_list_size=3, keep=keep), a=[0, 0, 0, 1, 2], b=[0, 1])
    assert result.x == x
    expected = {"lists cut by max_list_size": 1, "documents cut by max_list_size": 2}
    if relevant:
        expected["relevant documents cut by max_list_size"] = relevant
    assert result.counts == expected


def test_among_equal_labels_the_first_documents_stay() -> None:
    result = run(ListPolicy(max_list_size=2, keep=Keep.RELEVANT), a=[1, 0, 1, 1])
    assert result.x == [0, 2]


def test_samples_depend_on_seed_and_list_only() -> None:
    policy = ListPolicy(max_list_size=10, keep=Keep.SAMPLE)
    zeros = [0.0] * 200
    alone = run(policy, b=zeros)
    together = run(policy, a=zeros, b=zeros)
    assert [x - 200 for x in together.x[10:]] == alone.x
    assert together.x[:10] != alone.x
    assert alone.x == sorted(alone.x)
    assert run(dataclasses.replace(policy, seed=1), b=zeros).x != alone.x


def test_samples_are_uniform() -> None:
    policy = ListPolicy(max_list_size=5, keep=Keep.SAMPLE)
    lists: dict[str, Any] = {f"l{i}": [0.0] * 20 for i in range(2000)}
    places = np.array(run(policy, **lists).x, dtype=int) % 20
    hits = np.bincount(places, minlength=20)
    expected, spread = 2000 * 5 / 20, np.sqrt(2000 * (5 / 20) * (15 / 20))
    assert np.abs(hits - expected).max() < 4.5 * spread


def test_lists_without_a_relevant_document_are_dropped_after_the_cut() -> None:
    policy = ListPolicy(max_list_size=2, no_relevant=NoRelevant.DROP)
    result = run(policy, a=[0, 0, 1], b=[0, 1], c=[0])
    assert result.labels == {b"b": [0, 1]}
    assert result.counts["lists without a relevant document dropped"] == 2


def test_labels_become_binary_after_the_cut() -> None:
    policy = ListPolicy(binary_labels=True, max_list_size=2, keep=Keep.RELEVANT)
    result = run(policy, a=[1, 0.5, 3], b=[0, 2])
    assert result == Result(
        {b"a": [1, 1], b"b": [0, 1]},
        [0, 2, 3, 4],
        {
            "lists cut by max_list_size": 1,
            "documents cut by max_list_size": 1,
            "relevant documents cut by max_list_size": 1,
        },
        [],
    )


def test_max_list_size_is_checked() -> None:
    with pytest.raises(InputError) as caught:
        ListPolicy(max_list_size=-1)
    assert str(caught.value) == "max_list_size: found -1, expected 0 or more"
