"""The steps of ingestion, on a handful of lists."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest

from components.example_gen import steps
from data.errors import InputError
from data.lists import Lists
from data.lists import merge
from data.readers import Refusal
from tests.samples import draw


def run(key: str, origin: str, size: int, *, age: float = 1.0, seed: int = 0) -> Lists:
    """The rows of one list that lie together."""
    found = draw((size,), seed=seed)
    for name in ("age", "place", "hour", "device", "query", "query_id"):
        found.values[name][:] = draw((1,)).values[name]
    found.values["age"][:] = age
    return dataclasses.replace(found, ids=[key.encode()], origins=[origin])


def merged(runs: list[Lists]) -> tuple[list[Lists], list[Refusal]]:
    refusals: list[Refusal] = []
    return list(steps.merge_runs(b"a", runs, refusals.append)), refusals


def test_each_list_of_a_batch_gets_its_id() -> None:
    lists = draw((2, 0, 3))
    found = dict(steps.by_id(lists))
    assert list(found) == lists.ids
    assert merge(list(found.values())).values["price"].tolist() == lists.values["price"].tolist()
    assert [len(one) for one in found.values()] == [1, 1, 1]


def test_runs_are_merged_in_the_order_of_files_and_rows() -> None:
    places = ["part-10: row 2", "part-9: row 10", "part-9: row 9", "part-9.5: row 1"]
    runs = [run("a", origin, i + 1, seed=i) for i, origin in enumerate(places)]
    [whole], refusals = merged(runs)
    expected = [runs[i] for i in (3, 2, 1, 0)]
    assert refusals == []
    assert (list(whole.ids), list(whole.origins)) == ([b"a"], ["part-9.5: row 1"])
    assert whole.sizes.tolist() == [1 + 2 + 3 + 4]
    for name in ("price", "title", "grade"):
        rows = np.concatenate([one.values[name] for one in expected])
        assert whole.values[name].tolist() == rows.tolist()
    assert whole.values["age"].tolist() == [[1.0]]


def test_numbers_in_names_are_compared_as_numbers() -> None:
    origins = [f"part-{n}.csv: row {row}" for n in (2, 10) for row in (1, 9, 10, 100)]
    runs = [run("a", origin, 1, seed=i) for i, origin in enumerate(origins)]
    rng = np.random.default_rng(0)
    [whole], _ = merged([runs[i] for i in rng.permutation(len(runs))])
    assert whole.values["price"][:, 0].tolist() == [r.values["price"][0, 0] for r in runs]


def test_runs_with_different_contexts_are_refused() -> None:
    found, [refusal] = merged([run("a", "f: row 1", 1), run("a", "f: row 7", 1, age=2.0)])
    assert found == []
    assert refusal.list_id == b"a"
    assert str(refusal) == (
        "f: row 7: column 'age' of list 'a' differs from f: row 1; expected one value per list"
    )


@pytest.mark.parametrize("shares", [{"train": 8, "validation": 1, "test": 1}, {"a": 1, "b": 1}])
def test_lists_fall_to_splits_by_their_share(shares: dict[str, int]) -> None:
    lists = draw((1,) * 2000)
    found = {
        split: [key for part in steps.select(lists, shares, split) for key in part.ids]
        for split in shares
    }
    assert sorted(key for keys in found.values() for key in keys) == sorted(lists.ids)
    for split, share in shares.items():
        expected = 2000 * share / sum(shares.values())
        assert len(found[split]) == pytest.approx(expected, abs=4 * expected**0.5)


def test_the_split_depends_on_the_id_alone() -> None:
    """SHA-256, so that any machine and any later run agrees."""
    shares = {"train": 3, "validation": 2}
    lists = draw((1,) * 50)
    for key in lists.ids:
        bucket = int.from_bytes(hashlib.sha256(key).digest()[:8], "big") % 5
        chosen = "train" if bucket < 3 else "validation"
        alone = lists.keep_lists(np.array([k == key for k in lists.ids]))
        assert [s for s in shares if list(steps.select(alone, shares, s))] == [chosen]


def test_a_list_in_one_split_passes() -> None:
    steps.refuse_shared(b"a", "train")
    message = (
        "^examples: list 'a' is in the splits test and train and validation; expected each list"
        " in one split$"
    )
    with pytest.raises(InputError, match=message):
        steps.refuse_shared(b"a", "test,train,validation")
