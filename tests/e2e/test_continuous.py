"""Training that follows the days of the logs: late ones, missing, corrupt and poisoned ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from data import storage
from models import versions
from pipeline import decode
from pipeline import ledger
from pipeline import watching
from tests.e2e import days
from tests.e2e import reader
from tests.e2e import runs


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(name: str) -> int:
        ran = runs.command("run", "--config", name)
        print(ran.output, ran.errors)
        return ran.status

    monkeypatch.setattr(watching, "_run", run)


def test_days_are_trained_once_and_bad_ones_are_not_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, logs, world = tmp_path / "days.toml", tmp_path / "logs", days.World(lists=150)
    path.write_text(runs.to_toml(days.config(tmp_path)))
    config = decode.load(str(path))

    def watch() -> tuple[int, str]:
        status = watching.watch(config, str(path), every=1, once=True)
        return status, capsys.readouterr().out

    def served() -> list[list[list[int]]]:
        store = versions.versions(storage.at(tmp_path / "models"))
        return [version.manifest["data"]["spans"] for version in store if version.live]

    (tmp_path / "models").mkdir()
    with reader.reading(tmp_path / "models") as found:
        assert watch() == (0, _line("nothing: no span is there yet"))
        days.write(logs, world, 1)
        assert watch()[0] == 0
        assert served() == [[[1, 0]]]

        days.write(logs, world, 2, shuffled=True)
        status, output = watch()
        assert status == 3
        assert "ndcg@5: found 0." in output
        assert served() == [[[1, 0]]]

        corrupt = days.write(logs, world, 4)
        corrupt.write_bytes(corrupt.read_bytes()[:-1] + b"\xff")
        assert watch() == (0, _line("wait: span 3 is awaited; 4 is due"))
        days.write(logs, world, 5)
        status, output = watch()
        assert status == 2
        assert "4/v0/rows.csv" in output
        assert ledger.trained(config) == {1: 0, 2: 0}

        days.write(logs, world, 3)
        days.write(logs, world, 4, version=1)
        assert watch()[0] == 0
        assert ledger.trained(config) == {1: 0, 2: 0, 3: 0, 4: 1, 5: 0}
        assert served() == [[[3, 0], [4, 1], [5, 0]], [[1, 0]]]
        assert watch()[1] == _line("nothing: all spans up to 5 that are there were trained")
    assert not found.failed
    assert len(set(found.loaded)) > 1


def _line(text: str) -> object:
    class Ends:
        def __eq__(self, other: object) -> bool:
            return str(other).endswith(f" {text}\n")

        def __repr__(self) -> str:
            return f"... {text}"

        __hash__ = None  # type: ignore[assignment]

    return Ends()
