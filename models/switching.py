"""Which published version answers requests: the newest, a canary beside it, or an earlier one.

The folders of `models.versions` say it. For whoever divides requests between a stable version and a
canary, `serving.json` beside them says it once more, from the first canary on:

    {"canary": 1714564900, "share": 0.05, "stable": 1714564800}

The file is replaced at once. It names a canary only while that is there: it is told after a canary
has come, and before one goes. Without a canary `canary` is null.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path

from data import storage
from data.errors import InputError
from data.errors import did_you_mean
from data.storage import AnyPath
from data.storage import RemotePath
from models import files
from models import objects
from models import versions
from models.versions import CANARY
from models.versions import Published
from models.versions import Version

FILE = "serving.json"
"""The file in the store that names the stable version, the canary and its share."""


def current(known: Iterable[Version]) -> tuple[Version | None, Version | None]:
    """Returns the stable version and the canary among these, which are sorted, newest first.

    The stable version is the newest live one. A canary that is older was overtaken and is none.
    """
    known = list(known)
    stable = next((version for version in known if version.live), None)
    canary = next((version for version in known if version.canary), None)
    if stable and canary and canary.version < stable.version:
        canary = None
    return stable, canary


def share(canary: Version | Published) -> float:
    """Returns the share of requests that a canary is to answer."""
    told = canary.manifest.get(CANARY)
    return float(told.get("share", 0.0)) if isinstance(told, dict) else 0.0


def settle(base: AnyPath, *, keep: int = 0) -> list[int]:
    """Does what is left to do after a version was published, or a process died; returns what went.

    `serving.json` is told, a canary that another version overtook is retired, and old versions are
    removed.

    Args:
      base: The store.
      keep: How many versions stay, the newest, those retired among them; 0: all. What is served,
        what a rollback goes back to and the canary stay in any case.

    Raises:
      InputError: The store cannot be read or written.
    """
    known = versions.versions(base)
    stable, canary = current(known)
    _tell(base, stable, canary)
    _retire(base, (v for v in known if v.canary and v != canary))
    if isinstance(base, Path):
        files.finish_removals(base)
    if not keep:
        return []
    known = versions.versions(base)
    live = [version for version in known if version.live]
    kept = {v.version for v in (*known[:keep], *live[:2], *(v for v in known if v.canary))}
    removed = [version for version in known if version.version not in kept]
    for version in removed:
        if isinstance(version.path, Path):
            files.remove(version.path)
        else:
            objects.remove(version.path)
    return [version.version for version in removed]


def promote(base: AnyPath) -> Version:
    """Makes the canary the newest live version, and returns it.

    Raises:
      InputError: There is none, or the store cannot be written.
    """
    if isinstance(base, RemotePath):
        versions.clean(base, moved=True)
    known = versions.versions(base)
    stable, canary = current(known)
    if canary is None:
        raise InputError(f"models: no canary in '{base}'; live versions: {_numbers(known)}")
    _tell(base, stable, None)
    path = base / str(canary.version)
    _move(canary.path, path)
    promoted = dataclasses.replace(canary, path=path, live=True, canary=False)
    _tell(base, promoted, None)
    return promoted


def rollback(base: AnyPath, to: int | None = None) -> Version:
    """Goes back to an earlier version, and returns the one that is then served.

    A canary is retired; where there is one and `to` is None, that is all. Else every live version
    above the target is retired, from the newest down, so that the watcher falls back; a target that
    was retired itself is made live again first.

    Args:
      base: The store.
      to: The version to go back to; if None, the one before the newest.

    Raises:
      InputError: There is nothing to go back to, or the store cannot be written.
    """
    if isinstance(base, RemotePath):
        versions.clean(base, moved=True)
    known = versions.versions(base)
    stable, canary = current(known)
    target = stable if stable and canary and to is None else _target(base, known, to)
    _tell(base, stable, None)
    _retire(base, (version for version in known if version.canary))
    if not target.live:
        path = base / str(target.version)
        _move(target.path, path)
        target = dataclasses.replace(target, path=path, live=True)
    _tell(base, target, None)
    _retire(base, (v for v in known if v.live and v.version > target.version))
    return target


def _target(base: AnyPath, known: list[Version], to: int | None) -> Version:
    live, numbers = [version for version in known if version.live], _numbers(known)
    if to is None:
        if len(live) < 2:
            raise InputError(f"models: nothing to go back to in '{base}'; live versions: {numbers}")
        return live[1]
    if live and live[0].version == to:
        raise InputError(f"models: version {to} is the newest live version of '{base}' already")
    for version in known:
        if version.version == to:
            if version.canary:
                raise InputError(f"models: version {to} is a canary of '{base}'; promote serves it")
            return version
    near = did_you_mean(str(to), [str(version.version) for version in known])
    raise InputError(f"models: no version {to} in '{base}'; live versions: {numbers}.{near}")


def _numbers(known: Iterable[Version]) -> str:
    return ", ".join(str(version.version) for version in known if version.live) or "none"


def _tell(base: AnyPath, stable: Version | None, canary: Version | None) -> None:
    path = base / FILE
    if canary is None and not path.exists():
        return
    told = {
        "stable": stable.version if stable else None,
        "canary": canary.version if canary else None,
        "share": share(canary) if canary else 0.0,
    }
    text = json.dumps(told, sort_keys=True) + "\n"
    if isinstance(path, Path):
        files.replace_text(path, text)
        return
    with files.writing(base):
        storage.replace_text(path, text)


def _retire(base: AnyPath, leaving: Iterable[Version]) -> None:
    for version in leaving:
        _move(version.path, versions.retired(base, version.version))


def _move(source: AnyPath, target: AnyPath) -> None:
    remote = isinstance(source, RemotePath)
    moved = objects.move(source, target) if remote else files.rename(Path(source), Path(target))
    if not moved:
        raise InputError(f"models: cannot rename '{source}': '{target}' exists")
