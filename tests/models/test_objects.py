"""The store of published models where no folder can be renamed, by an in-process file system."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from data import storage
from data.errors import InputError
from data.storage import AnyPath
from data.storage import RemotePath
from models import scoring
from models.objects import GRAPH
from models.switching import rollback
from models.versions import MANIFEST
from models.versions import STATISTICS
from models.versions import Published
from models.versions import publish
from models.versions import versions


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def store(remote: RemotePath) -> RemotePath:
    return remote / "store"


def model(folder: AnyPath, content: str = "one") -> AnyPath:
    """A SavedModel; `folder` is new, or local."""
    for name, text in ((GRAPH, "graph"), ("variables/variables.index", content)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture
def put(tmp_path: Path, store: RemotePath) -> Callable[[str], Published]:
    def put(content: str) -> Published:
        return publish(model(tmp_path / "export", content), store, manifest={"name": content})

    return put


def live(store: RemotePath) -> list[int]:
    return [version.version for version in versions(store) if version.live]


def content(folder: AnyPath) -> dict[str, str]:
    return {str(p).removeprefix(f"{folder}/"): p.read_text() for p in storage.walk(folder)}


def before_changes(monkeypatch: pytest.MonkeyPatch, do: Callable[[str], object]) -> None:
    """Has each change of the store named before it is made."""

    def watch(owner: Any, name: str, place: int) -> None:
        original = getattr(owner, name)

        def call(*arguments: Any) -> Any:
            do(f"{name} {arguments[place].name}")
            return original(*arguments)

        monkeypatch.setattr(owner, name, call)

    for name, place in (("copy", 1), ("rename", 1), ("remove_tree", 0)):
        watch(storage, name, place)
    for name in ("write_text", "unlink"):
        watch(RemotePath, name, 0)


@pytest.mark.parametrize("local", [True, False])
def test_publish_copies_the_model_with_its_manifest(
    tmp_path: Path, store: RemotePath, local: bool
) -> None:
    source = model(tmp_path / "export" if local else store.parent / "export")
    (statistics := tmp_path / "FeatureStats.pb").write_text("counts")
    manifest = {"metrics": {"ndcg": 0.5}}
    found = publish(source, store, manifest=manifest, statistics=statistics)
    [version] = versions(store)
    assert dataclasses.asdict(found) | {"live": True} == dataclasses.asdict(version) | {"new": True}
    assert version.path == store / str(version.version)
    assert version.version <= time.time()
    written = content(version.path)
    assert json.loads(written.pop(MANIFEST)) == version.manifest
    assert written.pop(STATISTICS) == "counts"
    assert written == content(source)
    here = publish(source, tmp_path / "store", manifest={"metrics": {"ndcg": 0.5}})
    for key in ("content", "files", "metrics"):
        assert version.manifest[key] == here.manifest[key]


def test_the_graph_appears_last_and_goes_first(
    store: RemotePath, put: Callable[[str], Published], monkeypatch: pytest.MonkeyPatch
) -> None:
    put("one")
    done: list[str] = []
    before_changes(monkeypatch, done.append)
    number = put("two").version
    assert done[-2:] == [f"write_text {MANIFEST}", f"rename {GRAPH}"]
    assert "copy variables.index" in done[:-2]
    done.clear()
    rollback(store)
    assert done[-4:] == [
        *(f"copy {GRAPH}.partial", f"rename {GRAPH}"),
        *(f"unlink {GRAPH}", f"remove_tree {number}"),
    ]
    assert sorted(done[:-4]) == [f"copy {MANIFEST}", "copy variables.index"]


def test_numbers_grow_and_the_same_content_is_not_published_twice(
    store: RemotePath, put: Callable[[str], Published]
) -> None:
    first, second = put("one"), put("two")
    assert second.version > first.version
    assert put("two") == dataclasses.replace(second, new=False)
    assert put("one").new
    assert len(live(store)) == 3


def test_a_rollback_retires_what_is_newer_and_brings_it_back(
    store: RemotePath, put: Callable[[str], Published]
) -> None:
    one, two, three = (put(name) for name in ("one", "two", "three"))
    before = content(three.path)
    assert rollback(store, one.version).version == one.version
    assert live(store) == [one.version]
    assert [v.version for v in versions(store)] == [three.version, two.version, one.version]
    assert content(store / f"retired-{three.version}") == before
    assert not put("three").new
    assert rollback(store, three.version).path == store / str(three.version)
    assert live(store) == [three.version, one.version]
    assert content(three.path) == before
    assert put("four").version > three.version


def killing(moment: int) -> Callable[[str], None]:
    """Returns what ends the process at a change, and lets it make none afterwards."""
    left = itertools.count(moment, -1)

    def kill(name: str) -> None:
        if next(left) <= 0:
            raise Killed

    return kill


def moments(change: Callable[[], object]) -> Iterator[bool]:
    """Ends a change at each of its moments in turn; yields whether it was the last, so whole."""
    moment, whole = 0, False
    while not whole:
        with pytest.MonkeyPatch.context() as patch:
            before_changes(patch, killing(moment))
            try:
                change()
                whole = True
            except Killed:
                moment += 1
        yield whole
    assert moment >= 4


def test_a_killed_publication_is_not_listed_and_its_number_not_given_again(
    store: RemotePath, put: Callable[[str], Published]
) -> None:
    versions_before = [put("one").version]
    for whole in moments(lambda: put("two")):
        if not whole:
            assert live(store) == versions_before
            continue
        taken = [int(path.name) for path in store.iterdir()]
        assert live(store) == [max(taken), *versions_before]
        assert len(taken) > 2


def test_what_dead_processes_left_goes_after_an_hour(
    store: RemotePath, put: Callable[[str], Published]
) -> None:
    now = int(time.time())
    for age in (3700, 3500):
        (store / str(now - age) / "variables" / "variables.index").write_text("half")
    number = put("one").version
    assert {path.name for path in store.iterdir()} == {str(number), str(now - 3500)}


def test_a_killed_rollback_is_done_once_more(
    store: RemotePath, put: Callable[[str], Published]
) -> None:
    one, two = put("one"), put("two")
    before = content(two.path)
    for _ in moments(lambda: rollback(store, one.version)):
        found = {v.version: v for v in versions(store)}
        assert set(found) == {one.version, two.version}  # whatever the moment, both are there
        assert content(found[two.version].path) == before
        if not found[two.version].live:
            break
    with pytest.raises(InputError, match="is the newest live version of"):
        rollback(store, one.version)
    assert {path.name for path in store.iterdir()} == {
        str(one.version),
        f"retired-{two.version}",
    }


def test_a_killed_return_of_a_version_is_done_once_more(
    store: RemotePath, put: Callable[[str], Published]
) -> None:
    one, two = put("one"), put("two")
    before = content(two.path)
    rollback(store)
    for _ in moments(lambda: rollback(store, two.version)):
        found = {v.version: v for v in versions(store)}
        assert set(found) == {one.version, two.version}
        assert content(found[two.version].path) == before
        if found[two.version].live:
            break
    put("three")
    rollback(store)
    assert live(store) == [two.version, one.version]


def test_another_model_under_the_retired_name_is_kept(
    store: RemotePath, put: Callable[[str], Published]
) -> None:
    put("one")
    two = put("two").path
    other = model(store / f"retired-{two.name}", "other")
    message = f"models: cannot rename '{two}': '{other}' exists"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        rollback(store)
    assert content(other)["variables/variables.index"] == "other"
    assert content(two)["variables/variables.index"] == "two"


def test_an_error_leaves_nothing_behind(
    store: RemotePath, put: Callable[[str], Published], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = put("one").version

    def full(*_: object) -> None:
        raise OSError(28, "Quota exceeded")

    monkeypatch.setattr(RemotePath, "write_text", full)
    message = f"models: cannot write to '{store}': Quota exceeded"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        put("two")
    assert [path.name for path in store.iterdir()] == [str(first)]


def test_a_source_that_changes_is_refused(
    store: RemotePath, put: Callable[[str], Published], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "copy", lambda source, target: target.write_text("changed"))
    with pytest.raises(InputError, match=r"^models: '.*export' changed while it was copied$"):
        put("one")
    assert versions(store) == []


def test_a_folder_without_a_model_is_refused(store: RemotePath) -> None:
    message = f"models: '{store}' is not a SavedModel: it has no saved_model.pb"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        publish(store, store, manifest={})


def test_a_file_system_that_is_not_known_is_named(tmp_path: Path) -> None:
    message = "models: cannot write to 'nowhere://a': File system scheme 'nowhere' not implemented"
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        publish(model(tmp_path / "export"), RemotePath("nowhere://a"), manifest={})
    with pytest.raises(InputError, match=r"^models: cannot read 'nowhere://a': File system scheme"):
        scoring.newest(RemotePath("nowhere://a"))
