"""A switch of the served version that is killed: at any moment, in both kinds of store."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data import storage
from data.storage import AnyPath
from data.storage import RemotePath
from models import files
from models import objects
from models import switching
from models.switching import FILE
from models.switching import promote
from models.switching import rollback
from models.switching import settle
from models.versions import versions
from tests.models.test_switching import Killed
from tests.models.test_switching import add
from tests.models.test_switching import states
from tests.models.test_switching import told


def before_changes(monkeypatch: pytest.MonkeyPatch, do: Callable[[], None]) -> None:
    """Calls a function before each change of the store."""

    def watch(owner: Any, name: str) -> None:
        original = getattr(owner, name)

        def call(*arguments: Any, **settings: Any) -> Any:
            do()
            return original(*arguments, **settings)

        monkeypatch.setattr(owner, name, call)

    for owner, changes in (
        (os, ("rename", "mkdir")),
        (Path, ("replace", "write_text")),
        (shutil, ("rmtree", "copytree")),
        (storage, ("copy", "rename", "remove_tree")),
        (RemotePath, ("write_text", "unlink")),
    ):
        for name in changes:
            watch(owner, name)


def sound(store: AnyPath) -> bool:
    """Whether what a server and a gateway would find is there, and whole."""
    found = {version.version: version for version in versions(store)}
    for version in found.values():
        # What a watcher sees is complete.
        if version.live or version.canary:
            for name, digest in version.manifest["files"].items():
                assert files.digest(version.path / name) == digest
    assert any(version.live for version in found.values())
    if (store / FILE).exists():
        said = told(store)
        assert said["stable"] in found
        if said["canary"] is not None:
            assert found[said["canary"]].canary
            assert said["share"] == switching.share(found[said["canary"]])
    return True


SWITCHES: dict[str, tuple[Callable[[AnyPath, Path], object], dict[str, str]]] = {
    "publish": (
        lambda store, source: add(store, source, "four"),
        {"four": "live", "three": "retired", "two": "live", "one": "live"},
    ),
    "publish a canary": (
        lambda store, source: add(store, source, "four", share=0.2),
        {"four": "canary", "three": "retired", "two": "live", "one": "live"},
    ),
    "remove": (
        lambda store, source: add(store, source, "four", share=0.2, keep=3),
        {"four": "canary", "three": "retired", "two": "live", "one": "live"},
    ),
    "promote": (
        lambda store, source: promote(store),
        {"three": "live", "two": "live", "one": "live"},
    ),
    "promote and remove": (
        lambda store, source: (promote(store), settle(store, keep=2)),
        {"three": "live", "two": "live"},
    ),
    "drop": (
        lambda store, source: rollback(store),
        {"three": "retired", "two": "live", "one": "live"},
    ),
    "roll back": (
        lambda store, source: rollback(store, versions(store)[-1].version),
        {"three": "retired", "two": "retired", "one": "live"},
    ),
}


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize("kind", ["local", "remote"])
def test_a_kill_at_any_moment_leaves_what_can_be_served(
    tmp_path: Path, remote: RemotePath, kind: str, name: str
) -> None:
    """And the next publication leaves no trace of it."""
    switch, expected = SWITCHES[name]
    for moment in itertools.count():
        store = (tmp_path if kind == "local" else remote) / f"store-{moment}"
        source = tmp_path / f"export-{moment}"
        for number, share in (("one", 0.0), ("two", 0.0), ("three", 0.1)):
            add(store, source, number, share=share)
        left = itertools.count(moment, -1)

        def kill(left: itertools.count[int] = left) -> None:
            if next(left) <= 0:
                raise Killed

        with pytest.MonkeyPatch.context() as patch:
            before_changes(patch, kill)
            try:
                switch(store, source)
            except Killed:
                pass
            else:
                break
        assert sound(store)
        again(store, source)
    assert moment >= 3
    assert sound(store)
    assert states(store) == expected


def again(store: AnyPath, source: Path) -> None:
    """Publishes after a kill: nothing that was cut off stays."""
    last = add(store, source, "last")
    assert sound(store)
    assert next(iter(states(store).items())) == ("last", "live")
    assert told(store) == {"stable": last.version, "canary": None, "share": 0.0}
    assert "canary" not in states(store).values()
    unfinished = [p for p in store.iterdir() if p.name.startswith(files.REMOVED)]
    assert not unfinished
    if isinstance(store, RemotePath):
        # The next switch, not a publication, removes what is left of a move of what is whole.
        live = {str(version.version) for version in versions(store) if version.live}
        for path in store.iterdir():
            name = path.name.removeprefix("retired-")
            assert name == path.name or name in live or objects.whole(path)
