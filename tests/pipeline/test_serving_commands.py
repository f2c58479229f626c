"""The commands that say which version is served: `versions`, `promote` and `rollback`."""

from __future__ import annotations

from pathlib import Path

import pytest

import pipeline_runner
from models import switching
from models import versions


def add(folder: Path, content: str, share: float) -> int:
    """Publishes a model; returns its version."""
    source = folder / "export"
    source.mkdir(exist_ok=True)
    (source / "saved_model.pb").write_text(content)
    found = versions.publish(source, folder / "store", manifest={}, share=share).version
    switching.settle(folder / "store")
    return found


def test_a_canary_is_listed_promoted_and_rolled_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two, three = (add(tmp_path, name, 0.1) for name in ("one", "two", "three"))

    def said(*command: str) -> str:
        assert pipeline_runner.main([*command, "--models", str(tmp_path / "store")]) == 0
        return capsys.readouterr().out

    states = [line.split()[:2] for line in said("versions").splitlines()]
    assert states == [[str(three), "canary"], [str(two), "retired"], [str(one), "live"]]
    assert said("promote") == f"serving version {three}\n"
    assert said("rollback") == f"serving version {one}\n"
    assert pipeline_runner.main(["promote", "--models", str(tmp_path / "store")]) == 2
    message = f"models: no canary in '{tmp_path / 'store'}'; live versions: {one}"
    assert capsys.readouterr().err == f"error: {message}\n"
