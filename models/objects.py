"""Models in object stores, where no folder is renamed: what `models.versions` does there.

A model server takes a version for published as soon as its folder holds anything, and looks for
`saved_model.pb` first: where there is none it finds no model, and tries again. So that file comes
last and goes first, and a version without it is unfinished.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path

from data import storage
from data.errors import InputError
from data.storage import AnyPath
from models import files

GRAPH = "saved_model.pb"


def whole(folder: AnyPath) -> bool:
    """Returns whether the folder holds a model, all of it."""
    return (folder / GRAPH).is_file()


@contextmanager
def local(source: AnyPath) -> Iterator[Path]:
    """Gives the folder itself where it is local, else a copy that is removed afterwards.

    Raises:
      InputError: It cannot be copied.
    """
    if isinstance(source, Path):
        yield source
        return
    with tempfile.TemporaryDirectory() as scratch:
        with files.reading(source):
            for name in _names(source):
                storage.copy(source / name, Path(scratch, name))
        yield Path(scratch)


def upload(
    source: Path,
    target: AnyPath,
    expected: Mapping[str, str],
    further: Mapping[str, str | AnyPath],
) -> None:
    """Copies a model; a process that dies leaves an unfinished version, an error nothing.

    Args:
      source: The model.
      target: The folder, which does not exist.
      expected: The SHA-256 of each file of the model by its name.
      further: Further files by their names: texts, or files to copy.

    Raises:
      InputError: The folder cannot be written, or the source changes meanwhile.
    """
    try:
        with files.writing(target.parent):
            written = {name: target / name for name in expected}
            written[GRAPH] = target / (GRAPH + storage.PARTIAL)
            for name, path in written.items():
                storage.copy(source / name, path)
            if {name: files.digest(path) for name, path in written.items()} != expected:
                raise InputError(f"models: '{source}' changed while it was copied")
            for name, content in further.items():
                files.put(target / name, content)
            storage.rename(written[GRAPH], target / GRAPH)
    except BaseException:
        _discard(target)
        raise


def move(source: AnyPath, target: AnyPath) -> bool:
    """Copies a model and removes it; returns False where the target is another one.

    After a kill it is whole in one place or in both, and can be moved once more.

    Raises:
      InputError: A folder cannot be written.
    """
    with files.writing(target.parent):
        if not whole(target):
            _discard(target)
            for name in _names(source):
                if name != GRAPH:
                    storage.copy(source / name, target / name)
            storage.replace(source / GRAPH, target / GRAPH)
        elif _digests(source) != _digests(target):
            return False
        (source / GRAPH).unlink()
        _discard(source)
    return True


def remove(folder: AnyPath) -> None:
    """Removes a model; after a kill it is none, and what is left goes with other unfinished ones.

    Raises:
      InputError: The folder cannot be written.
    """
    with files.writing(folder.parent):
        if whole(folder):
            (folder / GRAPH).unlink()
        _discard(folder)


def _discard(folder: AnyPath) -> None:
    if folder.is_dir():
        storage.remove_tree(folder)


def _names(folder: AnyPath) -> list[str]:
    return [str(path).removeprefix(f"{folder}/") for path in storage.walk(folder)]


def _digests(folder: AnyPath) -> dict[str, str]:
    return {name: files.digest(folder / name) for name in _names(folder)}
