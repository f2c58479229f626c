"""A blessed model that cannot judge the examples is left out of the comparison."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from tfx.components.evaluator import executor
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from components import evaluator
from data import plain
from data.features import Feature
from data.features import FeatureSpec
from models import recommend
from models import serving
from pipeline.evaluation import EvaluationConfig
from pipeline.evaluation import Threshold

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


@pytest.fixture(autouse=True)
def _no_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluator, "_note_reasons", lambda output_dict: None)


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
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(executor.Executor, "Do", lambda self, inputs, *rest: seen.append(inputs))
    models = []
    for name, user in (("candidate", "user"), ("before", list_id)):
        found = model(tmp_path / name, "price")
        extra = tmp_path / name / "Format-Serving" / serving.EXTRA
        spec = FeatureSpec((Feature("price"),), list_id=user, document_id="item")
        (extra / serving.SPEC_FILE).write_text(plain.to_json(spec))
        if catalogue:
            (extra / recommend.CATALOGUE_FILE).write_text("{}")
        models.append(found)
    config = EvaluationConfig({"mrr": Threshold(at_least=0.0)}, ("mrr", "full_mrr@10"))
    settings = proto_utils.proto_to_json(evaluator.eval_config(config, spec))
    inputs = {"model": models[:1], "baseline_model": models[1:]}
    evaluator.Executor().Do(inputs, {}, {"eval_config": settings})
    assert seen == [{**inputs, "baseline_model": []} if reason else inputs]
    message = f"the model blessed before {reason}: judged without it\n" if reason else ""
    assert capsys.readouterr().out == message
