"""The public logs are read whole, with the numbers that are known of them."""

from __future__ import annotations

import collections
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.interactions import InteractionOptions
from data.interactions import Layout
from data.interactions.log import read_log


def total(path: Path, options: InteractionOptions) -> pa.Table:
    def refuse(refusal: object) -> None:
        raise AssertionError(str(refusal))

    return pa.Table.from_batches(read_log(str(path), options, refuse))


def test_movielens_100k(ranking_data: Path) -> None:
    table = total(ranking_data / "ml-100k" / "u.data.gz", InteractionOptions(layout=Layout.ML_100K))
    assert table.num_rows == 100_000
    assert len(pc.unique(table["user"])) == 943
    assert len(pc.unique(table["item"])) == 1_682
    counts = collections.Counter(table["value"].to_pylist())
    assert [counts[value] for value in (1, 2, 3, 4, 5)] == [6110, 11370, 27145, 34174, 21201]


def test_movielens_1m(ranking_data: Path) -> None:
    folder = ranking_data / "ml-1m"
    table = total(folder / "ratings_users_1-533.dat.gz", InteractionOptions(layout=Layout.ML_1M))
    assert table.num_rows == 80_496
    assert len(pc.unique(table["user"])) == 533
    generic = InteractionOptions(item="movie_id", value="rating", time="seq")
    whole = total(folder / "ratings_no_timestamp.csv.gz", generic)
    assert whole.num_rows == 1_000_209
    assert len(pc.unique(whole["item"])) == 3_706
    some = whole.slice(0, table.num_rows)
    assert some.select(["user", "item", "value"]) == table.select(["user", "item", "value"])


def test_ncf(ranking_data: Path) -> None:
    folder = ranking_data / "ncf-ml-1m"
    options = InteractionOptions(layout=Layout.NCF)
    train = total(folder / "ml-1m.train.rating.gz", options)
    test = total(folder / "ml-1m.test.rating", options)
    assert (train.num_rows, test.num_rows) == (994_169, 6_040)
    assert np.array_equal(train["row"], np.arange(1, 994_170))
    assert set(train["time"].to_pylist()) == {0.0}
    assert min(test["time"].to_pylist()) > 9e8
