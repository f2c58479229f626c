"""Reads a file made of a few bytes; paths in error texts are relative to its folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from data.errors import InputError
from data.features import FeatureSpec
from data.lists import Lists
from data.lists import merge
from data.readers import Format
from data.readers import ReadOptions
from data.readers import Refusal
from data.readers import read


@dataclasses.dataclass(frozen=True)
class Reading:
    """What came out of a file."""

    batches: list[Lists]
    refusals: list[Refusal]
    texts: list[str]

    @property
    def lists(self) -> Lists:
        return merge(self.batches)


@dataclasses.dataclass(frozen=True)
class Folder:
    """Where a test writes its files."""

    path: Path

    def read(
        self,
        name: str,
        content: bytes | None,
        format: Format,
        spec: FeatureSpec,
        options: ReadOptions = ReadOptions(),  # noqa: B008
    ) -> Reading:
        if content is not None:
            (self.path / name).write_bytes(content)
        refusals: list[Refusal] = []
        batches = list(
            read(
                str(self.path / name),
                format=format,
                spec=spec,
                options=options,
                refuse=refusals.append,
            )
        )
        return Reading(batches, refusals, [self.text(refusal) for refusal in refusals])

    def error(
        self,
        name: str,
        content: bytes | None,
        format: Format,
        spec: FeatureSpec,
        options: ReadOptions = ReadOptions(),  # noqa: B008
    ) -> str:
        with pytest.raises(InputError) as caught:
            self.read(name, content, format, spec, options)
        return self.text(caught.value)

    def text(self, message: object) -> str:
        return str(message).replace(f"{self.path}/", "")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)
