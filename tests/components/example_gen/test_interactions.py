"""Interaction logs through ExampleGen's executor: what is in which split, and what is said."""

from __future__ import annotations

import collections
import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from components.example_gen import executor
from data import columnar
from data.errors import InputError
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform
from data.interactions import CandidateKind
from data.interactions import InteractionOptions
from data.interactions import Layout
from data.interactions import ShortUsers
from data.interactions import SplitRule
from data.interactions import UnknownItems
from data.readers import Format
from pipeline.examples import ExamplesConfig
from tests.components.example_gen.conftest import Ingestion

TEXT: dict[str, Any] = {"dtype": DType.STRING, "transform": (Transform.VOCABULARY,)}
CONTEXT = Scope.CONTEXT
SPEC = FeatureSpec(
    (
        Feature("u", scope=CONTEXT, **TEXT),
        Feature("age", scope=CONTEXT, default=18.0),
        Feature("i", **TEXT),
        Feature("kind", **TEXT),
        Feature("popularity"),
    ),
    list_id="user",
    document_id="item",
)
HEADER = "u,i,stars,when\n"
SIDES = {
    "users.csv": "u,age\n" + "".join(f"{user},{20 + n}\n" for n, user in enumerate("abcde")),
    "items.csv": "i,kind\n" + "".join(f"i{n},k{n % 3}\n" for n in range(12)),
}
CSV: dict[str, Any] = {
    "user": "u",
    "item": "i",
    "value": "stars",
    "time": "when",
    "users": "users.csv",
    "items": "items.csv",
    "candidates": 3,
    "shards": 3,
}

Lists = dict[str, list[dict[str, Any]]]
"""The examples of each split, each with its columns."""


def log(*rows: str) -> str:
    return HEADER + "".join(f"{row}\n" for row in rows)


def history(users: str = "abcd", items: int = 5) -> list[str]:
    """Each user has rated so many items, the first one last."""
    return [f"{user},i{n},{n % 5 + 1},{100 - n}" for user in users for n in range(items)]


def config(ingestion: Ingestion, splits: dict[str, str], **settings: Any) -> ExamplesConfig:
    share = settings.pop("max_bad_share", 0.0)
    return ExamplesConfig(
        format=Format.INTERACTIONS,
        base=str(ingestion.folder / "logs"),
        splits=splits,
        max_bad_share=share,
        interactions=InteractionOptions(**settings),
    )


def ingest(
    ingestion: Ingestion, settings: ExamplesConfig, spec: FeatureSpec = SPEC
) -> tuple[Lists, dict[str, int]]:
    """Returns the lists of each split and the report."""
    ingestion.artifact(settings, spec)
    found: Lists = {}
    for split in settings.split_names:
        serialized = ingestion.serialized(split)
        parsed = columnar.parse(tf.constant(serialized), spec.raw, labels=spec.label_columns)
        columns = {
            name: x.to_list() if isinstance(x, tf.RaggedTensor) else x.numpy().tolist()
            for name, x in parsed.items()
        }
        rows = [
            {name: column[i] for name, column in columns.items()} for i in range(len(serialized))
        ]
        found[split] = sorted(rows, key=lambda row: row[spec.list_id])
    return found, json.loads((ingestion.output / executor.REPORT).read_text())


def run(
    ingestion: Ingestion, files: Mapping[str, str], **settings: Any
) -> tuple[Lists, dict[str, int]]:
    ingestion.write({**SIDES, **files})
    splits = {name.removesuffix(".csv"): name for name in files if name.endswith(".csv")}
    return ingest(ingestion, config(ingestion, splits, **{**CSV, **settings}))


def error(ingestion: Ingestion, files: Mapping[str, str], **settings: Any) -> str:
    with pytest.raises(InputError) as caught:
        run(ingestion, files, **settings)
    return ingestion.text(str(caught.value))


def refused(ingestion: Ingestion) -> list[str]:
    paths = ingestion.output.glob("refused*")
    lines = [line for path in paths for line in path.read_text().splitlines()]
    return sorted(map(ingestion.text, lines))


def of_user(lists: list[dict[str, Any]], user: str) -> dict[str, Any]:
    [found] = [x for x in lists if x["user"] == [user.encode()]]
    return found


