"""A blessed model that cannot judge the examples is left out of the comparison."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from tfx.components.evaluator import executor
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from components import evaluation
from components import evaluator
from components import gate
from components.evaluation import Slice
from data import plain
from data.features import Feature
from data.features import FeatureSpec
from models import recommend
from models import serving
from pipeline.evaluation import EvaluationConfig
from pipeline.evaluation import Threshold

SPEC = FeatureSpec(columns=(Feature("price"), Feature("clicks")))
CONFIG = EvaluationConfig({"mrr": Threshold(at_least=0.0)}, ("mrr", "full_mrr@10"))
VALUES = {"mrr": 0.5, "full_mrr@10": 0.5}


def model(folder: Path, *names: str) -> standard_artifacts.Model:
    """Writes what the Evaluator looks at of a model that reads these columns; none: nothing."""
    found = standard_artifacts.Model()
    found.uri = str(folder)
    found.set_string_custom_property("version", "17")
    if names:
        extra = folder / "Format-Serving" / serving.EXTRA
        extra.mkdir(parents=True)
        spec = dataclasses.replace(SPEC, columns=tuple(Feature(name) for name in names))
        (extra / serving.SPEC_FILE).write_text(plain.to_json(spec))
    return found


def run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, inputs: dict[str, Any], settings: str = "{}"
) -> tuple[dict[str, Any], standard_artifacts.ModelBlessing]:
    """Runs the executor without TFX's own; returns what that was given, and the blessing."""
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(executor.Executor, "Do", lambda self, inputs, *rest: seen.append(inputs))
    monkeypatch.setattr(evaluation, "slices", lambda uri: [Slice({}, VALUES, {}, {"mrr": 50})])
    judged, blessing = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()
    judged.uri, blessing.uri = str(folder / "evaluation"), str(folder / "blessing")
    evaluator.Executor().Do(
        inputs,
        {"evaluation": [judged], "blessing": [blessing]},
        {"eval_config": settings, evaluator.GATE: plain.to_json(CONFIG)},
    )
    [found] = seen
    return found, blessing


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
    candidate = model(tmp_path / "candidate", "price", "clicks")
    before = model(tmp_path / "before", *baseline)
    inputs = {"model": [candidate], "baseline_model": [before]}
    seen, blessing = run(tmp_path, monkeypatch, inputs)
    assert seen == (inputs if kept else {**inputs, "baseline_model": []})
    reason = "the model blessed before is gone or reads other columns"
    assert capsys.readouterr().out == ("" if kept else f"{reason}: judged without it\n")
    note = f"{reason}: judged by absolute thresholds alone"
    assert blessing.get_string_custom_property(gate.NOTES) == ("" if kept else note)
    assert blessing.get_string_custom_property(gate.VERSION) == ("17" if kept else "none")
    assert blessing.get_int_custom_property("blessed") == 1


@pytest.mark.parametrize(
    ("catalogue", "list_id", "reason"),
    [
        (True, "user", ""),
        (True, "visitor", "is gone or reads other columns"),
        (False, "user", "has no catalogue"),
    ],
)
def test_ranks_need_a_catalogue_and_the_ids(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    catalogue: bool,
    list_id: str,
    reason: str,
) -> None:
    models = []
    for name, user in (("candidate", "user"), ("before", list_id)):
        found = model(tmp_path / name, "price")
        extra = tmp_path / name / "Format-Serving" / serving.EXTRA
        spec = FeatureSpec((Feature("price"),), list_id=user, document_id="item")
        (extra / serving.SPEC_FILE).write_text(plain.to_json(spec))
        if catalogue:
            (extra / recommend.CATALOGUE_FILE).write_text("{}")
        models.append(found)
    settings = proto_utils.proto_to_json(evaluator.eval_config(CONFIG, spec))
    inputs = {"model": models[:1], "baseline_model": models[1:]}
    seen, _ = run(tmp_path, monkeypatch, inputs, settings)
    assert seen == ({**inputs, "baseline_model": []} if reason else inputs)
    message = f"the model blessed before {reason}: judged without it\n" if reason else ""
    assert capsys.readouterr().out == message
