"""The list sizes that LightGBM keeps in a file beside LibSVM text without `qid`."""

from __future__ import annotations

from pathlib import PurePosixPath

from data.errors import InputError
from data.readers import files
from data.readers.options import shown


class Sizes:
    """Names the list of each document in turn.

    Args:
      path: The data file.
      suffix: What the name of the file with the sizes has in place of `.gz`, or after the name.

    Raises:
      InputError: The file is missing, a line of it is no size, or the sizes do not add up.
    """

    def __init__(self, path: str, suffix: str) -> None:
        self._path, self._file = path, path.removesuffix(".gz") + suffix
        self._sizes = _read(self._file)
        self._list, self._left, self._documents = 0, self._sizes[0], 0
        self._stem = PurePosixPath(path).name.removesuffix(".gz").encode()

    def next_id(self) -> bytes:
        """Returns the list id of the next document: the file's name and the list's number."""
        if not self._left:
            self._list += 1
            if self._list == len(self._sizes):
                raise InputError(
                    f"{self._file}: the sizes add up to {self._documents} documents,"
                    f" but '{self._path}' has more"
                )
            self._left = self._sizes[self._list]
        self._left -= 1
        self._documents += 1
        return b"%s:%d" % (self._stem, self._list + 1)

    def finish(self) -> None:
        """Makes sure that every document that was counted has come."""
        if self._documents != sum(self._sizes):
            raise InputError(
                f"{self._file}: the sizes add up to {sum(self._sizes)} documents,"
                f" but '{self._path}' has {self._documents}"
            )


def _read(path: str) -> list[int]:
    found = []
    with files.explained(path), files.open_text(path, "one list size per line") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            if not line.strip().isdigit() or not int(line):
                raise InputError(
                    f"{path}: line {number}: found {shown(line.strip())},"
                    " expected a number of documents"
                )
            found.append(int(line))
    if not found:
        raise InputError(f"{path}: found no list size")
    return found
