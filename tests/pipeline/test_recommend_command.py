"""The command `recommend`: users by name, from a file or from the standard input; CSV or JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

import pipeline_runner
from models import serving
from models import versions
from pipeline import decode
from tests.models.catalogues import Matched
from tests.models.catalogues import servable


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("command")
    serving.export(servable(Matched(0.001), user="user_id"), folder / "model", warmup=[])
    versions.publish(folder / "model", folder / "store", manifest={})
    return folder / "store"


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert pipeline_runner.main(["recommend", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_named_users_get_csv(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    header, *rows = output(capsys, "--model", str(store), "--user", "7", "9", "--k", "4")
    assert header == "user,rank,item,score"
    cells = [row.split(",") for row in rows]
    # User 9 has 20 of the 23 items.
    assert [(user, rank) for user, rank, _, _ in cells] == [
        *(("7", rank) for rank in "1234"),
        *(("9", rank) for rank in "123"),
    ]
    assert {item for user, _, item, _ in cells if user == "9"} == {"m20", "m21", "m22"}


def test_json_lines_for_users_of_the_standard_input(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = '10\n{"context": {"user": "11", "taste": -2.0}}\n'
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    found = [json.loads(line) for line in output(capsys, "--model", str(store), "--json")]
    assert [(one["origin"], one["user"], len(one["items"])) for one in found] == [
        ("line 1", "10", 10),
        ("line 2", "11", 10),
    ]


def test_a_file_of_users_and_the_configurations_store(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "users.jsonl").write_text('{"context": {"user": "9"}}\n')
    text = decode.shipped()["synthetic"].read_text()
    (tmp_path / "mine.toml").write_text(text.replace("runs/synthetic/models", str(store)))
    _, *rows = output(
        capsys, "--config", str(tmp_path / "mine.toml"), "--input", str(tmp_path / "users.jsonl"),
        "--include-seen", "--k", "99",
    )  # fmt: skip
    assert len(rows) == 23


def test_mistakes_are_told_in_a_line(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert pipeline_runner.main(["recommend", "--model", str(store), "--user", "7", "--k=0"]) == 2
    assert capsys.readouterr().err == "error: k: found 0, expected at least 1\n"
