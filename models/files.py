"""Copies of whole folders that appear at once: the file operations behind `models.versions`.

Local file systems only; `models.objects` does it for others.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Collection
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path

from data import storage
from data.errors import InputError
from data.storage import PARTIAL
from data.storage import AnyPath

INCOMING = ".incoming-"
"""How the name of a folder begins that is still being copied."""

REMOVED = ".removed-"
"""How the name of a folder begins with what is being removed."""

ABANDONED_AFTER_SECONDS = 3600
"""The age at which such a folder was left by a process that died."""


def digests(folder: Path, *, without: Collection[str]) -> dict[str, str]:
    """Returns the SHA-256 of each file under the folder but some, by relative path in order.

    Raises:
      InputError: A file cannot be read.
    """
    try:
        paths = [
            Path(top, name) for top, _, names in os.walk(folder, followlinks=True) for name in names
        ]
        named = {path.relative_to(folder).as_posix(): digest(path) for path in sorted(paths)}
    except OSError as error:
        raise InputError(f"models: cannot read '{error.filename}': {error.strerror}") from error
    return {name: found for name, found in named.items() if name not in without}


def digest(path: AnyPath) -> str:
    """Returns the SHA-256 of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def digest_of(named: Mapping[str, str]) -> str:
    """Returns one SHA-256 for a folder, from its files' names and digests."""
    lines = "".join(f"{found}  {name}\n" for name, found in sorted(named.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


@contextmanager
def incoming(
    source: Path, base: Path, expected: Mapping[str, str], *, without: Collection[str]
) -> Iterator[Path]:
    """Gives a durable copy of the source beside the final folders, to be renamed by the caller.

    Whatever is left of it afterwards is removed; so is what dead processes left.

    Raises:
      InputError: The folder cannot be written, or the source changes meanwhile.
    """
    if base.resolve().is_relative_to(source.resolve()):
        raise InputError(f"models: the store '{base}' lies inside the model '{source}'")
    with writing(base):
        base.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(base)
        scratch = Path(tempfile.mkdtemp(prefix=INCOMING, dir=base))
    try:
        folder = scratch / "model"
        with writing(base):
            shutil.copytree(source, folder)
            for name in without:
                (folder / name).unlink(missing_ok=True)
        if digests(folder, without=without) != expected:
            raise InputError(f"models: '{source}' changed while it was copied")
        with writing(base):
            for path in (folder, *folder.rglob("*")):
                _sync(path)
        yield folder
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def reading(base: AnyPath) -> Iterator[None]:
    """Turns a failure to read into the error that names the folder and the reason."""
    try:
        yield
    except OSError as error:
        raise InputError(f"models: cannot read '{base}': {error.strerror}") from error


@contextmanager
def writing(base: AnyPath) -> Iterator[None]:
    """Turns a failure to write into the error that names the folder and the reason."""
    try:
        yield
    except shutil.Error as error:  # copytree collects (source, target, reason) of every file
        reason = error.args[0][0][2]
        raise InputError(f"models: cannot write to '{base}': {reason}") from error
    except OSError as error:
        raise InputError(f"models: cannot write to '{base}': {error.strerror}") from error


def put(path: AnyPath, content: str | AnyPath) -> None:
    """Writes a file, a text or a copy of another one; a local one is on disk then."""
    if isinstance(content, str):
        path.write_text(content)
    else:
        storage.copy(content, path)
    if isinstance(path, Path):
        _sync(path)
        _sync(path.parent)


def replace_text(path: Path, text: str) -> None:
    """Writes a file that others read: they see the old text or the new one, whole and on disk."""
    partial = path.with_name(path.name + PARTIAL)
    with writing(path.parent):
        put(partial, text)
        partial.replace(path)
        _sync(path.parent)


def remove(folder: Path) -> None:
    """Removes a folder that others watch: it is gone at once, whenever its files go."""
    with writing(folder.parent):
        scratch = Path(tempfile.mkdtemp(prefix=REMOVED, dir=folder.parent))
        os.rename(folder, scratch / folder.name)
        _sync(folder.parent)
    shutil.rmtree(scratch, ignore_errors=True)


def finish_removals(base: Path) -> None:
    """Removes what processes left that died in `remove`."""
    for path in base.glob(f"{REMOVED}*"):
        shutil.rmtree(path, ignore_errors=True)


def rename(source: Path, target: Path) -> bool:
    """Renames a folder at once, durably; returns False where the target exists."""
    with writing(target.parent):
        if target.exists():
            return False
        try:
            os.rename(source, target)
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY):  # another process was faster
                return False
            raise
        _sync(target.parent)
    return True


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_abandoned(base: Path) -> None:
    for path in base.glob(f"{INCOMING}*"):
        with suppress(FileNotFoundError):  # its own process may remove it meanwhile
            if time.time() - path.stat().st_mtime > ABANDONED_AFTER_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
