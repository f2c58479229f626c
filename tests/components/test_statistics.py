"""Statistics, and how far two of them are apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tfx.types import standard_artifacts

from components import statistics
from components.statistics import Statistics
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Transform
from tests.components.described import describe

COUNTED: dict[str, Any] = {"dtype": DType.INT, "transform": (Transform.VOCABULARY,)}
SPEC = FeatureSpec(
    (
        Feature("price"),
        Feature("income"),
        Feature("clicks", dtype=DType.INT),
        Feature("shop", **COUNTED),
        Feature("device", dtype=DType.STRING, transform=(Transform.HASH,), buckets=9),
    )
)
N = 2000


def column(values: np.ndarray) -> tf.train.Feature:
    if values.dtype.kind == "f":
        return tf.train.Feature(float_list=tf.train.FloatList(value=values))
    if values.dtype.kind == "i":
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values.astype(bytes)))


def drawn(seed: int, **changes: np.ndarray) -> Statistics:
    rng = np.random.default_rng(seed)
    values: Mapping[str, np.ndarray] = {
        "price": rng.normal(size=N),
        "income": np.exp(2 * rng.normal(size=N)),
        "clicks": rng.integers(0, 4, N),
        "shop": rng.choice([4, 17, 900], N, p=[0.5, 0.3, 0.2]),
        "device": rng.choice(["phone", "desk"], N, p=[0.75, 0.25]),
        **changes,
    }
    parts = {name: np.array_split(found, N // 10) for name, found in values.items()}
    examples = [
        tf.train.Example(
            features=tf.train.Features(feature={name: column(parts[name][i]) for name in parts})
        )
        for i in range(N // 10)
    ]
    return describe([example.SerializeToString() for example in examples], SPEC)


@pytest.fixture(scope="module")
def first() -> Statistics:
    return drawn(1)


def test_equal_statistics_are_no_distance_apart(first: Statistics) -> None:
    found = statistics.distances(first, first, infinity=["shop", "device"])
    assert found == pytest.approx({feature.name: 0.0 for feature in SPEC.features}, abs=1e-6)


def test_another_day_like_it_is_near(first: Statistics) -> None:
    found = statistics.distances(drawn(2), first, infinity=["shop", "device"])
    assert max(found.values()) < 0.04


def test_what_moved_is_far(first: Statistics) -> None:
    rng = np.random.default_rng(3)
    moved = drawn(
        2,
        price=rng.normal(size=N) + 1,
        clicks=rng.integers(1, 5, N),
        shop=rng.choice([4, 17, 900], N, p=[0.5, 0.1, 0.4]),
        device=np.full(N, "desk"),
    )
    found = statistics.distances(moved, first, infinity=["shop", "device"])
    assert found["price"] > 0.15
    assert found["clicks"] > 0.1
    assert found["shop"] == pytest.approx(0.2, abs=0.03)
    assert found["device"] == pytest.approx(0.75, abs=0.03)
    assert found["income"] < 0.04
    of_texts = statistics.distances(moved, first)
    assert of_texts["device"] > 0.3  # a divergence, as of numbers
    assert statistics.distances(moved, first, divergence=["price"]).keys() == {"price"}


def test_one_number_far_off_moves_little(first: Statistics) -> None:
    price = np.random.default_rng(2).normal(size=N)
    price[0] = 1e6
    assert statistics.distances(drawn(2, price=price), first)["price"] < 0.06


def test_integers_that_are_looked_up_are_counted(first: Statistics) -> None:
    kinds = {f.path.step[0]: f.WhichOneof("stats") for f in first.datasets[0].features}
    numeric = {name for name, kind in kinds.items() if kind == "num_stats"}
    assert numeric == {"price", "income", "clicks"}
    assert numeric == {f.name for f in SPEC.features if not statistics.counted(f)}


def test_the_file_of_a_split_is_read(first: Statistics, tmp_path: Path) -> None:
    artifact = standard_artifacts.ExampleStatistics()
    artifact.uri, artifact.split_names = str(tmp_path), '["train", "test"]'
    path = statistics.file_of([artifact], "train")
    assert path == tmp_path / "Split-train" / "FeatureStats.pb"
    (tmp_path / "Split-train").mkdir()
    (tmp_path / "Split-train" / "FeatureStats.pb").write_bytes(first.SerializeToString())
    assert statistics.read(path) == first
