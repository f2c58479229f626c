"""What the gate may be told, and how it refuses the rest."""

from __future__ import annotations

from typing import Any

import pytest

from data.errors import InputError
from pipeline.evaluation import EvaluationConfig
from pipeline.evaluation import Threshold
from tests.samples import SPEC

LEAST = Threshold(at_least=0.5)


def gate(threshold: Threshold = LEAST, name: str = "ndcg@10", **changes: Any) -> EvaluationConfig:
    return EvaluationConfig({"map": LEAST, name: threshold}, ("map", name), **changes)


def message(threshold: Threshold = LEAST, name: str = "ndcg@10", **changes: Any) -> str:
    with pytest.raises(InputError) as error:
        gate(threshold, name, **changes)
    return str(error.value)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"max_loss": -0.1}, "max_loss must be 0 or more, found -0.1"),
        ({"min_gain": -0.1}, "min_gain must be 0 or more, found -0.1"),
        ({"slice_max_loss": -1.0}, "slice_max_loss must be 0 or more, found -1.0"),
        ({"at_most": float("inf")}, "at_most must be finite, found inf"),
        (
            {"yardsticks": {"document_order": float("nan")}},
            "document_order must be finite, found nan",
        ),
        ({"at_least": 2.0, "at_most": 1.0}, "at_least 2.0 is above at_most 1.0"),
        (
            {"max_loss": 0.1, "min_gain": 0.0},
            "a model that must gain may not lose: set 'max_loss' or 'min_gain'",
        ),
    ],
)
def test_limits_that_make_no_sense(limits: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError) as error:
        Threshold(**limits)
    assert str(error.value) == expected


def test_settings_that_make_no_sense() -> None:
    assert message(confidence=0.5) == "confidence must be above 0.5 and at most 0.99, found 0.5"
    assert message(min_lists=1) == "min_lists must be 2 or more, found 1"
    assert message(Threshold(slice_max_loss=0.1)) == (
        "thresholds: ndcg@10: 'slice_max_loss' needs 'slices'"
    )
    assert message(Threshold(yardsticks={"document_ordre": 0.0})) == (
        "thresholds: ndcg@10: yardsticks: expected document_order, lightgbm, or feature: and a"
        " feature's name, found 'document_ordre'. Did you mean 'document_order'?"
    )


@pytest.mark.parametrize("name", ["auc", "full_ndcg@10"])
def test_yardsticks_rank_one_list(name: str) -> None:
    assert message(Threshold(yardsticks={"document_order": 0.0}), name) == (
        f"thresholds: {name}: yardsticks rank the documents of one list; they go with metrics over"
        " lists"
    )


def test_yardsticks_must_be_there() -> None:
    found = gate(Threshold(yardsticks={"document_order": 0.0, "feature:prise": -0.1}))
    assert found.yardsticks == ("document_order", "feature:prise")
    with pytest.raises(InputError) as error:
        found.require(SPEC, ordered=False)
    assert str(error.value) == (
        "evaluation.thresholds: yardstick 'document_order' is for logs of ranked lists, not of"
        " interactions or impressions"
    )
    with pytest.raises(InputError) as error:
        found.require(SPEC, ordered=True)
    assert str(error.value) == (
        "evaluation.thresholds: yardsticks: expected a document feature that is one number, found"
        " 'prise'. Did you mean 'price'?"
    )
    gate().require(SPEC, ordered=False)
