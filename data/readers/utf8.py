"""Text that is UTF-8, or one clear line that says where it is not."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator

import pyarrow as pa

from data.errors import InputError


class Checked(io.RawIOBase):
    """A file to read from, of which each byte is checked to be part of UTF-8 text.

    Arrow's CSV reader needs that: it ends the process over a bad row that is no text.
    """

    def __init__(self, path: str, file: io.BufferedReader) -> None:
        self._path = path
        self._file = file
        self._rest = b""
        self._lines = 0

    def read(self, size: int = -1) -> bytes:
        """Returns the next bytes; raises InputError where they are no text."""
        block = self._file.read(size)
        whole = self._rest + block
        read = len(whole)
        if not whole.isascii():
            try:
                _, read = codecs.utf_8_decode(whole, "strict", not block)
            except UnicodeDecodeError as error:
                raise no_text(self._path, whole, error.start, self._lines) from None
        self._rest = whole[read:]
        self._lines += whole.count(b"\n", 0, read)
        return block

    def readable(self) -> bool:
        """Returns True."""
        return True


def no_text(path: str, block: bytes, place: int, lines: int) -> InputError:
    """Returns the error for a byte that is no text.

    Args:
      path: The file.
      block: A part of it.
      place: The place of the byte in `block`.
      lines: The number of lines before `block`.
    """
    line = lines + block.count(b"\n", 0, place) + 1
    return InputError(f"{path}: line {line}: found byte 0x{block[place]:02x}, expected UTF-8 text")


def bad_cells(array: pa.Array) -> Iterator[tuple[int, bytes]]:
    """Yields the place and the value of each cell of a binary column `[n]` that is no text."""
    try:
        array.cast(pa.string())
        return
    except pa.ArrowInvalid:
        pass
    for i, cell in enumerate(array.to_pylist()):
        try:
            (cell or b"").decode()
        except UnicodeDecodeError:
            yield i, cell
