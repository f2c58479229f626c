"""What must agree across the tables of a configuration: model, features, training, serving."""

from __future__ import annotations

from typing import Any

import pytest
import tomli

from data.errors import InputError
from models import registry
from pipeline import decode
from pipeline.config import Config


def changed(changes: dict[str, Any]) -> Config:
    """The demonstration's configuration with tables replaced."""
    found = tomli.loads(decode.shipped()["synthetic"].read_text())
    return decode.decode(found | changes, "my.toml")


def message(changes: dict[str, Any]) -> str:
    """The error that it gives."""
    with pytest.raises(InputError) as error:
        changed(changes)
    return str(error.value)


def across_list(transform: list[str]) -> dict[str, Any]:
    column = {"name": "price", "transform": transform}
    return {
        "features": {"list_id": "query_id", "columns": [column]},
        "evaluation": {"thresholds": {"ndcg@10": {"at_least": 0.5}}},
    }


def test_what_looks_across_the_list_cannot_score_a_document_alone() -> None:
    asked = {"serving": {"per_document": True}}
    listwise = [name for name, family in registry.FAMILIES.items() if family.across_list]
    assert "attention" in listwise
    for family in listwise:
        assert message(asked | {"model": {"family": family}}) == (
            f"my.toml: serving.per_document: family '{family}' looks across the list; no signature"
            " can score a document alone"
        )
    assert message(asked | across_list(["log1p", "list_z_score"])) == (
        "my.toml: serving.per_document: the transform of 'price' looks across the list; no"
        " signature can score a document alone"
    )


def test_other_models_can() -> None:
    assert changed({"serving": {"per_document": True}}).serving.per_document
    assert changed({"serving": {"per_document": True}} | across_list(["log1p"]))
    assert not changed({"model": {"family": "attention"}}).serving.per_document


def test_stages_are_those_of_the_model() -> None:
    stages = {"stages": {"gfm": {"epochs": 2}}}
    model = {"family": "neumf", "pretrain": True}
    assert message({"model": model, "train": stages}) == (
        "my.toml: train.stages: this model has no part 'gfm'. Did you mean 'gmf'?"
    )
    assert message({"train": stages}) == "my.toml: train.stages: this model has no part 'gfm'."
    sound = changed({"model": model, "train": {"stages": {"gmf": {"epochs": 2}}}})
    assert sound.train.of_stage("gmf").epochs == 2


def test_the_baseline_ranks_by_a_feature_that_is_there() -> None:
    assert message({"model": {"family": "feature", "feature": "prise"}}) == (
        "my.toml: feature: expected a document feature that is one number, found 'prise'."
        " Did you mean 'price'?"
    )


def interactions(**changes: Any) -> dict[str, Any]:
    """The tables of a recommender, some of them replaced."""
    columns = [
        {"name": "user_id", "scope": "context", "dtype": "string", "transform": "vocabulary"},
        {"name": "item_id", "dtype": "string", "transform": "vocabulary"},
    ]
    examples = {"format": "interactions", "base": "logs", "splits": {"log": "*"}}
    return {
        "examples": {**examples, "interactions": {"layout": "csv"}},
        "features": {"list_id": "user", "document_id": "item", "columns": columns},
        "model": {"family": "mf"},
        "train": {"negatives": {"kind": "all"}},
        "evaluation": {"thresholds": {"ndcg@10": {"at_least": 0.1}}},
        **changes,
    }


def test_a_whole_catalogue_is_for_models_that_score_items_alone() -> None:
    assert changed(interactions()).model.family == "mf"
    assert message(interactions(model={"family": "attention"})) == (
        "my.toml: train.negatives: kind 'all' scores every item by itself; family 'attention'"
        " cannot"
    )
    item = {"name": "item_id", "dtype": "string", "transform": "vocabulary"}
    alone = {"list_id": "user", "document_id": "item", "columns": [item]}
    assert message(interactions(features=alone)) == (
        "my.toml: train.negatives: kind 'all' needs a context feature: the user"
    )


def test_ids_and_popularity_are_single_values() -> None:
    tables = interactions()
    user, item = tables["features"]["columns"]
    popularity = {"name": "popularity", "width": 2}
    for columns, expected in (
        ([user, item, popularity], "'popularity': it is one number; set dtype and width"),
        (
            [{**user, "default": "nobody"}, item],
            "'user_id': an id is one value, and never missing; set width = 1 and no default",
        ),
    ):
        features = {**tables["features"], "columns": columns}
        assert message(interactions(features=features)) == f"my.toml: feature {expected}"


CLICKS: dict[str, Any] = {
    "examples": {
        "format": "csv",
        "base": "clicks",
        "splits": {"train": "a.csv", "validation": "b.csv", "test": "c.csv"},
    },
    "features": {"impressions": True, "columns": [{"name": "price"}, {"name": "age"}]},
    "train": {
        "loss": "sigmoid_cross_entropy_loss",
        "loss_options": {"probabilities": True},
        "metric": "log_loss",
    },
    "evaluation": {
        "metrics": ["auc", "log_loss", "calibration"],
        "slices": ["age"],
        "thresholds": {"log_loss": {"at_most": 0.5, "max_loss": 0.01}},
    },
}


