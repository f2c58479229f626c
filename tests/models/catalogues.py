"""A small catalogue, users with histories, and models that match them, for tests."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from data import columnar
from data import elwc_writer
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.lists import Lists
from data.lists import dtypes
from data.sampling.catalogue import Catalogue
from data.transformed import NUMERIC
from models.recommend import CatalogueServable
from tests.samples import HASH
from tests.samples import ID
from tests.samples import Transformed
from tests.samples import draw
from tests.samples import stored
from tests.samples import transformed_spec

USER = {**ID, "size": 99}
SPEC = FeatureSpec(
    columns=(
        Feature("user_id", scope=Scope.CONTEXT, **USER),
        Feature("taste", scope=Scope.CONTEXT, default=0.5),
        Feature("device", scope=Scope.CONTEXT, **{**HASH, "default": ""}),
        Feature("movie_id", **HASH),
        Feature("price"),
        Feature("vector", width=2),
    ),
    list_id="user",
    document_id="movie",
)
N_ITEMS = 23
HISTORY = {"7": [0, 3, 4, 22], "8": [], "9": list(range(20)), "10": [5]}
"""What users have in the training data; user 11 is unknown."""
USERS = [*HISTORY, "11"]


class Matched(tf.keras.Model):
    """Scores an item by its price times the user's taste, in steps, so that many are equal."""

    def __init__(self, step: float = 1.0) -> None:
        super().__init__()
        self.step = tf.Variable(step)

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        del training
        taste = inputs[NUMERIC[Scope.CONTEXT]][:, tf.newaxis, 0]
        return self.step * tf.round(taste * inputs[NUMERIC[Scope.DOCUMENT]][..., 0] / self.step)


def items() -> Lists:
    """The catalogue as one list."""
    lists = draw([N_ITEMS], spec=SPEC, seed=5)
    lists.values["movie"][:, 0] = [b"m%d" % number for number in range(N_ITEMS)]
    return lists


def catalogue() -> Catalogue:
    lists = items()
    raw = columnar.parse(tf.constant(stored(lists, SPEC)), SPEC.features)
    found = Transformed(SPEC)(raw)
    columns = {
        column.name: columnar.to_rows(found[column.name], column.width)
        for column in transformed_spec(SPEC).columns
        if column.scope is Scope.DOCUMENT
    }
    return Catalogue(tf.constant(lists.values["movie"][:, 0].tolist()), columns)


def history() -> tuple[tf.Tensor, tf.RaggedTensor]:
    found = tf.ragged.constant(list(HISTORY.values()), tf.int32)
    return tf.constant(list(HISTORY)), found


def servable(
    model: tf.keras.Model, *, known: bool = True, items: Catalogue | None = None, **settings: Any
) -> CatalogueServable:
    """Returns a recommender of these items; `known` users have their histories."""
    return CatalogueServable(
        model,
        Transformed(SPEC),
        transformed_spec(SPEC),
        catalogue=items or catalogue(),
        history=history() if known else None,
        **settings,
    )


def contexts() -> dict[str, np.ndarray]:
    """The context columns of `USERS`."""
    rng = np.random.default_rng(1)
    return {
        "user": np.array([[user.encode()] for user in USERS], object),
        "user_id": np.array([[int(user)] for user in USERS]),
        "taste": rng.normal(scale=3.0, size=(len(USERS), 1)).astype(np.float32),
        "device": np.array([[b"phone"], [b""], [b"desk"], [b"phone"], [b""]], object),
    }


def requests(*left_out: str) -> list[bytes]:
    """ELWCs of `USERS` without documents, and without these columns."""
    columns = {name: column for name, column in contexts().items() if name not in left_out}
    return [
        elwc_writer.encode({n: c[row].tolist() for n, c in columns.items()}, [], dtypes(SPEC))
        for row in range(len(USERS))
    ]


def lists_of(places: list[list[int]]) -> Lists:
    """Lists for `USERS` of the items at these places of the catalogue."""
    whole = items()
    at = np.concatenate([np.array(row, int) for row in places])
    values = {
        name: column[at]
        for name, column in whole.values.items()
        if whole.scopes[name] is Scope.DOCUMENT
    }
    return dataclasses.replace(
        whole,
        ids=[user.encode() for user in USERS],
        origins=[""] * len(USERS),
        sizes=np.array([len(row) for row in places]),
        values=values | contexts(),
    )
