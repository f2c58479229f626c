"""MovieLens' movies in three layouts: ids, titles, years and genres."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from data.features import DType
from data.features import Feature
from data.features import Transform
from data.interactions import InteractionOptions
from data.interactions import Layout
from data.interactions.movielens import GENRES
from data.interactions.tables import SideTable
from data.interactions.tables import read_items
from tests.data.interactions.reading import Folder

HASH: dict[str, Any] = {"dtype": DType.STRING, "transform": (Transform.HASH,), "buckets": 9}
TITLE = Feature("title", **HASH)
YEAR = Feature("year", dtype=DType.INT, default=-1)
FEATURES = (TITLE, YEAR, Feature("genres", width=3, **HASH))

MOVIES = [
    ("1", "Caf\u00e9, Le (1995)", ("Animation", "Comedy"), "Caf\u00e9, Le", 1995),
    ("5", "A: B (1987) (V)", ("Drama",), "A: B (V)", 1987),
    ("9", "1984, or So (x) (1956) ", (), "1984, or So (x)", 1956),
    ("12", "unknown", ("Action", "Crime", "War", "Western"), "unknown", -1),
]


def flags(genres: Sequence[str], order: Sequence[str] = GENRES) -> str:
    return "|".join(str(int(name in genres)) for name in order)


def content_of(layout: Layout) -> bytes:
    if layout is Layout.ML_100K:
        rows = [f"{i}|{title}|01-Jan-1995||url|{flags(genres)}" for i, title, genres, *_ in MOVIES]
        return "\n".join(rows).encode("iso-8859-1")
    if layout is Layout.ML_1M:
        rows = [f"{i}::{title}::{'|'.join(genres)}" for i, title, genres, *_ in MOVIES]
        return "\r\n".join(rows).encode("iso-8859-1")
    cells = [
        (i, title, "|".join(genres) or "(no genres listed)") for i, title, genres, *_ in MOVIES
    ]
    rows = [f'{i},"{title}",{genres}' for i, title, genres in cells]
    return "\n".join(["movieId,title,genres", *rows]).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def read(
    folder: Folder,
    content: bytes | str,
    layout: Layout,
    features: Sequence[Feature] = FEATURES,
) -> SideTable:
    path = folder.write("items", content)
    return read_items(path, InteractionOptions(layout=layout), features, folder.refusals.append)


LAYOUTS = [Layout.ML_100K, Layout.ML_1M, Layout.ML_CSV]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout(folder: Folder, layout: Layout) -> None:
    table = read(folder, content_of(layout), layout)
    assert folder.texts == []
    assert table.ids.to_pylist() == [movie[0].encode() for movie in MOVIES]
    assert [t.decode() for t in table.values["title"][:, 0]] == [movie[3] for movie in MOVIES]
    assert table.values["year"][:, 0].tolist() == [movie[4] for movie in MOVIES]
    genres = [[name.decode() for name in row] for row in table.values["genres"]]
    assert genres == [[*movie[2], "", "", ""][:3] for movie in MOVIES]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_first_genre_and_its_default(folder: Folder, layout: Layout) -> None:
    one = Feature("genres", default="none", **HASH)
    table = read(folder, content_of(layout), layout, [one])
    found = [name.decode() for name in table.values["genres"][:, 0]]
    assert found == [[*movie[2], "none"][0] for movie in MOVIES]


def test_a_year_without_a_default_is_needed(folder: Folder) -> None:
    year = Feature("year", dtype=DType.INT)
    table = read(folder, content_of(Layout.ML_1M), Layout.ML_1M, [year])
    assert len(table) == 3
    assert folder.texts == ["items: line 4: column 'year': missing, expected an integer"]


@pytest.mark.parametrize(
    ("title", "name", "year"),
    [
        ("Two (Parts) (2001)", "Two (Parts)", 2001),
        ("On and On (2006\u20132007)", "On and On", 2006),
        ("Still On (2011- )", "Still On", 2011),
        ("2001 Nights", "2001 Nights", -1),
        ("(1999)", "(1999)", -1),
        (" Far (19999)", "Far (19999)", -1),
    ],
)
def test_titles_and_years(folder: Folder, title: str, name: str, year: int) -> None:
    table = read(folder, f"movieId,title,genres\n1,{title},x\n", Layout.ML_CSV, [TITLE, YEAR])
    assert table.values["title"][0, 0].decode() == name
    assert table.values["year"][0, 0] == year


def test_movies_in_utf8_are_read_as_such(folder: Folder) -> None:
    table = read(folder, "1::Caf\u00e9 (2000)::Drama\n", Layout.ML_1M)
    assert table.values["title"][0, 0] == "Caf\u00e9".encode()


def test_genres_are_those_of_the_file_beside(folder: Folder) -> None:
    folder.write("u.genre", "Noir|1\nComic|0\n\n")
    table = read(folder, "7|A (1990)||||1|1\n8|B (1991)||||0|1\n", Layout.ML_100K)
    assert table.values["genres"].tolist() == [[b"Comic", b"Noir", b""], [b"Noir", b"", b""]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("Noir|1\n", "u.genre: found the numbers [1], expected 0, 1, 2, ..."),
        ("Noir 1\n", "u.genre: line 1: found 'Noir 1', expected a name, '|' and a number"),
    ],
)
def test_a_bad_file_of_genres(folder: Folder, content: str, message: str) -> None:
    folder.write("u.genre", content)
    assert folder.error(lambda: read(folder, "7|A||||1\n", Layout.ML_100K).values) == message


def test_bad_rows(folder: Folder) -> None:
    good, bad = flags(["War"]), flags(["War"]).replace("1", "2")
    rows = [f"1|A (1990)||||{good}", f"2|B||||{bad}", f"3|C|||{good}", f"|D||||{good}"]
    table = read(folder, "\n".join(rows), Layout.ML_100K)
    assert table.ids.to_pylist() == [b"1"]
    assert [re.sub(r"'3\|.*?'", "...", text) for text in folder.texts] == [
        "items: line 3: found ..., expected 24 cells parted by '|'",
        "items: line 2: column 'War': found '2', expected 0 or 1",
        "items: line 4: column 'movie_id': missing, expected an id",
    ]
    folder.refusals.clear()
    table = read(folder, "1::A::Drama\n2::B\n1::C::War\n", Layout.ML_1M)
    assert table.values["title"].tolist() == [[b"A"]]
    assert folder.texts == [
        "items: line 2: found '2::B', expected 3 cells parted by '::'",
        "items: line 3: column 'movie_id': found '1' again, first in line 1; expected each id once",
    ]


def test_a_header_of_other_names(folder: Folder) -> None:
    error = folder.error(lambda: read(folder, "movieID,title,genres\n", Layout.ML_CSV).values)
    assert error == (
        "items: no column 'movieId'; found 'movieID', 'title', 'genres'. Did you mean 'movieID'?"
    )


def test_public_movies(ranking_data: Path) -> None:
    refusals: list[Any] = []
    for layout, name, count, undated in (
        (Layout.ML_100K, "ml-100k/u.item", 1682, 1),
        (Layout.ML_1M, "ml-1m/movies.dat", 3883, 0),
    ):
        options = InteractionOptions(layout=layout)
        table = read_items(str(ranking_data / name), options, FEATURES, refusals.append)
        years = table.values["year"][:, 0]
        assert len(table) == count
        assert (years == -1).sum() == undated
        assert years[years > 0].min() >= 1919
        assert set(table.values["genres"].reshape(-1)) <= {b"", *map(str.encode, GENRES)}
        assert (table.values["genres"][:, 0] != b"").all()
        assert "Mis\u00e9rables, Les".encode() in table.values["title"]
    assert refusals == []
