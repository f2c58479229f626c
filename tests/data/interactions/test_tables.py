"""Users and items in every layout, looked up by id; each bad row is one clear line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from data.features import DType
from data.features import Feature
from data.features import Scope
from data.features import Transform
from data.interactions import InteractionOptions
from data.interactions import Layout
from data.interactions.tables import SideTable
from data.interactions.tables import read_items
from data.interactions.tables import read_users
from tests.data.interactions.reading import Folder
from tests.data.interactions.reading import parquet_of

HASH: dict[str, Any] = {"dtype": DType.STRING, "transform": (Transform.HASH,), "buckets": 9}
SCOPE: dict[str, Any] = {"scope": Scope.CONTEXT}
AGE = Feature("age", **SCOPE)
GENDER = Feature("gender", **SCOPE, **HASH)
ZIP = Feature("zip_code", default="?", **SCOPE, **HASH)
SHOE = Feature("shoe", dtype=DType.INT, default=40, **SCOPE)
USER = (AGE, GENDER, ZIP, SHOE)

USERS: dict[Layout, bytes | str] = {
    Layout.ML_100K: "1|24|M|writer|85711\n2|53|F|other|\n",
    Layout.ML_1M: "1::M::24::10::85711\r\n2::F::53::16::\r\n",
    Layout.CSV: 'zip_code,who,gender,age\n85711,1,M,24\n"",2,F,53\n',
    Layout.NCF: "\N{BOM}age,gender,zip_code,who\n24,M,85711,1\n53,F,,2\n",
    Layout.PARQUET: parquet_of(
        {"who": [1, 2], "age": [24, 53], "gender": ["M", "F"], "zip_code": ["85711", None]}
    ),
}
OPTIONS = {
    layout: InteractionOptions(
        layout=layout, user="user_id" if layout.value.startswith("ml-") else "who"
    )
    for layout in Layout
}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def users(
    folder: Folder, content: bytes | str, layout: Layout, features: Sequence[Feature] = USER
) -> SideTable:
    path = folder.write("users", content)
    return read_users(path, OPTIONS[layout], features, folder.refusals.append)


def items(
    folder: Folder,
    content: bytes | str,
    features: Sequence[Feature],
    options: InteractionOptions = InteractionOptions(),  # noqa: B008
) -> SideTable:
    return read_items(folder.write("items", content), options, features, folder.refusals.append)


@pytest.mark.parametrize("layout", list(USERS))
def test_users_of_every_layout(folder: Folder, layout: Layout) -> None:
    table = users(folder, USERS[layout], layout)
    assert folder.texts == []
    assert table.ids.to_pylist() == [b"1", b"2"]
    assert {name: column[:, 0].tolist() for name, column in table.values.items()} == {
        "age": [24, 53],
        "gender": [b"M", b"F"],
        "zip_code": [b"85711", b"?"],
        "shoe": [40, 40],
    }
    kinds = {name: column.dtype for name, column in table.values.items()}
    assert kinds["age"] == np.float32
    assert kinds["shoe"] == np.int64


def test_looking_up(folder: Folder) -> None:
    pair = Feature("pair", width=2, default=0.5)
    wide = Feature("tags", width=3, **HASH)
    count = Feature("count", dtype=DType.INT)
    features = (AGE, GENDER, ZIP, pair, wide, count)
    content = "item_id,age,gender,zip_code,pair,tags,count\nb,7,M,,1 2,x y,3\na,8,F,z,3 4,,4\n"
    table = items(folder, content, features)
    index = table.look_up(pa.array([b"a", b"c", b"b", b"a"]))
    assert index.tolist() == [1, -1, 0, 1]
    assert index.dtype == np.int64
    assert len(table) == 2
    assert {f.name: table.take(f.name, index).tolist() for f in features} == {
        "age": [[8], [0], [7], [8]],
        "gender": [[b"F"], [b""], [b"M"], [b"F"]],
        "zip_code": [[b"z"], [b"?"], [b"?"], [b"z"]],
        "pair": [[3, 4], [0.5, 0.5], [1, 2], [3, 4]],
        "tags": [[b"", b"", b""], [b"", b"", b""], [b"x", b"y", b""], [b"", b"", b""]],
        "count": [[4], [0], [3], [4]],
    }
    assert table.values["age"].tolist() == [[7], [8]]


def test_a_feature_may_be_the_id(folder: Folder) -> None:
    table = items(folder, "item_id\n7\n8\n", [Feature("item_id", dtype=DType.INT)])
    assert table.values["item_id"].tolist() == [[7], [8]]


BAD_USERS: dict[tuple[Layout, str], list[str]] = {
    (Layout.ML_1M, "1::M::24::10::1\n2::M::old::10::2\n1::F::30::10::3\n::F::30::10::4\n"): [
        "users: line 2: column 'age': found 'old', expected a number",
        "users: line 4: column 'user_id': missing, expected an id",
        "users: line 3: column 'user_id': found '1' again, first in line 1; expected each id once",
    ],
    (Layout.ML_100K, "1|24|M|writer|8\n2,24,M,writer,8\n3||M|writer|8\n"): [
        "users: line 2: found '2,24,M,writer,8', expected 5 cells parted by '|'",
        "users: line 3: column 'age': missing, expected a number",
    ],
    (Layout.CSV, "who,age,gender\n1,24,M\n2,x,M\n3,1\n1,30,F\n"): [
        "users: row 3: found 2 cells, expected 3",
        "users: row 2: column 'age': found 'x', expected a number",
        "users: row 4: column 'who': found '1' again, first in row 1; expected each id once",
    ],
}


@pytest.mark.parametrize(("case", "messages"), BAD_USERS.items(), ids=["1m", "100k", "csv"])
def test_bad_rows_of_users(folder: Folder, case: tuple[Layout, str], messages: list[str]) -> None:
    table = users(folder, case[1], case[0])
    assert folder.texts == messages
    assert table.ids.to_pylist() == [b"1"]
    assert table.values["age"].tolist() == [[24]]


def test_only_bad_rows(folder: Folder) -> None:
    table = users(folder, "who,age,gender\n1,x,M\n", Layout.CSV)
    assert len(table) == 0
    assert table.look_up(pa.array([b"1"])).tolist() == [-1]
    assert table.take("zip_code", np.array([-1, -1])).tolist() == [[b"?"], [b"?"]]


OTHER_FORM = {
    (Layout.ML_1M, "1|M\n"): (
        "users: no line has the 5 cells user_id, gender, age, occupation, zip_code parted by '::';"
        " line 1: found '1|M', expected 5 cells parted by '::'"
    ),
    (Layout.CSV, "user,age,gender\n"): "users: no column 'who'; found 'user', 'age', 'gender'.",
    (Layout.CSV, "who,gender\n"): "users: no column 'age'; found 'who', 'gender'.",
    (Layout.NCF, "who;age;gender\n"): (
        "users: found one column, 'who;age;gender', expected a header with cells parted by ','"
    ),
    (Layout.PARQUET, parquet_of({"who": [1.5], "age": [1], "gender": ["F"]})): (
        "users: column 'who': found type double, expected a string or an integer"
    ),
    (Layout.PARQUET, parquet_of({"who": [1], "age": ["1"], "gender": ["F"]})): (
        "users: column 'age': found type string, expected a number"
    ),
}


@pytest.mark.parametrize(("case", "message"), OTHER_FORM.items(), ids=[*map(str, range(6))])
def test_files_of_another_form(
    folder: Folder, case: tuple[Layout, bytes | str], message: str
) -> None:
    assert folder.error(lambda: users(folder, case[1], case[0]).values) == message


def test_a_column_that_movielens_does_not_have(folder: Folder) -> None:
    error = folder.error(
        lambda: users(folder, USERS[Layout.ML_1M], Layout.ML_1M, [Feature("height")]).values
    )
    assert error == (
        "users: no column 'height'; found 'user_id', 'gender', 'age', 'occupation', 'zip_code'."
    )


def test_public_users(ranking_data: Path) -> None:
    refusals: list[Any] = []
    for layout, name, count in (
        (Layout.ML_100K, "ml-100k/u.user", 943),
        (Layout.ML_1M, "ml-1m/users.dat", 6040),
    ):
        features = (AGE, GENDER, ZIP)
        path = str(ranking_data / name)
        table = read_users(path, OPTIONS[layout], features, refusals.append)
        assert len(table) == count
        assert set(table.values["gender"][:, 0]) == {b"F", b"M"}
        assert 0 < table.values["age"].min() < table.values["age"].max() < 100
    assert refusals == []
