"""Lists of a divided log: training positives, held-out items and what is drawn beside them."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from data.interactions import CandidateKind
from data.interactions import InteractionOptions
from data.interactions import Labels
from data.interactions import SplitRule
from data.interactions import catalogue as catalogues
from data.interactions import filters
from data.interactions import lists
from data.interactions.catalogue import Catalogue
from data.interactions.splitting import Divided
from data.interactions.splitting import Part
from tests.data.interactions.logs import SPEC
from tests.data.interactions.logs import Row
from tests.data.interactions.logs import divided
from tests.data.interactions.logs import one_of_each_pair
from tests.data.interactions.logs import random_log
from tests.data.interactions.logs import rows_of
from tests.data.interactions.logs import sharded

Found = dict[str, list[tuple[str, float]]]

LOG = one_of_each_pair(random_log(0, users=60, items=80))


def catalogue_of(parts: Sequence[Divided], options: InteractionOptions) -> Catalogue:
    counts = filters.add_counts(filters.item_counts(part.shard, part.trained) for part in parts)
    return catalogues.build(counts, pa.array([], pa.binary()), None, options, SPEC)


def in_words(documents: lists.Documents, part: Divided, catalogue: Catalogue) -> Found:
    found: Found = collections.defaultdict(list)
    for user, item, label in zip(documents.user, documents.item, documents.label, strict=True):
        key = part.shard.users[int(user)].as_py().decode()
        found[key].append((catalogue.ids[int(item)].as_py().decode(), float(label)))
    return dict(found)


def made(
    number: int = 1, rows: Sequence[Row] = LOG, **settings: Any
) -> tuple[dict[Part, Found], list[Row]]:
    """Returns all lists of a log in so many shards, and its training interactions."""
    options = InteractionOptions(candidates=20, value="v", time="t", **settings)
    parts = [divided(part, options) for part in sharded(rows, number)]
    catalogue = catalogue_of(parts, options)
    found: dict[Part, Found] = {Part.TRAIN: {}, Part.VALIDATION: {}, Part.TEST: {}}
    for part in parts:
        trained = lists.trained(part, catalogue, options)
        found[Part.TRAIN] |= in_words(trained, part, catalogue)
        for held in (Part.VALIDATION, Part.TEST):
            documents = lists.drawn(part, held, catalogue, options)
            found[held] |= in_words(documents, part, catalogue)
    return found, [row for part in parts for row in rows_of(part.shard.take(part.trained))]


def test_training_lists_are_the_positives_in_order() -> None:
    found, trained = made(labels=Labels.GRADED)
    expected: Found = collections.defaultdict(list)
    for user, item, value, _ in trained:
        expected[user].append((item, value))
    assert found[Part.TRAIN] == expected


def test_newer_interactions_weigh_more() -> None:
    options = InteractionOptions(time="t", recency=3.0)
    [part] = [divided(shard, options) for shard in sharded(LOG, 1)]
    documents = lists.trained(part, catalogue_of([part], options), options)
    for user in np.unique(documents.user):
        found = documents.weight[documents.user == user]
        n = len(found)
        assert found == pytest.approx([4 * ((2 * k + 1) / (2 * n)) ** 3 for k in range(n)])
    alike = lists.trained(part, catalogue_of([part], options), InteractionOptions(time="t"))
    assert set(alike.weight.tolist()) == {1.0}


@pytest.mark.parametrize("held_out", [1, 2])
def test_held_out_items_come_first_and_no_training_positive_is_drawn(held_out: int) -> None:
    found, trained = made(held_out=held_out)
    known = {(user, item) for user, item, _, _ in trained}
    others = 0
    for split, other in ((Part.VALIDATION, Part.TEST), (Part.TEST, Part.VALIDATION)):
        for user, documents in found[split].items():
            items = [item for item, _ in documents]
            assert [label for _, label in documents] == [1] * held_out + [0] * 20
            assert len(set(items)) == len(items)
            assert not known & {(user, item) for item in items}
            elsewhere = {item for item, label in found[other][user] if label}
            others += len(elsewhere & set(items))
    assert others, "what is held out in the other split may be drawn"


def test_what_is_trained_on_before_the_test_is_not_drawn_for_it() -> None:
    found, trained = made(train_on_validation=True)
    validated = {(u, item) for u, docs in found[Part.VALIDATION].items() for item, x in docs if x}
    assert validated <= {(user, item) for user, item, _, _ in trained}
    tested = {(user, item) for user, docs in found[Part.TEST].items() for item, _ in docs}
    assert not validated & tested


@pytest.mark.parametrize("rule", [rule for rule in SplitRule if rule is not SplitRule.IMPRESSION])
@pytest.mark.parametrize("kind", CandidateKind)
def test_one_shard_and_five_give_the_same(kind: CandidateKind, rule: SplitRule) -> None:
    cuts = {"validation_from": 30.0, "test_from": 40.0} if rule is SplitRule.TIME else {}
    settings: dict[str, Any] = {"candidate_kind": kind, "split": rule, **cuts}
    one = made(1, **settings)[0]
    assert one == made(5, **settings)[0]
    assert one[Part.TEST] != made(1, seed=1, **settings)[0][Part.TEST]


def test_every_item_is_drawn_as_often_as_any() -> None:
    users, items = 400, 50
    rows = [(f"u{u}", f"i{(u + n) % items}", 1.0, float(n)) for u in range(users) for n in range(3)]
    found, _ = made(4, rows)
    drawn = [
        item for documents in found[Part.TEST].values() for item, label in documents if not label
    ]
    observed = np.array(list(collections.Counter(drawn).values()))
    assert len(observed) == items
    expected = users * 20 / items
    statistic = ((observed - expected) ** 2 / expected).sum()
    assert abs(statistic - items + 1) < 4 * (2 * items) ** 0.5


def test_popular_items_are_drawn_more_often() -> None:
    found, trained = made(candidate_kind=CandidateKind.POPULARITY)
    popularity = collections.Counter(row[1] for row in trained)
    drawn = [item for docs in found[Part.TEST].values() for item, label in docs if not label]
    uniform = [item for docs in made()[0][Part.TEST].values() for item, label in docs if not label]
    means = [np.mean([popularity[item] for item in items]) for items in (drawn, uniform)]
    assert means[0] > 1.3 * means[1]


def test_batches_hold_every_column_of_their_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    options = InteractionOptions(candidates=20, time="t")
    [part] = [divided(shard, options) for shard in sharded(LOG, 1)]
    catalogue = catalogue_of([part], options)
    documents = lists.positives(part, part.trained, catalogue, options)
    ids = part.shard.users.to_numpy(zero_copy_only=False)
    context = {"user_id": ids.reshape(-1, 1)}
    monkeypatch.setattr(lists, "MAX_DOCUMENTS", 30)
    found = list(lists.to_lists(documents, part.shard, catalogue, context, SPEC))
    words = in_words(documents, part, catalogue)
    assert [key.decode() for batch in found for key in batch.ids] == list(words)
    assert all(len(batch) == 1 or batch.sizes.sum() <= 30 for batch in found)
    assert any(len(batch) > 1 for batch in found)
    for batch in found:
        assert set(batch.values) == set(batch.scopes)
        assert batch.values["user"].tolist() == [[key] for key in batch.ids]
        assert batch.values["user_id"].tolist() == [[key] for key in batch.ids]
        items = [(i.decode(), 1.0) for i in batch.values["item"][:, 0]]
        assert items == [x for key in batch.ids for x in words[key.decode()]]
        assert batch.values["item_id"].tolist() == batch.values["item"].tolist()
        for key, origin in zip(batch.ids, batch.origins, strict=True):
            first = part.shard.origin(int(np.argmax(ids[part.shard.user] == key)))
            assert origin == first
