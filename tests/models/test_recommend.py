"""The published recommender against brute force: every item scored as a document of one list."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data import columnar
from data.errors import InputError
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from models import recommend
from models import registry
from models import retrieval
from models import serving
from tests.models import families
from tests.models.catalogues import HISTORY
from tests.models.catalogues import N_ITEMS
from tests.models.catalogues import SPEC
from tests.models.catalogues import USERS
from tests.models.catalogues import Matched
from tests.models.catalogues import catalogue
from tests.models.catalogues import contexts
from tests.models.catalogues import lists_of
from tests.models.catalogues import requests
from tests.models.catalogues import servable
from tests.samples import stored

ALONE = [name for name in sorted(families.SETTINGS) if not registry.family(name).across_list]
LISTS = [[3, 5, 0, 7], [1], [20, 2, 21, 22, 19], [5, 6], list(range(N_ITEMS))]
SEEN = [HISTORY.get(user, []) for user in USERS]


@functools.cache
def matched(folder: Path, rows: int) -> Any:
    """The signatures of an exported model that scores so many pairs at once."""
    path = folder / str(rows)
    made = servable(Matched(), user="user_id", rows=rows)
    serving.export(made, path, warmup=[serving.sample_request(SPEC, 2)])
    return tf.saved_model.load(str(path)).signatures


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recommended")


def every_score(predict: Any) -> np.ndarray:
    """`[n_users, n_items]`: the whole catalogue as the documents of each user's list."""
    lists = lists_of([list(range(N_ITEMS))] * len(USERS))
    return predict(examples=tf.constant(stored(lists, SPEC)))[serving.SCORES].numpy()


def best(scores: np.ndarray, seen: list[int], k: int) -> tuple[list[bytes], list[float]]:
    """The items of one user, best first."""
    left = [place for place in range(N_ITEMS) if place not in seen]
    order = sorted(left, key=lambda place: -scores[place])[:k]
    n = min(k, N_ITEMS) - len(order)
    ids = [b"m%d" % place for place in order] + [b""] * n
    return ids, [*scores[order].tolist(), *[serving.PADDING_SCORE] * n]


def ask(signature: Any, k: int, exclude: list[bool], *left_out: str) -> dict[str, np.ndarray]:
    found = signature(
        examples=tf.constant(requests(*left_out)),
        k=tf.constant(k),
        exclude_seen=tf.constant(exclude),
    )
    return {name: tensor.numpy() for name, tensor in found.items()}


def raw_columns() -> dict[str, tf.Tensor]:
    strings = {name: tf.constant(column.tolist()) for name, column in contexts().items()}
    return strings | {"user_id": tf.constant(contexts()["user_id"])}


@pytest.mark.parametrize("rows", [1, 5 * 4, retrieval.ROWS])
@pytest.mark.parametrize("k", [1, 6, N_ITEMS, 99])
def test_the_best_of_the_catalogue_come_first(folder: Path, rows: int, k: int) -> None:
    """Equal scores keep the catalogue's order; who has 20 of 23 items gets 3 and padding."""
    signatures = matched(folder, rows)
    scores = every_score(signatures[serving.COLUMNAR])
    assert len(np.unique(scores)) < scores.size / 2
    exclude = [True, True, True, False, True]
    found = ask(signatures[recommend.RECOMMEND], k, exclude)
    assert found[recommend.ITEMS].shape == (len(USERS), min(k, N_ITEMS))
    for user, (left_out, seen) in enumerate(zip(exclude, SEEN, strict=True)):
        ids, expected = best(scores[user], seen if left_out else [], k)
        assert found[recommend.ITEMS][user].tolist() == ids
        assert found[serving.SCORES][user].tolist() == expected


@pytest.mark.parametrize("left_out", ["user", "user_id"])
def test_one_of_the_two_places_of_the_id_is_enough(folder: Path, left_out: str) -> None:
    signature = matched(folder, 20)[recommend.RECOMMEND]
    whole = ask(signature, 5, [True] * 5)
    part = ask(signature, 5, [True] * 5, left_out, "device")
    for name, expected in whole.items():
        np.testing.assert_array_equal(part[name], expected)


def test_no_users_get_nothing(folder: Path) -> None:
    nobody = {name: column[:0] for name, column in raw_columns().items()}
    found = matched(folder, 20)[recommend.RECOMMEND_RAW](
        k=tf.constant(3), exclude_seen=tf.zeros([0], tf.bool), **nobody
    )
    assert found[recommend.ITEMS].shape == found[serving.SCORES].shape == (0, 3)


def test_clients_without_protobuf_get_the_same(folder: Path) -> None:
    signatures = matched(folder, 20)
    exclude = [True, False, True, True, True]
    found = signatures[recommend.RECOMMEND_RAW](
        k=tf.constant(4),
        exclude_seen=tf.constant(exclude),
        **raw_columns(),
    )
    for name, expected in ask(signatures[recommend.RECOMMEND], 4, exclude).items():
        np.testing.assert_array_equal(found[name], expected)