def test_every_column_of_every_split(ingestion: Ingestion) -> None:
    lists, report = run(ingestion, {"log.csv": log(*history(), "e,i0,1,1", "e,i7,1,2")})
    popularity = {"i0": 1, "i7": 1, "i1": 0, **{f"i{n}": 4 for n in (2, 3, 4)}}
    assert of_user(lists["train"], "b") == {
        "user": [b"b"],
        "u": [b"b"],
        "age": [21],
        "item": [b"i4", b"i3", b"i2"],
        "i": [b"i4", b"i3", b"i2"],
        "kind": [b"k1", b"k0", b"k2"],
        "popularity": [4, 4, 4],
        "label": [1, 1, 1],
    }
    assert of_user(lists["train"], "e")["item"] == [b"i0", b"i7"]
    for split, item, others in (("validation", b"i1", b"i0 i7"), ("test", b"i0", b"i1 i7")):
        assert [x["user"] for x in lists[split]] == [[b"a"], [b"b"], [b"c"], [b"d"]]
        for found in lists[split]:
            assert found["item"][0] == item
            assert sorted(found["item"][1:]) == others.split(), "no more are left to draw"
            assert found["label"] == [1, 0, 0]
            assert found["popularity"] == [popularity[i.decode()] for i in found["i"]]
    [catalogue] = lists["catalogue"]
    assert (catalogue["user"], catalogue["u"], catalogue["age"]) == ([b""], [b""], [18])
    assert catalogue["item"] == sorted(item.encode() for item in popularity)
    assert catalogue["popularity"] == [popularity[item.decode()] for item in catalogue["item"]]
    assert report == {
        "catalogue documents": 6,
        "catalogue lists": 1,
        "interactions": 22,
        "lists": 14,
        "test documents": 12,
        "test lists": 4,
        "train documents": 14,
        "train lists": 5,
        "users with too few interactions to hold some out, trained on": 1,
        "validation documents": 12,
        "validation lists": 4,
    }


def test_rare_items_and_users_outside_the_core_are_left_out(ingestion: Ingestion) -> None:
    rows = [*history(), "a,i9,3,1", "b,i9,3,1", "e,i0,1,1", "e,i1,1,2", "c,i0,1,100"]
    lists, report = run(
        ingestion, {"log.csv": log(*rows)}, min_value=1, min_item=2, core=3, core_rounds=3
    )
    assert {x["user"][0] for x in lists["train"]} == {b"a", b"b", b"c", b"d"}
    assert lists["catalogue"][0]["item"] == [b"i0", b"i1", b"i2", b"i3", b"i4"]
    dropped = {name: number for name, number in report.items() if name.endswith("dropped")}
    assert dropped == {
        "interactions outside the core dropped": 4,
        "repeated interactions dropped": 1,
    }


def test_too_few_rounds_for_the_core_stop_the_run(ingestion: Ingestion) -> None:
    chain = [f"{user},i{n + k},1,{k}" for n, user in enumerate("abcde") for k in (0, 1)]
    assert error(ingestion, {"log.csv": log(*chain)}, core=2, core_rounds=1) == (
        "examples.interactions.core: 1 rounds did not find the 2-core; allow more by core_rounds"
    )


def test_bad_interactions_are_refused_by_policy(ingestion: Ingestion) -> None:
    rows = [*history("abcd"), "a,movie,3,1", "e,i0,1,1", "b,i5,many,1"]
    text = error(
        ingestion,
        {"log.csv": log(*rows)},
        max_bad_share=0.1,
        short_users=ShortUsers.REFUSE,
    )
    lines = [
        "log.csv: row 21: column 'i': found 'movie', which the items file does not have",
        "log.csv: row 22: user 'e' has 1 interactions to divide, expected at least 3",
        "log.csv: row 23: column 'stars': found 'many', expected a number",
    ]
    assert refused(ingestion) == lines
    message, _, first = text.rpartition("; the first: ")
    assert message == (
        "examples: 3 of 24 records were refused, more than the share of 0.1 that"
        " examples.max_bad_share allows"
    )
    assert first in lines


