"""A byte that is no UTF-8 text stops the reader with the line it stands in."""

from __future__ import annotations

import io
from typing import Any

import pytest

from data.errors import InputError
from data.features import Feature
from data.features import FeatureSpec
from data.readers import Format
from data.readers.utf8 import Checked


def read(content: bytes, size: int) -> bytes:
    file = Checked("a", io.BufferedReader(io.BytesIO(content)))
    return b"".join(iter(lambda: file.read(size), b""))


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_text_passes_whatever_the_size_of_the_blocks(size: int) -> None:
    content = "a\né€\n\N{GRINNING FACE}z".encode()
    assert read(content, size) == content


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"ab\ncd\n\xe9f\n", "line 3: found byte 0xe9"),
        ("é\n".encode() + b"\xff", "line 2: found byte 0xff"),
        ("é\né".encode()[:-1], "line 2: found byte 0xc3"),
    ],
)
def test_other_bytes_do_not(content: bytes, place: str, size: int) -> None:
    with pytest.raises(InputError) as caught:
        read(content, size)
    assert str(caught.value) == f"a: {place}, expected UTF-8 text"


def test_csv_rows_that_are_no_text(folder: Any) -> None:
    spec = FeatureSpec(columns=(Feature("price"),), list_id="q")
    content = b"q,price,label\na,1,1\nb,\xe9\n"
    assert folder.error("a", content, Format.CSV, spec) == (
        "a: line 3: found byte 0xe9, expected UTF-8 text"
    )
