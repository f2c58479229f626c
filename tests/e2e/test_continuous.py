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


class Days:
    """Logs in a folder, what follows them, and what it publishes."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.logs, self.world, self.models = (
            folder / "logs",
            days.World(lists=150),
            folder / "models",
        )
        self._path, self._capsys = folder / "days.toml", capsys
        self._path.write_text(runs.to_toml(days.config(folder)))
        self._config = decode.load(str(self._path))
        self.models.mkdir()

    def write(self, day: int, *, version: int = 0, shuffled: bool = False) -> Path:
        """Writes the logs of a day."""
        return days.write(self.logs, self.world, day, version=version, shuffled=shuffled)

    def watch(self) -> tuple[int, str]:
        """Does what there is to do; returns the exit status and what was printed."""
        status = watching.watch(str(self._path), every=1, once=True)
        return status, self._capsys.readouterr().out

    @property
    def served(self) -> list[list[list[int]]]:
        """The spans and versions of each published model, newest first."""
        store = versions.versions(storage.at(self.models))
        return [version.manifest["data"]["spans"] for version in store if version.live]

    @property
    def trained(self) -> dict[int, int]:
        """The ledger."""
        return ledger.trained(self._config)


def test_days_are_trained_once_and_bad_ones_are_not_served(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Days(tmp_path, capsys)
    with reader.reading(found.models) as readings:
        assert found.watch()[1].endswith(" nothing: no span is there yet\n")
        found.write(1)
        assert found.watch()[0] == 0
        assert found.served == [[[1, 0]]]

        found.write(2, shuffled=True)
        status, output = found.watch()
        assert status == 3
        assert "ndcg@5: found 0." in output
        assert found.served == [[[1, 0]]]

        corrupt = found.write(4)
        corrupt.write_bytes(corrupt.read_bytes()[:-1] + b"\xff")
        assert found.watch()[1].endswith(" wait: span 3 is awaited; 4 is due\n")
        found.write(5)
        status, output = found.watch()
        assert status == 2
        assert "4/v0/rows.csv" in output
        assert found.trained == {1: 0, 2: 0}

        found.write(3)
        found.write(4, version=1)
        assert found.watch()[0] == 0
        assert found.trained == {1: 0, 2: 0, 3: 0, 4: 1, 5: 0}
        assert found.served == [[[3, 0], [4, 1], [5, 0]], [[1, 0]]]
        expected = " nothing: all spans up to 5 that are there were trained\n"
        assert found.watch()[1].endswith(expected)
    assert not readings.failed
    assert len(set(readings.loaded)) > 1
