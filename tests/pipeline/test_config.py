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
