"""Paths beyond the local file system: whatever `tf.io.gfile` opens, such as `gs://bucket/file`.

TensorFlow is loaded only where there is such a path.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import os
import posixpath
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import TypeAlias

_BUFFER = 1 << 18
PARTIAL = ".partial"
"""How the name of a file ends that is still being written."""


@dataclasses.dataclass(frozen=True)
class RemotePath:
    """A path with a scheme; its methods are those of `pathlib.Path` and raise its errors.

    Attributes:
      uri: The path as text.
    """

    uri: str

    def __str__(self) -> str:
        return self.uri

    def __fspath__(self) -> str:
        return self.uri

    def __truediv__(self, name: str) -> RemotePath:
        return RemotePath(posixpath.join(self.uri, name))

    @property
    def name(self) -> str:
        """The last part."""
        return posixpath.basename(self.uri.rstrip("/"))

    @property
    def parent(self) -> RemotePath:
        """The path without it."""
        return RemotePath(posixpath.dirname(self.uri.rstrip("/")))

    def exists(self) -> bool:
        """Returns whether there is a file or a folder."""
        with _os_errors(self):
            return bool(_gfile().exists(self.uri))

    def is_dir(self) -> bool:
        """Returns whether there is a folder: in an object store, anything below this name."""
        with _os_errors(self):
            return bool(_gfile().isdir(self.uri))

    def is_file(self) -> bool:
        """Returns whether there is a file."""
        return self.exists() and not self.is_dir()

    def iterdir(self) -> Iterator[RemotePath]:
        """Yields what is in the folder."""
        with _os_errors(self):
            names = _gfile().listdir(self.uri)
        for name in names:
            yield self / name.rstrip("/")  # with which object stores name folders

    def mkdir(self, *, parents: bool, exist_ok: bool) -> None:
        """Makes the folder, with those above it, unless it exists."""
        del parents, exist_ok  # the one way there is
        with _os_errors(self):
            _gfile().makedirs(self.uri)

    def unlink(self) -> None:
        """Removes the file."""
        with _os_errors(self):
            _gfile().remove(self.uri)

    def open(self, mode: str = "rb") -> io.BufferedReader:
        """Opens the file for reading bytes."""
        if mode != "rb":
            raise ValueError(f"mode: found '{mode}', expected 'rb'")
        return io.BufferedReader(_Raw(self), _BUFFER)

    def read_bytes(self) -> bytes:
        """Returns what is in the file."""
        with self.open() as file:
            return file.read()

    def read_text(self, encoding: str = "utf-8") -> str:
        """Returns what is in the file as text."""
        return self.read_bytes().decode(encoding)

    def write_text(self, text: str) -> None:
        """Writes the file, and makes its folder where there is none."""
        self.parent.mkdir(parents=True, exist_ok=True)
        if self.exists():
            self.unlink()  # some file systems, such as ram://, would append
        with _os_errors(self), _gfile().GFile(self.uri, "w") as file:
            file.write(text)


AnyPath: TypeAlias = Path | RemotePath


def at(path: str | os.PathLike[str]) -> AnyPath:
    """Returns the path, local or remote.

    >>> at("runs/films"), at("gs://bucket/films") / "models"
    (PosixPath('runs/films'), RemotePath(uri='gs://bucket/films/models'))
    """
    text = os.fspath(path).removeprefix("file://")
    return RemotePath(text) if "://" in text else Path(text)


def walk(folder: AnyPath) -> Iterator[AnyPath]:
    """Yields the files below a folder, none where it does not exist."""
    if isinstance(folder, Path):
        yield from (path for path in folder.rglob("*") if path.is_file())
        return
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir():
            yield from walk(path)
        else:
            yield path


def fingerprint(path: AnyPath) -> str:
    """Returns a text that changes with the file: its path, size, and time of change."""
    if isinstance(path, Path):
        found = path.stat()
        return f"{path}:{found.st_size}:{found.st_mtime_ns}"
    with _os_errors(path):
        stat = _gfile().stat(path.uri)
    return f"{path}:{stat.length}:{stat.mtime_nsec}"


def size(path: AnyPath) -> int:
    """Returns the bytes of a file."""
    if isinstance(path, Path):
        return path.stat().st_size
    with _os_errors(path):
        return int(_gfile().stat(path.uri).length)


def remove_tree(folder: AnyPath) -> None:
    """Removes a folder."""
    if isinstance(folder, Path):
        shutil.rmtree(folder)
        return
    with _os_errors(folder):
        _gfile().rmtree(folder.uri)


def replace_text(path: AnyPath, text: str) -> None:
    """Writes a file that others read: they see the old text or the new one, whole."""
    partial = _partial(path)
    partial.write_text(text)
    rename(partial, path)


def replace(source: AnyPath, target: AnyPath) -> None:
    """Copies a file to where others see it whole, or what was there before."""
    copy(source, partial := _partial(target))
    rename(partial, target)


def copy(source: AnyPath, target: AnyPath) -> None:
    """Copies a file, and makes its folder where there is none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with _os_errors(target):
        _gfile().copy(str(source), str(target), overwrite=True)


def _partial(path: AnyPath) -> AnyPath:
    return path.parent / (path.name + PARTIAL)


def rename(source: AnyPath, target: AnyPath) -> None:
    """Renames a file of one file system; one that is there is replaced at once.

    An object store copies it, and a copy appears when it is whole.
    """
    if isinstance(source, Path):
        source.replace(target)
        return
    with _os_errors(target):
        _gfile().rename(str(source), str(target), overwrite=True)


class _Raw(io.RawIOBase):
    """A remote file as Python's own; TensorFlow's has no `readinto`."""

    def __init__(self, path: RemotePath) -> None:
        super().__init__()
        self._path = path
        with _os_errors(path):
            self._file = _gfile().GFile(path.uri, "rb")
            self._file.seek(0)  # opens it

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return int(self._file.tell())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with _os_errors(self._path):
            self._file.seek(offset, whence)
        return self.tell()

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        with _os_errors(self._path):
            found = self._file.read(len(view))
        view[: len(found)] = found
        return len(found)

    def close(self) -> None:
        self._file.close()
        super().close()


def _gfile() -> Any:
    import tensorflow as tf

    return tf.io.gfile


@contextlib.contextmanager
def _os_errors(path: AnyPath) -> Iterator[None]:
    """Turns TensorFlow's errors into those of the local file system."""
    import tensorflow as tf

    kinds = {tf.errors.NotFoundError: errno.ENOENT, tf.errors.PermissionDeniedError: errno.EACCES}
    try:
        yield
    except tf.errors.OpError as error:
        reason = str(error.message).partition("\n")[0] or type(error).__name__
        raise OSError(kinds.get(type(error), errno.EIO), reason, str(path)) from error
