"""A day of examples with its statistics, and a model that learned from another."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tfx.types import standard_artifacts

from components import drift
from components.example_gen.executor import REPORT
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


def shift(lists: Lists) -> None:
    lists.values["price"] += np.float32(2)


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