def test_given_test_interactions_and_candidates(ingestion: Ingestion) -> None:
    negatives = {"a": "i7 i8 i7", "b": "i8 i0", "c": "i9 i7", "d": "i10 i7"}
    files = {
        "train.csv": log(*history()),
        "test.csv": log(*(f"{user},i6,3,200" for user in "abcd")),
        "negatives": "".join(
            "\t".join([f"({user},i6)", *items.split()]) + "\n" for user, items in negatives.items()
        ),
    }
    lists, report = run(ingestion, files, candidates_file="negatives")
    tested = {x["user"][0].decode(): x["item"] for x in lists["test"]}
    assert tested == {
        user: [b"i6", *dict.fromkeys(items.encode().split())] for user, items in negatives.items()
    }
    assert lists["catalogue"][0]["item"] == [
        b"i0", b"i1", b"i10", b"i2", b"i3", b"i4", b"i6", b"i7", b"i8", b"i9"
    ]  # fmt: skip
    assert [x["item"][0] for x in lists["validation"]] == [b"i0"] * 4
    assert report["given candidates that came before in their list dropped"] == 1


def test_a_leak_stops_the_run(ingestion: Ingestion) -> None:
    files = {"train.csv": log(*history()), "test.csv": log("b,i3,3,200")}
    assert error(ingestion, files) == (
        "examples: leak: user 'b', item 'i3': held out for test (time 200, test.csv: row 1) and"
        " also a training interaction (time 97, train.csv: row 9)"
    )


def test_users_without_training_positives(ingestion: Ingestion) -> None:
    """Users that come late are judged by what is popular; unknown items and users have defaults."""
    rows = [*(f"{user},i{n},1,{n}" for user in "abc" for n in range(4)), "z,new,1,5", "y,i0,1,9"]
    lists, report = run(
        ingestion,
        {"log.csv": log(*rows)},
        split=SplitRule.TIME,
        validation_from=2,
        test_from=5,
        unknown_items=UnknownItems.DEFAULT,
        candidate_kind=CandidateKind.POPULARITY,
        candidates=4,
    )
    assert [x["user"] for x in lists["train"]] == [[b"a"], [b"b"], [b"c"]]
    assert [x["item"][:2] for x in lists["validation"]] == [[b"i2", b"i3"]] * 3
    stranger = of_user(lists["test"], "z")
    assert (stranger["age"], stranger["item"][0], stranger["kind"][0]) == ([18], b"new", b"")
    assert sorted(stranger["item"][1:]) == [b"i0", b"i1", b"i2", b"i3"]
    assert set(stranger["item"][1:3]) == {b"i0", b"i1"}, "popular ones first"
    assert report["interactions with items that the items file does not have"] == 1


def test_ml_100k_is_divided_as_a_plain_script_does(
    ingestion: Ingestion, ranking_data: Path
) -> None:
    folder = ranking_data / "ml-100k"
    histories = collections.defaultdict(list)
    with gzip.open(folder / "u.data.gz", "rt") as file:
        for number, line in enumerate(file):
            user, item, _, time = line.split()
            histories[user].append((int(time), number, item))
    movie, person = Feature("movie_id", **TEXT), Feature("user_id", scope=CONTEXT, **TEXT)
    spec = FeatureSpec((movie, person, Feature("age", scope=CONTEXT)), list_id="u", document_id="i")
    options = InteractionOptions(layout=Layout.ML_100K, users="u.user", items="u.item")
    settings = ExamplesConfig(
        format=Format.INTERACTIONS,
        base=str(folder),
        splits={"log": "u.data.gz"},
        interactions=options,
    )
    lists, _ = ingest(ingestion, settings, spec)
    found = {
        split: {x["u"][0].decode(): [i.decode() for i in x["i"]] for x in examples}
        for split, examples in lists.items()
    }
    assert [len(found[split]) for split in ("train", "validation", "test")] == [943] * 3
    for user, rated in histories.items():
        items = [item for _, _, item in sorted(rated)]
        assert found["train"][user] == items[:-2]
        for split, held in (("validation", items[-2]), ("test", items[-1])):
            own = found[split][user]
            assert own[0] == held
            assert len(set(own)) == len(own) == 100
            assert not set(own) & set(items[:-2])
    movies = {item for rated in histories.values() for _, _, item in rated}
    assert sorted(found["catalogue"][""]) == sorted(movies)
