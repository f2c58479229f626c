"""The node that trains the trees, and how they rank what the Evaluator sees."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from tfx.types import standard_artifacts

from components import evaluation
from components import lambdamart
from components import yardsticks
from data import plain
from data.lists import Lists
from models import trees as trees_lib
from pipeline.evaluation import EvaluationConfig
from pipeline.evaluation import Threshold
from tests.components.artifacts import examples_in
from tests.components.judged import judge
from tests.components.judged import lists
from tests.samples import SPEC
from tests.samples import draw


def many(seed: int) -> Lists:
    """Lists whose dearer documents are more relevant."""
    found = draw(np.random.default_rng(seed).integers(3, 9, 100).tolist())
    found.values["grade"][:] = np.digitize(found.values["price"], [0.0, 1.0])
    return found


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> standard_artifacts.Model:
    """What the node writes."""
    folder = tmp_path_factory.mktemp("lambdamart")
    found = standard_artifacts.Model()
    found.uri = str(folder / "trees")
    properties = {"spec": plain.to_json(SPEC), "validation": "validation", "code": ""}
    lambdamart.LambdaMart.EXECUTOR_SPEC.executor_class().Do(
        {"examples": [examples_in(folder / "examples", train=many(1), validation=many(2))]},
        {"trees": [found]},
        {**properties, "training": json.dumps(["train"])},
    )
    return found


def test_stored_lists_are_read_as_they_are(tmp_path: Path) -> None:
    written = lists()
    part = lambdamart.part(examples_in(tmp_path, train=written), ["train"], SPEC)
    np.testing.assert_array_equal(part.sizes, written.sizes)
    np.testing.assert_array_equal(part.labels, written.values["grade"][:, 0])
    for feature in SPEC.features:
        expected = written.values[feature.name].ravel()
        np.testing.assert_array_equal(part.columns[feature.name], expected)


def test_trees_rank_by_what_they_learned(trees: standard_artifacts.Model) -> None:
    unseen = many(3)
    columns = {feature.name: unseen.values[feature.name] for feature in SPEC.features}
    rows = trees_lib.matrix(SPEC, columns, unseen.sizes)
    _, booster = yardsticks._booster(trees.uri)
    scores = booster.predict(rows)
    assert np.corrcoef(scores, unseen.values["grade"][:, 0])[0, 1] > 0.8


def test_the_evaluator_sees_what_the_trees_were_trained_on(
    trees: standard_artifacts.Model, tmp_path: Path
) -> None:
    """The model ranks by price as the trees do, which tell prices apart less finely."""
    limits = Threshold(at_least=0.1, yardsticks={"lightgbm": 0.5})
    config = EvaluationConfig({"ndcg@10": limits}, ("ndcg@10",), min_lists=2)
    verdict = judge(tmp_path / "judged", config, factor=1.0, trees=trees)
    assert verdict.blessed
    found = evaluation.overall(evaluation.slices(verdict.uri))
    mine, difference = found.values["ndcg@10"], found.differences["lightgbm"]["ndcg@10"]
    assert mine - difference.mean > 0.6  # random orders reach less
    wrong = dataclasses.replace(limits, yardsticks={"lightgbm": -0.9})
    config = dataclasses.replace(config, thresholds={"ndcg@10": wrong})
    refused = judge(tmp_path / "refused", config, factor=1.0, trees=trees)
    [reason] = refused.gate.reasons
    assert reason.endswith("from lightgbm, expected a gain of 0.9 for sure")
