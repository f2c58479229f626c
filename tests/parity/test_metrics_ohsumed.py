"""The "letor" preset against the tables published with the LETOR OHSUMED data set.

Each row of the table ranks the documents of all 106 queries by one of 25 features, ties in the
order of the file. Its numbers are printed to six significant digits.
"""

from __future__ import annotations

import csv
import functools
import gzip
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.metrics import evaluate
from models.metrics import mean_metrics
from models.metrics import parse_metric
from models.metrics import preset

Array = NDArray[np.float64]
COLUMNS = {
    **{f"NDCG@{k}": f"ndcg@{k}" for k in range(1, 11)},
    **{f"P@{k}": f"precision@{k}" for k in range(1, 11)},
    "MAP": "map",
}


def _line(text: str) -> tuple[str, list[float]]:
    """Returns the query of a line, and its label followed by its 25 features."""
    label, query, *features = text.partition("#")[0].split()
    return query, [float(label), *(float(feature.partition(":")[2]) for feature in features)]


def _folder(ranking_data: Path) -> Path:
    folder = ranking_data / "ohsumed"
    if not folder.is_dir():
        pytest.skip(f"LETOR OHSUMED is not here: {folder} is no folder")
    return folder


@functools.cache
def _read(folder: Path) -> Array:
    rows = []
    for subset in range(1, 6):
        with gzip.open(folder / f"S{subset}.txt.gz", "rt") as file:
            rows += [_line(text) for text in file]
    queries = [[row for _, row in group] for _, group in groupby(rows, key=lambda line: line[0])]
    padded = np.full((len(queries), max(map(len, queries)), 26), -1.0)
    for query, documents in zip(padded, queries, strict=True):
        query[: len(documents)] = documents
    return padded


@pytest.fixture
def lists(ranking_data: Path) -> Array:
    """All lists, `[query, document, label and features]`; padding is -1."""
    return _read(_folder(ranking_data))


@pytest.fixture
def published(ranking_data: Path) -> list[dict[str, str]]:
    """The rows of the table, as printed."""
    with (_folder(ranking_data) / "published_single_features.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_it_is_the_whole_data_set(lists: Array, published: list[dict[str, str]]) -> None:
    assert len(lists) == 106
    assert int((lists[:, :, 0] >= 0).sum()) == 16140
    assert [row["feature"] for row in published] == [str(i) for i in range(1, 26)]


@pytest.mark.parametrize("feature", range(1, 26))
def test_every_printed_number(lists: Array, published: list[dict[str, str]], feature: int) -> None:
    metrics = [parse_metric(name) for name in COLUMNS.values()]
    means = mean_metrics(
        *evaluate(lists[:, :, feature], lists[:, :, 0], metrics=metrics, contract=preset("letor"))
    ).numpy()
    got = {column: f"{mean:.6g}" for column, mean in zip(COLUMNS, means, strict=True)}
    want = {column: published[feature - 1][column] for column in COLUMNS}
    assert got == want
