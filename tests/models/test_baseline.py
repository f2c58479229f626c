"""The ranker by one number: what it scores, and that training it is one validation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import InputError
from data.transformed import MASK
from models import job as job_lib
from models.baseline import FeatureConfig
from models.strategy import DistributionConfig
from models.strategy import Strategy
from models.training.loop import TrainResult
from models.training.progress import LATEST
from tests.models.families import build
from tests.models.jobs import METRIC
from tests.models.jobs import job
from tests.samples import SPEC
from tests.samples import draw
from tests.samples import model_inputs

SIZES = (2, 4, 1)
REAL = np.arange(max(SIZES)) < np.array(SIZES)[:, None]


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("feature", ["price", "clicks"])
def test_the_score_is_the_feature(feature: str, static: bool) -> None:
    lists = draw(SIZES)
    scores = build("feature", static=static, feature=feature)(model_inputs(lists)).numpy()
    assert scores[REAL].tolist() == lists.values[feature][:, 0].tolist()
    assert not scores[~REAL].any()


def test_every_logit_is_the_feature() -> None:
    lists = draw(SIZES)
    scores = build("feature", outputs={"grade": 3})(model_inputs(lists)).numpy()
    assert (scores[REAL] == lists.values["price"]).all()
    assert scores.shape[-1] == 3


@pytest.mark.parametrize(
    ("feature", "near"),
    [("prize", " Did you mean 'price'?"), ("vector", ""), ("brand", ""), ("age", "")],
)
def test_what_is_not_one_number_of_the_document_is_refused(feature: str, near: str) -> None:
    message = f"feature: expected a document feature that is one number, found '{feature}'.{near}"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        FeatureConfig(feature).require(SPEC)
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        build("feature", feature=feature)


WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "compiled": {"jit_compile": True, "list_size": 10},
    "mirrored": {"distribution": DistributionConfig(Strategy.MIRRORED, devices=2)},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lists")


@pytest.mark.parametrize("way", WAYS)
def test_training_is_one_validation(folder: Path, way: str) -> None:
    started = job(folder, family="feature", settings={"feature": "x"}, **WAYS[way])
    lines: list[str] = []
    model, result = job_lib.run(started, report=lines.append)
    assert result == TrainResult(1, 1, job_lib.measure(started, model))
    assert 0.8 < result.best < 0.95  # the grades follow from x and from the brand
    assert lines == [f"nothing to learn  {METRIC} {result.best:.4f}"]
    assert (Path(started.state_dir) / LATEST).exists()
    inputs = job_lib.sample(started)
    assert (
        model(inputs).numpy() == np.where(inputs[MASK], inputs["document_numeric"][..., 0], 0)
    ).all()
    again = job_lib.run(started, report=lines.append)
    assert again[1] == result
    assert lines[1:] == lines[:1]
