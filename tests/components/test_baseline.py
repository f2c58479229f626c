"""A blessed model that cannot judge the examples is left out of the comparison."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from tfx.components.evaluator import executor
from tfx.types import standard_artifacts

from components import evaluator
from data import plain
from data.features import Feature
from data.features import FeatureSpec
from models import serving

SPEC = FeatureSpec(columns=(Feature("price"), Feature("clicks")))


def model(folder: Path, *names: str) -> standard_artifacts.Model:
    """Writes what the Evaluator looks at of a model that reads these columns; none: nothing."""
    found = standard_artifacts.Model()
    found.uri = str(folder)
    if names:
        extra = folder / "Format-Serving" / serving.EXTRA
        extra.mkdir(parents=True)
        spec = dataclasses.replace(SPEC, columns=tuple(Feature(name) for name in names))
        (extra / serving.SPEC_FILE).write_text(plain.to_json(spec))
    return found


@pytest.mark.parametrize(
    ("baseline", "kept"),
    [(("price", "clicks"), True), (("price",), True), (("price", "age"), False), ((), False)],
    ids=["the same columns", "fewer columns", "another column", "gone"],
)
def test_baseline_is_kept_if_it_can_judge(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    baseline: tuple[str, ...],
    kept: bool,
) -> None:
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(executor.Executor, "Do", lambda self, inputs, *rest: seen.append(inputs))
    candidate = model(tmp_path / "candidate", "price", "clicks")
    before = model(tmp_path / "before", *baseline)
    inputs = {"model": [candidate], "baseline_model": [before]}
    evaluator.Executor().Do(inputs, {}, {})
    assert seen == [inputs if kept else {**inputs, "baseline_model": []}]
    message = "the model blessed before is gone or reads other columns: judged without it\n"
    assert capsys.readouterr().out == ("" if kept else message)
