"""The lists that all tests of this folder draw from, written once."""

from __future__ import annotations

from pathlib import Path

import pytest

from data.sampling import catalogue as catalogue_lib
from data.sampling.catalogue import Catalogue
from tests.data.sampling.samples import LIKES
from tests.data.sampling.samples import N_ITEMS
from tests.data.sampling.samples import TRANSFORMED
from tests.data.sampling.samples import write_catalogue
from tests.data.sampling.samples import write_likes


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sampling")


@pytest.fixture(scope="session")
def catalogue(folder: Path) -> Catalogue:
    return catalogue_lib.load([write_catalogue(folder / "items.gz", N_ITEMS)], TRANSFORMED)


@pytest.fixture(scope="session")
def files(folder: Path) -> list[str]:
    users = list(LIKES)
    parts = (users[:4], users[4:])
    return [
        write_likes(folder / f"{number}.gz", {user: LIKES[user] for user in part})
        for number, part in enumerate(parts)
    ]
