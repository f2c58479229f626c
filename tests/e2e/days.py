"""Logs that come day by day from a world that changes: users and items come and go, tastes drift.

What an item is worth to a user adds up its quality, which is its own and drifts, and how the user's
group likes the item's category. Quality can only be learned item by item, so that a model gains by
what it learned on earlier days.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np

MARKER = "_SUCCESS"
COLUMNS = ("query", "user", "item", "category", "price", "grade")
GROUPS, CATEGORIES = 4, 8
CUTS = (-0.8, 0.3, 1.0, 1.8)


@dataclasses.dataclass(frozen=True)
class World:
    """How large the world is, and how fast it changes.

    Attributes:
      lists: The lists of a day.
      documents: The items of a list.
      items: The items there are on a day.
      users: The users there are on a day.
      turnover: The share of them that a day replaces by new ones.
      drift: How far the quality of an item moves in a day, in its standard deviations.
      noise: The standard deviation of what no one can know.
      seed: Fixes everything.
    """

    lists: int = 300
    documents: int = 10
    items: int = 400
    users: int = 200
    turnover: float = 0.05
    drift: float = 0.03
    noise: float = 0.3
    seed: int = 3

    def rows(self, day: int, *, shuffled: bool = False) -> list[tuple[object, ...]]:
        """Returns the rows of a day, list after list; shuffled: with the labels of any others."""
        draw = np.random.default_rng([self.seed, day])
        shape = (self.lists, self.documents)
        users = self._alive(self.users, day)[draw.integers(self.users, size=(self.lists, 1))]
        alive = self._alive(self.items, day)
        order = draw.random((self.lists, self.items)).argsort(axis=1)[:, : self.documents]
        items = alive[order]
        utility = self._worth(users, items, day) + self.noise * draw.standard_normal(shape)
        grades = np.searchsorted(CUTS, utility.ravel())
        if shuffled:
            draw.shuffle(grades)
        prices = np.exp(draw.standard_normal(shape)).ravel()
        queries = np.repeat([f"{day}-{number}" for number in range(self.lists)], self.documents)
        users = np.broadcast_to(users, shape)
        return [
            (query, f"u{user}", f"i{item}", f"c{item % CATEGORIES}", f"{price:.3f}", grade)
            for query, user, item, price, grade in zip(
                queries, users.ravel(), items.ravel(), prices, grades, strict=True
            )
        ]

    def _alive(self, count: int, day: int) -> np.ndarray:
        return np.arange(count) + int(day * self.turnover * count)

    def _worth(self, users: np.ndarray, items: np.ndarray, day: int) -> np.ndarray:
        draw = np.random.default_rng(self.seed)
        last = int(items.max()) + 1
        quality, direction = draw.standard_normal((last, 2)).T
        liking = np.random.default_rng(self.seed + 1).standard_normal((GROUPS, CATEGORIES))
        moved = quality[items] + self.drift * day * direction[items]
        return moved + 0.7 * liking[users % GROUPS, items % CATEGORIES]


def write(base: Path, world: World, day: int, *, version: int = 0, shuffled: bool = False) -> Path:
    """Writes the logs of a day, complete once the marker is there; returns the file of rows."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(world.rows(day, shuffled=shuffled))
    folder = base / str(day) / f"v{version}"
    folder.mkdir(parents=True)
    path = folder / "rows.csv"
    path.write_text(text.getvalue())
    (folder / MARKER).touch()
    return path


def config(
    folder: Path, spans: Mapping[str, object] | None = None, **changes: dict[str, object]
) -> dict[str, object]:
    """Returns the tables of a configuration that follows the days.

    Args:
      folder: Where everything is.
      spans: What of `examples.spans` is other than usual.
      **changes: Other tables, or keys of them.
    """
    usual = {"window": "since_last", "missing": "skip", "patience": 2}
    marker = {"marker": "{SPAN}/v{VERSION}/" + MARKER}
    words = {"dtype": "string", "transform": "vocabulary", "embedding_dim": 8}
    table: dict[str, dict[str, object]] = {
        "pipeline": {"name": "days", "root": str(folder / "run")},
        "examples": {
            "format": "csv",
            "base": str(folder / "logs"),
            "splits": {"log": "{SPAN}/v{VERSION}/*.csv"},
            "hash_splits": {"train": 6, "validation": 2, "test": 2},
            "spans": {**usual, **marker, **(spans or {})},
        },
        "features": {
            "label": "grade",
            "list_id": "query",
            "columns": [
                {"name": "user", "scope": "context", **words},
                {"name": "item", **words},
                {"name": "category", **words},
                {"name": "price", "transform": ["log1p", "z_score"]},
            ],
        },
        "model": {"family": "dnn", "hidden_layer_dims": [16]},
        "train": {"metric": "ndcg@5", "epochs": 8, "learning_rate": 0.02, "batch_size": 32},
        "evaluation": {
            "metrics": ["ndcg@5"],
            "thresholds": {"ndcg@5": {"at_least": 0.6}},
            "confidence_intervals": False,
            "min_lists": 10,
        },
        "push": {"base": str(folder / "models")},
    }
    for name, values in changes.items():
        table[name] = {**table.get(name, {}), **values}
    return {**table}