@pytest.mark.parametrize("rows", [1, 5 * 4, retrieval.ROWS])
def test_ranks_are_those_among_all_items_that_the_user_lacks(folder: Path, rows: int) -> None:
    signatures = matched(folder, rows)
    scores = every_score(signatures[serving.COLUMNAR])
    examples = tf.constant(stored(lists_of(LISTS), SPEC))
    found = signatures[recommend.EVALUATE](examples=examples)
    expected = np.zeros((len(USERS), N_ITEMS), np.int32)
    for user, places in enumerate(LISTS):
        others = [place for place in range(N_ITEMS) if place not in SEEN[user]]
        for at, place in enumerate(places):
            ahead = [o for o in others if o != place and scores[user, o] >= scores[user, place]]
            expected[user, at] = 1 + len(ahead)
    np.testing.assert_array_equal(found[recommend.RANKS], expected)
    columns = signatures[serving.COLUMNAR](examples=examples)
    np.testing.assert_array_equal(found[serving.SCORES], columns[serving.SCORES])
    assert found[recommend.RANKS].dtype == tf.int32


def test_a_document_outside_the_catalogue_has_a_rank_among_it(folder: Path) -> None:
    signatures = matched(folder, 20)
    lists = lists_of([[2]] * len(USERS))
    lists.values["movie"][:] = b"new"
    examples = tf.constant(stored(lists, SPEC))
    ranks = signatures[recommend.EVALUATE](examples=examples)[recommend.RANKS].numpy()[:, 0]
    scores = every_score(signatures[serving.COLUMNAR])
    for user, seen in enumerate(SEEN):
        others = np.delete(scores[user], seen)
        assert ranks[user] == 1 + (others >= scores[user, 2]).sum()


@pytest.mark.parametrize("name", ALONE)
def test_every_family_that_scores_documents_alone(name: str) -> None:
    """Their scores may differ by rounding from those of a list of other length."""
    model = families.build(name, SPEC, outputs={"label": 1})
    made = servable(model, rows=30)
    raw = columnar.parse(
        tf.constant(stored(lists_of([list(range(N_ITEMS))] * len(USERS)), SPEC)), SPEC.raw
    )
    evaluated = made.evaluate(raw)
    scores = evaluated[serving.SCORES].numpy()
    found = made.recommend(raw_columns(), tf.constant(N_ITEMS), tf.constant([True] * len(USERS)))
    for user, seen in enumerate(SEEN):
        expected = sorted(np.delete(scores[user], seen).tolist(), reverse=True)
        got = found[serving.SCORES].numpy()[user, : N_ITEMS - len(seen)]
        assert got == pytest.approx(expected, abs=1e-5)
    assert evaluated[recommend.RANKS].numpy()[1].max() == N_ITEMS


@pytest.mark.parametrize("name", ALONE)
def test_items_that_are_all_alike_stand_last(name: str) -> None:
    """However a model's sums are rounded; so do unseen items, which share a row of a table."""
    model = families.build(name, SPEC, outputs={"label": 1})
    one = catalogue()
    alike = {name: tf.repeat(column[:1], N_ITEMS, axis=0) for name, column in one.columns.items()}
    made = servable(model, items=dataclasses.replace(one, columns=alike), rows=15)
    lists = lists_of([[0, 7, 12], [1], [22], [8, 9], [3]])
    found = made.evaluate(columnar.parse(tf.constant(stored(lists, SPEC)), SPEC.raw))
    for user, seen in enumerate(SEEN):
        ranks = [rank for rank in found[recommend.RANKS].numpy()[user] if rank]
        left = N_ITEMS - len(seen)
        assert set(ranks) <= {left, left + 1}


def test_without_a_history_nothing_is_left_out() -> None:
    made = servable(Matched(), known=False)
    signature = made.signatures()[recommend.RECOMMEND]
    assert (ask(signature, N_ITEMS, [True] * 5)[recommend.ITEMS] != b"").all()


def test_a_broken_score_is_seen_and_not_hidden() -> None:
    found = ask(servable(Matched(float("nan"))).signatures()[recommend.RECOMMEND], 2, [False] * 5)
    assert np.isposinf(found[serving.SCORES]).all()


def test_what_the_model_knows_lies_beside_it(folder: Path) -> None:
    matched(folder, 20)
    extra = folder / "20" / serving.EXTRA
    assert json.loads((extra / recommend.CATALOGUE_FILE).read_text()) == {
        "items": N_ITEMS,
        "users": len(HISTORY),
        "user": "user_id",
    }
    assert (extra / serving.SPEC_FILE).is_file()


def test_items_and_histories_are_no_part_of_the_graph(folder: Path) -> None:
    """Ids are, for the tables that look them up."""
    matched(folder, 20)
    names = {name for name, _ in tf.train.list_variables(str(folder / "20/variables/variables"))}
    for name in ("_items/_ids", "_items/_items", "_items/_splits", "_items/_columns/movie_id"):
        assert f"{name}/.ATTRIBUTES/VARIABLE_VALUE" in names


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (FeatureSpec((Feature("x"),)), "features: a catalogue needs list_id and document_id"),
        (
            FeatureSpec(
                (Feature("x"), Feature("k", scope=Scope.CONTEXT)), list_id="u", document_id="i"
            ),
            "feature 'k': an input of the signature 'recommend_raw' has this name; rename the"
            " column",
        ),
    ],
)
def test_features_that_cannot_be_served_are_refused(spec: FeatureSpec, message: str) -> None:
    with pytest.raises(InputError) as error:
        recommend.check(spec)
    assert str(error.value) == message


def test_only_ids_may_be_a_users_feature() -> None:
    assert recommend.user_feature(SPEC, "user_id") == SPEC.features[0]
    assert recommend.user_feature(SPEC, "taste") is None
    assert recommend.user_feature(SPEC, "movie_id") is None
    assert recommend.user_feature(SPEC, "") is None
