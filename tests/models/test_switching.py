"""Which version is served: after each switch, and after each mishap in the middle of one."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from data.errors import InputError
from data.storage import AnyPath
from models import files
from models.switching import FILE
from models.switching import promote
from models.switching import rollback
from models.switching import settle
from models.versions import CANARY
from models.versions import Published
from models.versions import publish
from models.versions import versions
from tests.models.test_versions import live
from tests.models.test_versions import model
from tests.models.test_versions import names
from tests.models.test_versions import put


def test_rollback_retires_what_is_newer(tmp_path: Path) -> None:
    first, second, third = (put(tmp_path, content).version for content in ("one", "two", "three"))
    assert rollback(tmp_path / "store").version == second
    assert live(tmp_path) == [second, first]
    assert f"retired-{third}" in names(tmp_path)
    assert rollback(tmp_path / "store", first).version == first
    assert live(tmp_path) == [first]
    assert [v.version for v in versions(tmp_path / "store")] == [third, second, first]


def test_rollback_to_a_retired_version_makes_it_live(tmp_path: Path) -> None:
    first, second, third = (put(tmp_path, content).version for content in ("one", "two", "three"))
    rollback(tmp_path / "store", first)
    target = rollback(tmp_path / "store", second)
    assert target == versions(tmp_path / "store")[1]
    assert (target.version, target.live) == (second, True)
    assert live(tmp_path) == [second, first]
    assert f"retired-{third}" in names(tmp_path)


def test_a_retired_number_is_not_given_again(tmp_path: Path) -> None:
    put(tmp_path, "one")
    second = put(tmp_path, "two").version
    rollback(tmp_path / "store")
    again = put(tmp_path, "three")
    assert again.new
    assert again.version > second


def test_a_retired_model_comes_back_by_a_rollback_only(tmp_path: Path) -> None:
    put(tmp_path, "one")
    second = put(tmp_path, "two")
    rollback(tmp_path / "store")
    again = put(tmp_path, "two")
    assert not again.new
    assert (again.version, again.path.name) == (second.version, f"retired-{second.version}")
    assert rollback(tmp_path / "store", second.version).version == second.version


@pytest.mark.parametrize(
    ("existing", "to", "message"),
    [
        ([], None, "nothing to go back to in '{}'; live versions: none"),
        ([10], None, "nothing to go back to in '{}'; live versions: 10"),
        ([10, 11], 11, "version 11 is the newest live version of '{}' already"),
        ([10, 22], 100, "no version 100 in '{}'; live versions: 22, 10. Did you mean '10'?"),
        ([10, 11], 7, "no version 7 in '{}'; live versions: 11, 10."),
    ],
)
def test_rollback_refuses(
    tmp_path: Path, existing: list[int], to: int | None, message: str
) -> None:
    for number in existing:
        (tmp_path / str(number)).mkdir()
    with pytest.raises(InputError, match=f"^{re.escape('models: ' + message.format(tmp_path))}$"):
        rollback(tmp_path, to)
    assert [version.version for version in versions(tmp_path)] == existing[::-1]


def test_rollback_keeps_both_when_the_retired_name_is_taken(tmp_path: Path) -> None:
    for name in ("1", "2", "retired-2"):
        (tmp_path / name).mkdir()
    message = f"models: cannot rename '{tmp_path / '2'}': '{tmp_path / 'retired-2'}' exists"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        rollback(tmp_path)


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(params=["local", "remote"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> AnyPath:
    return tmp_path / "store" if request.param == "local" else request.getfixturevalue("remote")


def add(store: AnyPath, source: Path, name: str, share: float = 0.0, keep: int = 0) -> Published:
    """Publishes a model of that name, as the Pusher does."""
    published = publish(model(source, name), store, manifest={"name": name}, share=share)
    settle(store, keep=keep)
    return published


def states(store: AnyPath) -> dict[str, str]:
    """What each model is, by name, newest first."""
    return {
        v.manifest["name"]: "live" if v.live else "canary" if v.canary else "retired"
        for v in versions(store)
    }


def told(store: AnyPath) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((store / FILE).read_text())
    return found


def test_the_first_version_is_no_canary(store: AnyPath, tmp_path: Path) -> None:
    assert not add(store, tmp_path / "export", "one", share=0.1).canary
    assert states(store) == {"one": "live"}
    assert not (store / FILE).exists()


def test_a_canary_is_told_and_not_where_the_watcher_looks(store: AnyPath, tmp_path: Path) -> None:
    one = add(store, tmp_path / "export", "one")
    two = add(store, tmp_path / "export", "two", share=0.05)
    assert (two.canary, two.path) == (True, store / CANARY / str(two.version))
    assert two.manifest[CANARY] == {"share": 0.05}
    assert told(store) == {"stable": one.version, "canary": two.version, "share": 0.05}
    assert [path.name for path in store.iterdir() if path.name.isdecimal()] == [str(one.version)]
    again = publish(model(tmp_path / "export", "two"), store, manifest={})
    assert (again.new, again.version) == (False, two.version)


def test_a_promoted_canary_is_the_newest_live_version(store: AnyPath, tmp_path: Path) -> None:
    add(store, tmp_path / "export", "one")
    two = add(store, tmp_path / "export", "two", share=0.05)
    found = promote(store)
    assert (found.version, found.live, found.path) == (
        two.version,
        True,
        store / str(two.version),
    )
    assert found == versions(store)[0]
    assert told(store) == {"stable": two.version, "canary": None, "share": 0.0}
    assert states(store) == {"two": "live", "one": "live"}
    assert rollback(store).manifest["name"] == "one"


def test_without_a_canary_there_is_nothing_to_promote(store: AnyPath, tmp_path: Path) -> None:
    one = add(store, tmp_path / "export", "one").version
    message = f"models: no canary in '{store}'; live versions: {one}"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        promote(store)


def test_a_rollback_drops_the_canary_first(store: AnyPath, tmp_path: Path) -> None:
    one = add(store, tmp_path / "export", "one")
    two = add(store, tmp_path / "export", "two")
    three = add(store, tmp_path / "export", "three", share=0.05)
    message = f"models: version {three.version} is a canary of '{store}'; promote serves it"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        rollback(store, three.version)
    assert rollback(store).version == two.version
    assert states(store) == {"three": "retired", "two": "live", "one": "live"}
    assert told(store) == {"stable": two.version, "canary": None, "share": 0.0}
    assert rollback(store).version == one.version
    assert told(store)["stable"] == one.version


def test_a_rollback_to_a_version_drops_the_canary_too(store: AnyPath, tmp_path: Path) -> None:
    one = add(store, tmp_path / "export", "one")
    for name, share in (("two", 0.0), ("three", 0.05)):
        add(store, tmp_path / "export", name, share=share)
    rollback(store, one.version)
    assert states(store) == {"three": "retired", "two": "retired", "one": "live"}


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_a_new_version_takes_the_place_of_the_canary(
    store: AnyPath, tmp_path: Path, share: float
) -> None:
    add(store, tmp_path / "export", "one")
    add(store, tmp_path / "export", "two", share=0.05)
    three = add(store, tmp_path / "export", "three", share=share)
    assert states(store) == {
        "three": "canary" if share else "live",
        "two": "retired",
        "one": "live",
    }
    assert told(store)["canary"] == (three.version if share else None)
    assert told(store)["share"] == share


def test_the_newest_versions_stay_those_retired_among_them(store: AnyPath, tmp_path: Path) -> None:
    for name in ("one", "two", "three", "four"):
        add(store, tmp_path / "export", name)
    rollback(store)
    first = versions(store)[-1].version
    assert settle(store, keep=3) == [first]
    assert states(store) == {"four": "retired", "three": "live", "two": "live"}
    assert settle(store, keep=3) == []
    assert settle(store) == []


def test_what_is_served_and_its_predecessor_and_the_canary_stay(
    store: AnyPath, tmp_path: Path
) -> None:
    for name in ("one", "two", "three", "four", "five"):
        add(store, tmp_path / "export", name)
    rollback(store, versions(store)[3].version)
    found = add(store, tmp_path / "export", "six", share=0.1, keep=2)
    assert states(store) == {"six": "canary", "five": "retired", "two": "live", "one": "live"}
    rollback(store)
    assert add(store, tmp_path / "export", "seven").version > found.version


def test_what_is_removed_is_gone_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for content in ("one", "two", "three"):
        put(tmp_path, content)
    store, first = tmp_path / "store", versions(tmp_path / "store")[-1]
    seen: list[tuple[bool, bool]] = []
    remove = shutil.rmtree

    def watch(path: Path, **kwargs: bool) -> None:
        found = Path(path, first.path.name)
        seen.append((first.path.exists(), (found / "saved_model.pb").exists()))
        raise Killed

    monkeypatch.setattr(shutil, "rmtree", watch)
    with pytest.raises(Killed):
        settle(store, keep=2)
    assert seen == [(False, True)]
    monkeypatch.setattr(shutil, "rmtree", remove)
    assert any(name.startswith(files.REMOVED) for name in names(tmp_path))
    settle(store, keep=2)
    assert names(tmp_path) == {path.name for path in (v.path for v in versions(store))}
