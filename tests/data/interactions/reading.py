"""Reads files of a few bytes; paths in texts are relative to their folder."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from data.errors import InputError
from data.readers import Refusal


@dataclasses.dataclass
class Folder:
    """Where a test writes its files."""

    path: Path
    refusals: list[Refusal] = dataclasses.field(default_factory=list)

    def write(self, name: str, content: bytes | str) -> str:
        content = content.encode() if isinstance(content, str) else content
        (self.path / name).write_bytes(content)
        return str(self.path / name)

    @property
    def texts(self) -> list[str]:
        return [self.text(refusal) for refusal in self.refusals]

    def text(self, message: object) -> str:
        return str(message).replace(f"{self.path}/", "")

    def error(self, read: Callable[[], Iterable[Any]]) -> str:
        with pytest.raises(InputError) as caught:
            list(read())
        return self.text(caught.value)


def parquet_of(columns: dict[str, Any]) -> bytes:
    """Returns the bytes of a Parquet table."""
    out = io.BytesIO()
    parquet.write_table(pa.table(columns), out)
    return out.getvalue()
