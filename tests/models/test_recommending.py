"""Recommending with a SavedModel: whom the requests name, what is left out, and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import tensorflow as tf

from data.errors import InputError
from models import recommend
from models import recommending
from models import scoring
from models import serving
from models import versions
from models.recommending import of_file
from models.recommending import of_lines
from models.recommending import of_users
from tests.models.catalogues import HISTORY
from tests.models.catalogues import N_ITEMS
from tests.models.catalogues import SPEC
from tests.models.catalogues import USERS
from tests.models.catalogues import Matched
from tests.models.catalogues import contexts
from tests.models.catalogues import requests
from tests.models.catalogues import servable
from tests.samples import Transformed
from tests.samples import transformed_spec


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recommending") / "model"
    serving.export(servable(Matched(0.001), user="user_id"), path, warmup=[])
    return path


@pytest.fixture(scope="module")
def lines() -> list[str]:
    """The users as JSON lines; the first says its id in one place, the last in the other."""
    columns = {name: column[:, 0].tolist() for name, column in contexts().items()}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    del rows[0]["user"], rows[-1]["user_id"]
    return [json.dumps({"context": row}, default=bytes.decode) for row in rows]


def ids(found: recommending.Recommended) -> list[str]:
    return [item.item for item in found.items]


def test_users_get_the_best_that_they_do_not_have(model: Path) -> None:
    """Known by their ids alone, all have the same taste."""
    found = list(recommending.recommend(model, of_users(USERS), k=5))
    assert [one.user for one in found] == USERS
    assert [one.origin for one in found] == [f"user '{user}'" for user in USERS]
    whole = ids(next(recommending.recommend(model, of_users(["11"]), k=99)))
    assert sorted(whole) == sorted(f"m{place}" for place in range(N_ITEMS))
    for one in found:
        seen = {f"m{place}" for place in HISTORY.get(one.user, [])}
        assert ids(one) == [item for item in whole if item not in seen][:5]
        assert [item.position for item in one.items] == list(range(1, len(one.items) + 1))
        scores = [item.score for item in one.items]
        assert scores == sorted(scores, reverse=True)
    assert [len(one.items) for one in found] == [5, 5, 3, 5, 5]


def test_what_users_have_is_included_on_request(model: Path) -> None:
    found = recommending.recommend(model, of_users(USERS), k=N_ITEMS, include_seen=True)
    assert [len(one.items) for one in found] == [N_ITEMS] * len(USERS)


def test_a_line_is_an_id_or_a_request(model: Path, lines: list[str]) -> None:
    mixed = [*lines[:2], "", f" {USERS[2]}\n", "\n"]
    first, second, third = recommending.recommend(model, of_lines(mixed), k=3)
    assert [one.origin for one in (first, second, third)] == ["line 1", "line 2", "line 4"]
    assert [one.user for one in (first, second, third)] == USERS[:3]
    assert first != next(recommending.recommend(model, of_users(USERS[:1]), k=3))
    assert ids(third) == ids(next(recommending.recommend(model, of_users(USERS[2:3]), k=3)))


def test_files_of_either_kind_and_batches_of_any_size_are_alike(
    model: Path, lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lines").write_text("\n".join(lines))
    with tf.io.TFRecordWriter(str(tmp_path / "records")) as writer:
        for request in requests():
            writer.write(request)
    by_line = list(recommending.recommend(model, of_lines(lines), k=4))
    for size in (1, 3, 32):
        monkeypatch.setattr(recommending, "_BATCH_SIZE", size)
        for name, place in (("lines", "line"), ("records", "record")):
            path = tmp_path / name
            found = list(recommending.recommend(model, of_file(path), k=4))
            assert [(one.user, one.items) for one in found] == [
                (one.user, one.items) for one in by_line
            ]
            assert [one.origin for one in found] == [
                f"{path}: {place} {number}" for number in range(1, 6)
            ]


def test_a_store_has_its_newest_live_version(model: Path, tmp_path: Path) -> None:
    versions.publish(model, tmp_path / "store", manifest={})
    [found] = recommending.recommend(tmp_path / "store", of_users(["7"]), k=2)
    assert found == next(recommending.recommend(model, of_users(["7"]), k=2))


def test_documents_of_a_request_are_ignored(model: Path) -> None:
    line = json.dumps({"context": {"user": "7"}, "documents": "none of them"})
    [found] = recommending.recommend(model, of_lines([line]), k=2)
    [alone] = recommending.recommend(model, of_lines(["7"]), k=2)
    assert found == alone


def test_json_holds_every_field(model: Path) -> None:
    [found] = recommending.recommend(model, of_users(["7"]), k=1)
    [item] = found.items
    assert json.loads(recommending.to_json(found)) == {
        "origin": "user '7'",
        "user": "7",
        "items": [{"position": 1, "score": item.score, "item": item.item}],
    }


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "found no JSON: Expecting property name enclosed in double quotes: line 1 column 2"),
        ('{"context": {"age": 3}}', "context: unknown column 'age'."),
        (
            '{"context": {"user_id": "7"}}',
            'context: user_id: found "7", expected an integer',
        ),
    ],
)
def test_a_wrong_request_is_named(model: Path, line: str, message: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(f'line 2: {message}')}"):
        list(recommending.recommend(model, of_lines(["7", line])))


def test_a_record_that_the_model_refuses_is_named(model: Path, tmp_path: Path) -> None:
    with tf.io.TFRecordWriter(str(tmp_path / "records")) as writer:
        writer.write(requests()[0])
        writer.write(b"not a message")
    found = recommending.recommend(model, of_file(tmp_path / "records"))
    assert next(found).user == USERS[0]
    message = f"{tmp_path / 'records'}: record 2: the model refused the request: "
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        next(found)


def test_a_score_without_a_number_is_refused(tmp_path: Path) -> None:
    serving.export(servable(Matched(float("nan"))), tmp_path / "m", warmup=[])
    context = {"user": "7", "user_id": 7}
    found = recommending.recommend(tmp_path / "m", of_lines([json.dumps({"context": context})]))
    message = r"^line 1: the model gave a score that is not a finite number$"
    with pytest.raises(InputError, match=message):
        next(found)


def test_without_a_feature_that_repeats_it_the_id_is_not_enough(tmp_path: Path) -> None:
    serving.export(servable(Matched()), tmp_path / "m", warmup=[])
    message = r"^user '7': context: column 'user_id' is missing and has no default$"
    with pytest.raises(InputError, match=message):
        list(recommending.recommend(tmp_path / "m", of_users(["7"])))


def test_unusable_models_are_refused_before_requests_are_read(tmp_path: Path) -> None:
    made = serving.Servable(Matched(), Transformed(SPEC), transformed_spec(SPEC))
    serving.export(made, tmp_path / "m", warmup=[])
    found = f"{serving.COLUMNAR}, {serving.PREDICT}, {serving.RAW}, serving_default"
    message = f"{tmp_path / 'm'}: found signatures: {found}; expected '{recommend.RECOMMEND}'"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        recommending.recommend(tmp_path / "m", of_file(tmp_path / "nowhere"))
    with pytest.raises(InputError, match=r"^k: found 0, expected at least 1$"):
        recommending.recommend(tmp_path / "m", of_users([]), k=0)
    assert scoring.newest(tmp_path / "m") == tmp_path / "m"