def clicks(table: str, **changes: Any) -> dict[str, Any]:
    """The tables of a log of clicks, one of them changed."""
    return CLICKS | {table: CLICKS.get(table, {}) | changes}


def test_impressions_are_learned_and_judged_row_by_row() -> None:
    config = changed(CLICKS)
    assert config.evaluation.slices == ("age",)
    assert not config.train.higher_is_better
    assert changed(clicks("train", list_size=1, jit_compile=True)).train.static


KNOWN = "click_em_loss, mean_squared_loss, ordinal_loss, sigmoid_cross_entropy_loss"
WRONG_CLICKS: dict[str, dict[str, Any]] = {
    "model.family: 'attention' looks across the list, and impressions have none": (
        {"model": {"family": "attention"}}
    ),
    (
        "train.loss: 'softmax_loss' compares the documents of a list, and impressions have none;"
        f" expected one of {KNOWN}"
    ): {
        "train": {"metric": "auc"},
        "evaluation": {"metrics": ["auc"], "thresholds": {"auc": {"at_least": 0.5}}},
    },
    "train.list_size: an impression is a list of one document; expected 1, found 5": (
        clicks("train", list_size=5)
    ),
    (
        "train.metric: no epoch is best by 'calibration', which may be too high as well as too low"
    ): clicks("train", metric="calibration"),
    (
        "evaluation.metrics: 'ndcg@5' compares the documents of a list, and impressions have none;"
        " expected one of auc, log_loss, normalized_entropy, calibration, calibration_error, mse,"
        " rmse, or gauc by a column, as in 'gauc:user_id'"
    ): clicks("evaluation", metrics=["log_loss", "ndcg@5"]),
    "evaluation.metrics: 'gauc:usr' is grouped by 'usr', which is no column.": (
        clicks("evaluation", metrics=["log_loss", "gauc:usr"])
    ),
    (
        "evaluation.metrics: 'log_loss' needs scores that are probabilities; set train.loss to"
        " 'sigmoid_cross_entropy_loss' and train.loss_options.probabilities to true"
    ): clicks("train", loss_options={}),
    "evaluation.slices: 'aeg' is no feature. Did you mean 'age'?": (
        clicks("evaluation", slices=["aeg"])
    ),
    (
        "evaluation: thresholds: calibration may be too high as well as too low, so that it has no"
        " 'max_loss'; set 'at_least' and 'at_most'"
    ): clicks("evaluation", thresholds={"calibration": {"max_loss": 0.1}}),
    (
        "evaluation: thresholds: at least one 'at_least' ('at_most' for losses, errors and arp) is"
        " needed; without it the first model would be blessed whatever it does"
    ): clicks("evaluation", thresholds={"log_loss": {"at_least": 0.1}}),
}


@pytest.mark.parametrize("text", WRONG_CLICKS)
def test_what_impressions_cannot_have(text: str) -> None:
    assert message(CLICKS | WRONG_CLICKS[text]) == f"my.toml: {text}"


@pytest.mark.parametrize(
    ("bounds", "gates"),
    [({"at_least": 0.9}, False), ({"at_most": 1.1}, False), ({"at_least": 0.9, "at_most": 1.1}, 1)],
)
def test_calibration_is_bounded_on_both_sides(bounds: dict[str, float], gates: bool) -> None:
    tables = clicks("evaluation", thresholds={"calibration": bounds})
    if gates:
        assert changed(tables).evaluation.thresholds["calibration"].at_least == 0.9
    else:
        assert "at least one 'at_least'" in message(tables)


def test_keys_are_for_families_that_can_have_tables_of_them() -> None:
    tables = interactions()
    user, item = tables["features"]["columns"]
    keys = {**user, "transform": "key", "rows": 1000}
    features = {**tables["features"], "columns": [keys, item]}
    for family in ("mf", "gmf", "mlp", "neumf"):
        assert message(interactions(features=features, model={"family": family})) == (
            f"my.toml: model.family: '{family}' needs ids that can be counted, and the transform of"
            " 'user_id' is 'key'; use 'vocabulary' or another family"
        )
    assert changed(interactions(features=features, model={"family": "dnn"}))
    compiled = {"negatives": {"kind": "uniform"}, "jit_compile": True}
    assert message(interactions(features=features, model={"family": "dnn"}, train=compiled)) == (
        "my.toml: train: feature 'user_id': XLA cannot look keys up; set jit_compile = false"
    )


def test_what_is_kept_and_the_share_of_a_canary_are_checked() -> None:
    for push, reason in (
        ({"keep": 1}, "keep must be 0 (all) or at least 2, found 1"),
        ({"keep": -2}, "keep must be 0 (all) or at least 2, found -2"),
        ({"canary": 1.0}, "canary must be a share from 0 to below 1, found 1"),
        ({"canary": -0.1}, "canary must be a share from 0 to below 1, found -0.1"),
    ):
        assert message({"push": {"base": "models", **push}}) == f"my.toml: push: {reason}"
    found = changed({"push": {"base": "models", "keep": 2, "canary": 0.05}}).push
    assert (found.keep, found.canary) == (2, 0.05)
