"""The store of published models: the folder that TensorFlow Serving watches.

The watcher serves the sub-folder with the highest number. A model appears there by one rename, so
it is never seen half written; a rollback renames folders so that their names are no numbers. A
canary lies in a folder of its own, which another server watches, until `models.switching` makes it
the newest of all. Object stores have no such rename; `models.objects` says what comes in its place.
Only `models.files` and it write.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import NamedTuple

from data.errors import InputError
from data.storage import AnyPath
from data.storage import RemotePath
from models import files
from models import objects

MANIFEST = "manifest.json"
"""The file in each published model that says what it is."""

STATISTICS = "statistics.pb"
"""The file beside it with the statistics of what the model was trained on, where they are known."""

_BESIDE = (MANIFEST, STATISTICS)

CANARY = "canary"
"""The folder of canaries in the store, and the key of the manifest that has a canary's share."""

_RETIRED = "retired-"


@dataclasses.dataclass(frozen=True)
class Version:
    """A model in the store.

    Attributes:
      version: Its number; it grows with time and is never given twice.
      live: Whether the watcher sees it; it serves the highest live version.
      path: Its folder.
      manifest: What `publish` wrote down; empty for a folder that came another way.
      canary: Whether it lies with the canaries; it is not live then.
    """

    version: int
    live: bool
    path: AnyPath
    manifest: Mapping[str, Any]
    canary: bool = False


@dataclasses.dataclass(frozen=True)
class Published:
    """What `publish` did.

    Attributes:
      version: The number of the version with this content.
      path: Its folder.
      manifest: What is written down there.
      canary: Whether it lies with the canaries.
      new: False if it was there already, with the same content.
    """

    version: int
    path: AnyPath
    manifest: Mapping[str, Any]
    canary: bool
    new: bool


def publish(
    source: AnyPath,
    base: AnyPath,
    *,
    manifest: Mapping[str, Any],
    statistics: AnyPath | None = None,
    share: float = 0.0,
) -> Published:
    """Copies a SavedModel into the store, unless a version there is it.

    These are the newest live one, a canary and those retired; an older live one comes again.

    The content is the names and bytes of all files. Exports of one model by two processes are
    equal; a process that exports twice numbers its functions on, and its exports differ.

    Two processes may publish at once in a local store, not in an object store.

    Args:
      source: The SavedModel's folder.
      base: The store; it is created if needed.
      manifest: What to write down beside `created` (UTC), `content` (SHA-256 of the whole) and
        `files` (SHA-256 of each): data, metrics, configuration; JSON values, numbers finite.
      statistics: A file to put beside the manifest: the statistics of what it was trained on.
      share: The share of requests that it is to answer as a canary; 0: it is none. The first
        version of a store is none in any case.

    Raises:
      InputError: The source is no SavedModel, or the store cannot be written.
    """
    if reserved := {"created", "content", "files", CANARY}.intersection(manifest):
        raise ValueError(f"the manifest's '{min(reserved)}' is written by publish itself")
    if not objects.whole(source):
        raise InputError(f"models: '{source}' is not a SavedModel: it has no saved_model.pb")
    with objects.local(source) as folder:
        return _publish(folder, base, manifest, statistics, share)


def _publish(
    source: Path,
    base: AnyPath,
    manifest: Mapping[str, Any],
    statistics: AnyPath | None,
    share: float,
) -> Published:
    digests = files.digests(source, without=_BESIDE)
    content = files.digest_of(digests)
    known = versions(base)
    live = [version for version in known if version.live]
    others = [version for version in known if not version.live]
    for version in (*live[:1], *others):  # a model rolled back comes back by a rollback only
        if version.manifest.get("content") == content:
            return _published(version, new=False)
    canary = bool(share and live)
    told = {CANARY: {"share": share}} if canary else {}
    created = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    text = json.dumps(
        {**manifest, **told, "created": created, "content": content, "files": digests},
        indent=2,
        sort_keys=True,
        allow_nan=False,
    )
    beside = {MANIFEST: text + "\n", **({STATISTICS: statistics} if statistics else {})}
    return _published(_add(source, base, digests, beside, canary=canary), new=True)


