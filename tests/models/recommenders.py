"""Users, items and their features for the tests of recommenders, and their formulas restated."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform
from data.transformed import MASK
from data.transformed import NUMERIC
from data.transformed import TransformedSpec
from models import registry
from models.ranker import Outputs
from tests.models.families import ONE

USERS, ITEMS, GENRES = 6, 8, 4


def ids(name: str, size: int, **settings: Any) -> Feature:
    return Feature(name, dtype=DType.INT, transform=(Transform.INTEGER,), size=size, **settings)


SPEC = FeatureSpec(
    (
        ids("user", USERS, scope=Scope.CONTEXT),
        Feature("age", scope=Scope.CONTEXT),
        ids("item", ITEMS),
        ids("genres", GENRES, width=3),
        Feature("year"),
    ),
    label="grade",
)
TRANSFORMED = TransformedSpec(SPEC, {"user": USERS + 1, "item": ITEMS + 1, "genres": GENRES + 1})
IDS_ALONE = FeatureSpec((ids("user", USERS, scope=Scope.CONTEXT), ids("item", ITEMS)))
ONLY_IDS = TransformedSpec(IDS_ALONE, {"user": USERS + 1, "item": ITEMS + 1})
CONTEXT, DOCUMENT = (NUMERIC[Scope.CONTEXT], "user"), (NUMERIC[Scope.DOCUMENT], "item", "genres")
"""The columns of each side, in the order of their weights."""


def draw(sizes: Sequence[int], *, length: int = 0, seed: int = 0) -> dict[str, tf.Tensor]:
    """Returns model inputs of `SPEC`; some ids are missing, and padding has ids as well."""
    rng, n, length = np.random.default_rng(seed), len(sizes), length or max(sizes)
    return {
        "user": tf.constant(rng.integers(0, USERS + 1, [n, 1])),
        NUMERIC[Scope.CONTEXT]: tf.constant(rng.normal(size=[n, 1]), tf.float32),
        "item": tf.constant(rng.integers(0, ITEMS + 1, [n, length, 1])),
        "genres": tf.constant(rng.integers(0, GENRES + 1, [n, length, 3])),
        NUMERIC[Scope.DOCUMENT]: tf.constant(rng.normal(size=[n, length, 1]), tf.float32),
        MASK: tf.constant(np.arange(length) < np.array(sizes)[:, None]),
    }


def build(
    name: str,
    transformed: TransformedSpec = TRANSFORMED,
    *,
    outputs: Outputs = ONE,
    static: bool = False,
    seed: int = 1,
    **settings: Any,
) -> Any:
    """Returns a model of the family, with its weights."""
    tf.keras.utils.set_random_seed(seed)
    family = registry.FAMILIES[name]
    return family.build(transformed, family.config(**settings), outputs=outputs, static=static)


def scramble(model: tf.keras.Model, inputs: Mapping[str, tf.Tensor]) -> list[np.ndarray]:
    """Gives all weights, zeros as well, random values; missing ids keep their row of zeros."""
    model(inputs)
    rng, names = np.random.default_rng(3), [weight.name for weight in model.weights]
    found = []
    for name, weight in zip(names, model.get_weights(), strict=True):
        drawn = rng.normal(size=weight.shape).astype(np.float32)
        if "table" in name and len(weight) > 1:  # a row for each id
            drawn[0] = 0
        found.append(drawn)
    model.set_weights(found)
    return found


def embedded(values: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The mean of the rows of the ids that are not 0."""
    known = (values > 0)[..., None]
    return (table[values] * known).sum(-2) / np.maximum(known.sum(-2), 1)


def vectors(
    inputs: Mapping[str, tf.Tensor], columns: Sequence[str], tables: Sequence[np.ndarray]
) -> np.ndarray:
    """The sum of the columns' vectors, `[..., width]`."""
    parts = [
        inputs[name].numpy() @ table
        if name in NUMERIC.values()
        else embedded(inputs[name].numpy(), table)
        for name, table in zip(columns, tables, strict=True)
    ]
    return np.sum(parts, axis=0)


def sides(
    inputs: Mapping[str, tf.Tensor], weights: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """The vectors of the users, `[n_lists, 1, width]`, and of the items, `[n_lists, n, width]`."""
    users = vectors(inputs, CONTEXT, weights[:2])[:, np.newaxis]
    return users, vectors(inputs, DOCUMENT, weights[2:5])


def squares(inputs: Mapping[str, tf.Tensor], weights: Sequence[np.ndarray]) -> np.ndarray:
    """Each document's squares of what was looked up for it and its user, `[n_documents, width]`."""
    user = embedded(inputs["user"].numpy(), weights[1])[:, np.newaxis] ** 2
    item = embedded(inputs["item"].numpy(), weights[3]) ** 2
    genres = embedded(inputs["genres"].numpy(), weights[4]) ** 2
    return (user + item + genres)[inputs[MASK].numpy()]
