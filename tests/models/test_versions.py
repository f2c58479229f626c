"""The store of published models: what is live after each step, and after each mishap."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from data.errors import InputError
from models import files
from models.versions import MANIFEST
from models.versions import STATISTICS
from models.versions import Published
from models.versions import Version
from models.versions import describe
from models.versions import publish
from models.versions import versions

ROOT = Path(__file__).parents[2]


def model(folder: Path, content: str = "one") -> Path:
    (folder / "variables").mkdir(parents=True, exist_ok=True)
    (folder / "saved_model.pb").write_text("graph")
    (folder / "variables" / "variables.index").write_text(content)
    return folder


def put(tmp_path: Path, content: str) -> Published:
    return publish(model(tmp_path / "export", content), tmp_path / "store", manifest={})


def live(tmp_path: Path) -> list[int]:
    return [version.version for version in versions(tmp_path / "store") if version.live]


def names(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "store").iterdir()}


def test_publish_copies_the_model_with_its_manifest(tmp_path: Path) -> None:
    before = int(time.time())
    source = model(tmp_path / "export")
    found = publish(source, tmp_path / "deep" / "store", manifest={"metrics": {"ndcg": 0.5}})
    [version] = versions(tmp_path / "deep" / "store")
    assert found.new
    assert version.live
    assert (found.version, found.path, found.manifest) == (
        version.version,
        version.path,
        version.manifest,
    )
    assert version.path == tmp_path / "deep" / "store" / str(version.version)
    assert before <= version.version <= time.time()
    for name in ("saved_model.pb", "variables/variables.index"):
        content = (source / name).read_bytes()
        assert (version.path / name).read_bytes() == content
        assert version.manifest["files"][name] == hashlib.sha256(content).hexdigest()
    assert set(version.manifest) == {"metrics", "created", "content", "files"}
    assert version.manifest["metrics"] == {"ndcg": 0.5}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", version.manifest["created"])
    assert json.loads((version.path / MANIFEST).read_text()) == version.manifest


def test_statistics_lie_beside_the_model_and_are_no_part_of_it(tmp_path: Path) -> None:
    source, statistics = model(tmp_path / "export"), tmp_path / "FeatureStats.pb"
    statistics.write_bytes(b"\x00\xff")
    found = publish(source, tmp_path / "store", manifest={}, statistics=statistics)
    assert (found.path / STATISTICS).read_bytes() == b"\x00\xff"
    assert STATISTICS not in found.manifest["files"]
    assert not publish(found.path, tmp_path / "store", manifest={}).new
    again = publish(found.path, tmp_path / "other", manifest={})
    assert not (again.path / STATISTICS).exists()


def test_versions_grow_even_within_a_second(tmp_path: Path) -> None:
    numbers = [put(tmp_path, content).version for content in ("one", "two", "three")]
    assert numbers == sorted(set(numbers))
    assert live(tmp_path) == numbers[::-1]


def test_the_same_content_is_not_published_twice(tmp_path: Path) -> None:
    first = put(tmp_path, "one")
    again = publish(first.path, tmp_path / "store", manifest={"other": 1})
    assert again == dataclasses.replace(first, new=False)
    assert live(tmp_path) == [first.version]


def test_older_content_can_be_published_again(tmp_path: Path) -> None:
    for content in ("one", "two", "one"):
        assert put(tmp_path, content).new
    assert len(live(tmp_path)) == 3


def test_a_number_taken_meanwhile_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    rename = os.rename

    def another_is_faster(source: Path, target: Path) -> None:
        if target.name == "1000":
            model(target, "theirs")
        rename(source, target)

    monkeypatch.setattr(os, "rename", another_is_faster)
    assert put(tmp_path, "ours").version == 1001
    assert live(tmp_path) == [1001, 1000]


def test_versions_lists_live_and_retired_and_nothing_else(tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert versions(store) == []
    for name in ("3", "retired-12", "7", ".incoming-x", "notes", "-4", "retired-x"):
        (store / name).mkdir(parents=True)
    (store / "9").write_text("a file")
    (store / "7" / MANIFEST).write_text("{not json")
    found = [(version.version, version.live, version.manifest) for version in versions(store)]
    assert found == [(12, False, {}), (7, True, {}), (3, True, {})]


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    message = f"models: '{tmp_path}' is not a SavedModel: it has no saved_model.pb"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        publish(tmp_path, tmp_path / "store", manifest={})


def test_a_store_inside_the_model_is_refused(tmp_path: Path) -> None:
    source = model(tmp_path / "export")
    message = f"models: the store '{source / 'store'}' lies inside the model '{source}'"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        publish(source, source / "store", manifest={})


def test_reserved_manifest_keys_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^the manifest's 'files' is written by publish itself$"):
        publish(model(tmp_path / "export"), tmp_path / "store", manifest={"files": 1})


def test_a_store_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = tmp_path / "file" / "store"
    message = f"models: cannot write to '{store}': Not a directory"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        publish(model(tmp_path / "export"), store, manifest={})


def test_a_full_disk_leaves_the_old_version_live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = put(tmp_path, "one")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    message = f"models: cannot write to '{tmp_path / 'store'}': No space left on device"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        put(tmp_path, "two")
    assert names(tmp_path) == {str(first.version)}


def test_a_source_that_changes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = model(tmp_path / "export")
    monkeypatch.setattr(shutil, "copytree", lambda _, target: model(target, "changed"))
    message = f"models: '{source}' changed while it was copied"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        publish(source, tmp_path / "store", manifest={})
    assert names(tmp_path) == set()


@pytest.mark.parametrize("moment", ["copytree", "rename"])
def test_a_killed_process_leaves_the_old_version_live(tmp_path: Path, moment: str) -> None:
    first = put(tmp_path, "one")
    script = (
        "import os, shutil, signal, sys; from pathlib import Path; from models import files\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "copy = shutil.copytree\n"
        "def half(source, target): target.mkdir(); die()\n"
        f"{'shutil.copytree = half' if moment == 'copytree' else 'os.rename = die'}\n"
        "from models.versions import publish\n"
        "publish(Path(sys.argv[1]), Path(sys.argv[2]), manifest={})\n"
    )
    source = model(tmp_path / "export", "two")
    command = [sys.executable, "-c", script, str(source), str(tmp_path / "store")]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    assert [v.path for v in versions(tmp_path / "store")] == [first.path]
    left = names(tmp_path) - {str(first.version)}
    assert len(left) == 1
    assert left.pop().startswith(files.INCOMING)


def test_what_dead_processes_left_goes_after_an_hour(tmp_path: Path) -> None:
    now = time.time()
    for name, age in (("old", 3700), ("young", 3500)):
        folder = tmp_path / "store" / f"{files.INCOMING}{name}"
        folder.mkdir(parents=True)
        os.utime(folder, (now - age, now - age))
    version = put(tmp_path, "one").version
    assert names(tmp_path) == {str(version), f"{files.INCOMING}young"}


def test_the_store_needs_no_tensorflow() -> None:
    script = "import sys, models.files, models.versions; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0


def test_describe_shows_state_time_and_metrics(tmp_path: Path) -> None:
    manifest = {"created": "2024-05-01T12:00:00+00:00", "metrics": {"values": {"mrr": 0.5}}}
    line = describe(Version(12, False, tmp_path, manifest))
    assert line == "12  retired  2024-05-01T12:00:00+00:00  mrr 0.5000"
    assert describe(Version(7, True, tmp_path, {"metrics": 1})) == "7  live     no manifest"
