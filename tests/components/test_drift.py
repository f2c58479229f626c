"""Drift: each kind that is planted is found, in its words, and nothing else."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tfx.types import standard_artifacts

from components import drift
from components.drift import COMPARED
from components.drift import EVIDENCE
from components.example_gen.executor import REPORT
from components.figures import SHOWN
from data import policies
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform
from data.lists import Lists
from models import versions
from pipeline.drift import DriftConfig
from tests.components.described import describe
from tests.samples import draw
from tests.samples import stored

WORDS: dict[str, Any] = {"dtype": DType.STRING, "transform": (Transform.VOCABULARY,)}
SPEC = FeatureSpec(
    (
        Feature("price", default=0.0),
        Feature("clicks", dtype=DType.INT, default=-1),
        Feature("shop", dtype=DType.INT, transform=(Transform.HASH,), buckets=9),
        Feature("brand", default="", **WORDS),
        Feature("age", scope=Scope.CONTEXT),
        Feature("device", scope=Scope.CONTEXT, **WORDS),
    ),
    label="grade",
    list_id="query",
    document_id="item",
)
ALL = DriftConfig(
    numeric=0.1,
    categorical=0.1,
    unseen=0.1,
    label=0.1,
    missing=0.1,
    no_relevant=0.1,
    list_length=0.3,
    lists=0.3,
)
SIZES = (3, 8, 5, 4, 10, 6) * 50
Change = Callable[[Lists], None]


def write(
    folder: Path,
    change: Change = lambda lists: None,
    *,
    seed: int = 1,
    sizes: tuple[int, ...] = SIZES,
    spans: int = 0,
) -> tuple[standard_artifacts.ExampleStatistics, standard_artifacts.Examples]:
    """Writes what StatisticsGen and ExampleGen leave of a day."""
    lists = draw(sizes, spec=SPEC, seed=seed, prefix=f"{seed}-")
    lists.values["item"][:, 0] = [b"%d-%d" % (seed, i) for i in range(sum(sizes))]
    change(lists)
    statistics, examples = standard_artifacts.ExampleStatistics(), standard_artifacts.Examples()
    for artifact, name in ((statistics, "statistics"), (examples, "examples")):
        artifact.uri, artifact.split_names = str(folder / name), '["train"]'
    (folder / "statistics" / "Split-train").mkdir(parents=True)
    path = folder / "statistics" / "Split-train" / "FeatureStats.pb"
    path.write_bytes(describe(stored(lists, SPEC), SPEC).SerializeToString())
    relevant = policies.has_relevant(lists, SPEC)
    counts = {
        "train lists": len(lists),
        "train documents": int(lists.sizes.sum()),
        f"train {policies.NO_RELEVANT}": int((~relevant).sum()),
    }
    (folder / "examples").mkdir()
    (folder / "examples" / REPORT).write_text(json.dumps(counts))
    if spans:
        told = json.dumps([[number, 0] for number in range(spans)])
        examples.set_string_custom_property("spans", told)
    return statistics, examples


def publish(
    folder: Path,
    change: Change = lambda lists: None,
    *,
    told: bool = True,
    spans: int = 0,
) -> int:
    """Publishes a model that learned from the first day; returns its version."""
    source = folder / "model"
    source.mkdir()
    (source / "saved_model.pb").write_text("a model")
    if not told:
        return versions.publish(source, folder / "models", manifest={}).version
    write(folder / "before", change)
    counts = json.loads((folder / "before" / "examples" / REPORT).read_text())
    data = {"counts": counts, "spans": [[number, 0] for number in range(spans)]}
    path = folder / "before" / "statistics" / "Split-train" / "FeatureStats.pb"
    return versions.publish(
        source, folder / "models", manifest={"data": data}, statistics=path
    ).version


def look(folder: Path, config: DriftConfig = ALL, **day: Any) -> tuple[list[str], dict[str, str]]:
    """Compares another day with what is served."""
    statistics, examples = write(folder / "now", **{"seed": 2, **day})
    return drift.look(drift.Job(config, SPEC, str(folder / "models")), [statistics], examples)


def test_a_first_run_has_nothing_to_compare_with(tmp_path: Path) -> None:
    told = "no version was served: nothing to compare with"
    assert look(tmp_path) == ([], {COMPARED: told})


def test_a_version_without_statistics_is_nothing_to_compare_with(tmp_path: Path) -> None:
    version = publish(tmp_path, told=False)
    told = f"version {version} came without statistics: nothing to compare with"
    assert look(tmp_path) == ([], {COMPARED: told})


def test_a_day_like_the_one_before_passes_and_is_told(tmp_path: Path) -> None:
    version = publish(tmp_path)
    drifted, told = look(tmp_path)
    assert drifted == []
    # Six features and a label, three columns of values, two whose defaults are seen, three of lists
    assert told[COMPARED] == f"15 figures with the data of version {version}: all as allowed"
    lines = told[EVIDENCE].splitlines()
    assert len(lines) == SHOWN
    assert all(line.startswith("train: ") and " drifted" not in line for line in lines)
    assert all(f" the data of version {version}" in line for line in lines)


def shift(lists: Lists) -> None:
    lists.values["price"] += np.float32(2)


def other_brand(lists: Lists) -> None:
    lists.values["brand"][:] = b"lamp"


def new_shops(lists: Lists) -> None:
    lists.values["shop"][::4] += 100


def empty(lists: Lists) -> None:
    lists.values["price"][::4] = 0


def empty_brand(lists: Lists) -> None:
    lists.values["brand"][::4] = b""


def poor(lists: Lists) -> None:
    lists.values["grade"][:] = lists.values["grade"] > 1.5


def nothing_relevant(lists: Lists) -> None:
    lists.values["grade"][lists.list_of_document % 2 == 0] = 0


KINDS: dict[str, tuple[dict[str, float], dict[str, Any], str]] = {
    "numeric": (
        {"numeric": 0.1},
        {"change": shift},
        "feature 'price' drifted: Jensen-Shannon divergence 0.N from {}, allowed 0.1",
    ),
    "categorical": (
        {"categorical": 0.1},
        {"change": other_brand},
        "feature 'brand' drifted: L-infinity distance 0.7N from {}, allowed 0.1",
    ),
    "unseen": (
        {"unseen": 0.1},
        {"change": new_shops},
        "feature 'shop' drifted: a share of 0.25 of its values is new to {}, allowed 0.1",
    ),
    "label": (
        {"label": 0.1},
        {"change": poor},
        "label 'grade' drifted: Jensen-Shannon divergence 0.N from {}, allowed 0.1",
    ),
    "missing number": (
        {"missing": 0.1},
        {"change": empty},
        "feature 'price' drifted: share of missing values 0.25, 0 in {}: a rise of 0.25,"
        " allowed 0.1",
    ),
    "missing text": (
        {"missing": 0.1},
        {"change": empty_brand},
        "feature 'brand' drifted: share of missing values 0.25, 0 in {}: a rise of 0.25,"
        " allowed 0.1",
    ),
    "no_relevant": (
        {"no_relevant": 0.3},
        {"change": nothing_relevant},
        "lists drifted: share without a relevant document 0.N, 0.0N in {}: a rise of 0.4N,"
        " allowed 0.3",
    ),
    "list_length": (
        {"list_length": 0.3},
        {"sizes": (9,) * 300},
        "lists drifted: mean length 9, 6 in {}: a change of 0.5, allowed 0.3",
    ),
    "fewer lists": (
        {"lists": 0.3},
        {"sizes": SIZES[:60]},
        "lists drifted: 60, 300 in {}: a change of 0.8, allowed 0.3",
    ),
    "more lists": (
        {"lists": 0.3},
        {"sizes": SIZES * 5},
        "lists drifted: 1,500, 300 in {}: a change of 4, allowed 0.3",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_drift_is_found_by_its_threshold_alone(tmp_path: Path, kind: str) -> None:
    limits, day, expected = KINDS[kind]
    version = publish(tmp_path)
    (drifted,), _ = look(tmp_path, DriftConfig(**limits), **day)  # type: ignore[arg-type]
    line = re.escape(expected.format(f"the data of version {version}")).replace("N", r"\d+")
    assert re.fullmatch(f"train: {line}", drifted), drifted


def test_rare_values_are_not_new_by_chance(tmp_path: Path) -> None:
    def many(lists: Lists) -> None:
        shops = lists.values["shop"]
        shops[:] = np.random.default_rng(len(shops)).integers(0, 4000, shops.shape)

    def some_new(lists: Lists) -> None:
        many(lists)
        lists.values["shop"][::4] = 5000

    publish(tmp_path, change=many)
    limits = DriftConfig(unseen=0.1)
    assert look(tmp_path, limits, change=many, sizes=SIZES * 2)[0] == []
    shutil.rmtree(tmp_path / "now")
    (line,), _ = look(tmp_path, limits, change=some_new, sizes=SIZES * 2)
    assert line.startswith("train: feature 'shop' drifted: a share of 0.25")


def test_values_that_are_all_new_are_counted_however_many(tmp_path: Path) -> None:
    def values(first: int, count: int) -> Callable[[Lists], None]:
        def change(lists: Lists) -> None:
            shops = lists.values["shop"]
            shops[:] = first + np.random.default_rng(len(shops)).integers(0, count, shops.shape)

        return change

    publish(tmp_path, change=values(0, 10))
    (line,), _ = look(tmp_path, DriftConfig(unseen=0.9), change=values(10, 100_000))
    assert line.startswith("train: feature 'shop' drifted: a share of 0.99")


def test_new_identifiers_are_normal_unless_they_are_named(tmp_path: Path) -> None:
    version = publish(tmp_path)
    drifted, _ = look(tmp_path, DriftConfig(categorical=0.1, columns={"query": 0.002}))
    assert drifted == [
        "train: feature 'query' drifted: L-infinity distance 0.00333 from the data of version"
        f" {version}, allowed 0.002"
    ]


def test_a_column_may_have_a_limit_of_its_own(tmp_path: Path) -> None:
    publish(tmp_path)
    drifted, _ = look(tmp_path, DriftConfig(numeric=0.1, columns={"price": 0.9}), change=shift)
    assert drifted == []


def test_a_number_of_spans_is_no_drift(tmp_path: Path) -> None:
    publish(tmp_path, spans=1)
    drifted, told = look(tmp_path, DriftConfig(lists=0.3), sizes=SIZES * 3, spans=3)
    assert drifted == []
    assert "lists: 300 in a span, 300 in the data of version" in told[EVIDENCE]


def test_what_the_worst_is_comes_first(tmp_path: Path) -> None:
    publish(tmp_path)
    config = DriftConfig(numeric=0.1, list_length=0.3)
    drifted, _ = look(tmp_path, config, change=shift, sizes=(9,) * 300)
    assert [line.split(" drifted")[0] for line in drifted] == [
        "train: feature 'price'",
        "train: lists",
    ]


def test_a_column_that_is_new_or_of_another_kind_is_not_compared(tmp_path: Path) -> None:
    publish(tmp_path)
    statistics, examples = write(tmp_path / "now", seed=2)
    changed = FeatureSpec((*SPEC.columns, Feature("rating")), label="grade", list_id="query")
    job = drift.Job(DriftConfig(numeric=0.1), changed, str(tmp_path / "models"))
    drifted, told = drift.look(job, [statistics], examples)
    assert drifted == []
    assert told[COMPARED].startswith("3 figures ")  # price, clicks, age