def _add(
    source: Path,
    base: AnyPath,
    digests: Mapping[str, str],
    beside: Mapping[str, str | AnyPath],
    *,
    canary: bool,
) -> Version:
    state, folder = (_State.CANARY, base / CANARY) if canary else (_State.LIVE, base)
    number = max([int(time.time()), *(taken.number + 1 for taken in _places(base))])
    if isinstance(base, RemotePath):
        objects.upload(source, folder / str(number), digests, beside)
        clean(base)
    else:
        with files.incoming(source, base, digests, without=_BESIDE) as incoming:
            with files.writing(base):
                for name, content in beside.items():
                    files.put(incoming / name, content)
                folder.mkdir(parents=True, exist_ok=True)
            while not files.rename(incoming, Path(folder, str(number))):
                number += 1
    return _read(_Place(number, folder / str(number), state))


def _published(version: Version, *, new: bool) -> Published:
    return Published(version.version, version.path, version.manifest, version.canary, new)


def versions(base: AnyPath) -> list[Version]:
    """Returns all versions, newest first, those retired too; none where there is no store.

    Raises:
      InputError: The store cannot be read.
    """
    found = _places(base)
    if isinstance(base, RemotePath):
        with files.reading(base):
            found = [place for place in found if objects.whole(place.path)]
        # One that is in two places was cut off on its way from one to the other; it counts where
        # more requests reach it.
        first = {place.number: place for place in sorted(found, key=_order, reverse=True)}
        found = list(first.values())
    return [_read(place) for place in sorted(found, key=_order)]


class _State(enum.IntEnum):
    LIVE = 0
    CANARY = 1
    RETIRED = 2


class _Place(NamedTuple):
    number: int
    path: AnyPath
    state: _State


def _order(place: _Place) -> tuple[int, int]:
    return -place.number, place.state


def _places(base: AnyPath) -> list[_Place]:
    """Returns the folders of versions, unfinished ones of object stores too."""
    found = []
    for folder, prefix, state in (
        (base, "", _State.LIVE),
        (base / CANARY, "", _State.CANARY),
        (base, _RETIRED, _State.RETIRED),
    ):
        with files.reading(base):
            for path in folder.iterdir() if folder.is_dir() else ():
                number = path.name.removeprefix(prefix)
                named = path.name.startswith(prefix) and number.isdecimal()
                if named and path.is_dir():
                    found.append(_Place(int(number), path, state))
    return found


def retired(base: AnyPath, number: int) -> AnyPath:
    """Returns the folder of a version that is retired."""
    return base / f"{_RETIRED}{number}"


def clean(base: RemotePath, *, moved: bool = False) -> None:
    """Removes what processes left that died while they published, moved or removed a version.

    Args:
      base: The store.
      moved: Whether to remove, too, what is left of versions that are whole in another place.
    """
    long_ago = time.time() - files.ABANDONED_AFTER_SECONDS
    found = _places(base)
    whole = {place for place in found if objects.whole(place.path)}
    for place in found:
        elsewhere = {other.state for other in whole - {place} if other.number == place.number}
        if place in whole:
            left = moved and place.state is _State.CANARY and _State.LIVE in elsewhere
        elif elsewhere:
            left = moved
        else:  # what is retired was whole; numbers are the seconds of their making
            left = place.state is _State.RETIRED or place.number < long_ago
        if left:
            objects.remove(place.path)


def describe(version: Version) -> str:
    """Returns one line: number, state, when it was published, and its metrics.

    >>> metrics = {"contract": "...", "values": {"ndcg@10": 0.91234}}
    >>> manifest = {"created": "2024-05-01T12:00:00+00:00", "metrics": metrics}
    >>> describe(Version(1714564800, True, Path("models/1714564800"), manifest))
    '1714564800  live     2024-05-01T12:00:00+00:00  ndcg@10 0.9123'
    """
    state = "live" if version.live else CANARY if version.canary else "retired"
    created = version.manifest.get("created", "no manifest")
    metrics = version.manifest.get("metrics")
    values = metrics.get("values", {}) if isinstance(metrics, dict) else {}
    shown = ", ".join(f"{n} {v:.4f}" for n, v in values.items() if isinstance(v, float | int))
    return f"{version.version}  {state:7}  {created:25}  {shown}".rstrip()


def _read(place: _Place) -> Version:
    try:
        manifest = json.loads((place.path / MANIFEST).read_bytes())
    except (OSError, ValueError):  # a model that another tool put there can be served as well
        manifest = {}
    known = manifest if isinstance(manifest, dict) else {}
    live, canary = place.state is _State.LIVE, place.state is _State.CANARY
    return Version(place.number, live, place.path, known, canary)
