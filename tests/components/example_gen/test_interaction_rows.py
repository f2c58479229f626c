"""Interaction logs as impressions, through ExampleGen's executor."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
import tensorflow as tf

from components.example_gen import executor
from data import columnar
from data.errors import InputError
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Transform
from data.interactions import InteractionOptions
from data.interactions import Labels
from data.interactions import Layout
from data.interactions import SplitRule
from data.readers import Format
from pipeline.examples import ExamplesConfig
from tests.components.example_gen.conftest import Ingestion

TEXT: dict[str, Any] = {"dtype": DType.STRING, "transform": (Transform.VOCABULARY,)}
SPEC = FeatureSpec(
    (
        Feature("user_id", **TEXT),
        Feature("age", dtype=DType.INT, transform=(Transform.VOCABULARY,)),
        Feature("movie_id", **TEXT),
        Feature("genres", width=2, default="", **TEXT),
    ),
    impressions=True,
)
RATINGS = "user_id,movie_id,stars\n" + "".join(
    f"{user},{movie},{(user + movie) % 5 + 1}\n" for user in range(1, 31) for movie in range(1, 21)
)
FILES = {
    "ratings.csv": RATINGS,
    "users.dat": "".join(f"{user}::F::{20 + user}::1::0\n" for user in range(1, 31)),
    "movies.dat": "".join(f"{movie}::Film {movie} (1990)::A|B\n" for movie in range(1, 22)),
}
OPTIONS = InteractionOptions(
    item="movie_id",
    value="stars",
    sides=Layout.ML_1M,
    users="users.dat",
    items="movies.dat",
    labels=Labels.THRESHOLD,
    positive_from=4.0,
    negative_to=2.0,
    split=SplitRule.IMPRESSION,
    shards=3,
)
SPLITS = ("train", "validation", "test")


def config(ingestion: Ingestion, **options: Any) -> ExamplesConfig:
    return ExamplesConfig(
        format=Format.INTERACTIONS,
        base=str(ingestion.folder / "logs"),
        splits={"log": "ratings.csv"},
        interactions=dataclasses.replace(OPTIONS, **options),
    )


def test_each_rating_is_a_row_of_its_split(ingestion: Ingestion) -> None:
    ingestion.write(FILES)
    settings = config(ingestion)
    settings.require(SPEC)
    assert settings.split_names == SPLITS
    assert settings.training_splits == ("train",)
    ingestion.artifact(settings, SPEC)
    rows = []
    for split in SPLITS:
        serialized = tf.constant(ingestion.serialized(split))
        parsed = columnar.parse(serialized, SPEC.raw, labels=["label"])
        columns = [parsed[name].flat_values.numpy().tolist() for name in ("user_id", "movie_id")]
        columns += [parsed[name].flat_values.numpy().tolist() for name in ("age", "label")]
        rows += list(zip(*columns, strict=True))
        assert parsed["genres"].flat_values.numpy().tolist() == [[b"A", b"B"]] * len(columns[0])
    expected = [
        (b"%d" % user, b"%d" % movie, 20 + user, float((user + movie) % 5 >= 3))
        for user in range(1, 31)
        for movie in range(1, 21)
        if (user + movie) % 5 != 2
    ]
    assert sorted(rows) == sorted(expected)
    report = json.loads((ingestion.output / executor.REPORT).read_text())
    assert report["interactions between negative_to and positive_from dropped"] == 120
    assert report["lists"] == report["interactions"] - 120 == len(expected)


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        (
            FeatureSpec(SPEC.columns),
            {},
            "examples.interactions.split 'impression' needs features.impressions = true",
        ),
        (
            SPEC,
            {
                "split": SplitRule.USER,
                "labels": Labels.GRADED,
                "positive_from": None,
                "negative_to": None,
            },
            "features.impressions: examples.interactions makes lists; expected split ="
            " 'impression'",
        ),
        (
            SPEC,
            {"labels": Labels.IMPLICIT, "positive_from": None, "negative_to": None},
            "examples.interactions.split 'impression' needs labels = 'graded' or 'threshold':"
            " impressions differ by their labels",
        ),
        (
            SPEC,
            {"users": ""},
            "feature 'age': its values come from a file; name it in examples.interactions.users",
        ),
    ],
)
def test_what_does_not_go_together(
    ingestion: Ingestion, spec: FeatureSpec, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        config(ingestion, **options).require(spec)
    assert str(caught.value) == message
