"""Ranking with a SavedModel: the order, the batches, and what cannot be used."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import tensorflow as tf

from data import columnar
from data import elwc
from data import elwc_writer
from data import plain
from data.errors import InputError
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.lists import dtypes
from models import scoring
from models import serving
from models import switching
from models import versions

LONGEST = 40
SPEC = FeatureSpec(
    columns=(Feature("sign", scope=Scope.CONTEXT), Feature("price")),
    list_id="query",
    document_id="item",
)


class Priced(tf.Module):
    """Scores `sign * price + shift` for at most `LONGEST` documents; refuses prices below 0."""

    def __init__(self, shift: float) -> None:
        super().__init__()
        self.shift = tf.Variable(shift)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def predict(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        parsed = elwc.parse(examples, SPEC.features)
        prices = columnar.to_dense(parsed["price"])[:, :LONGEST]
        tf.debugging.assert_non_negative(prices, "a price below 0")
        real = columnar.mask_of(parsed["price"])[:, :LONGEST]
        scores = parsed["sign"] * prices / tf.cast(prices != 999.0, tf.float32) + self.shift
        return {serving.SCORES: tf.where(real, scores, serving.PADDING_SCORE)}


def save(folder: Path, shift: float = 0.0, spec: FeatureSpec = SPEC) -> Path:
    module = Priced(shift)
    tf.saved_model.save(module, str(folder), signatures={serving.PREDICT: module.predict})
    (folder / serving.EXTRA).mkdir()
    (folder / serving.EXTRA / serving.SPEC_FILE).write_text(plain.to_json(spec))
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("model") / "export")


def requests(path: Path, *lists: list[float], sign: float = 1.0) -> Path:
    lines = [
        {
            "context": {"query": f"q{number}", "sign": sign},
            "documents": [{"item": f"i{p:g}", "price": p} for p in prices],
        }
        for number, prices in enumerate(lists, start=1)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_documents_are_ranked_by_score(model: Path, tmp_path: Path) -> None:
    path = requests(tmp_path / "r", [1, 3, 2], [5], sign=-1)
    first, second = scoring.rank(model, path)
    assert first == scoring.RankedList(
        origin=f"{path}: line 1",
        list_id="q1",
        size=3,
        documents=(
            scoring.RankedDocument(1, -1.0, 1, "i1"),
            scoring.RankedDocument(2, -2.0, 3, "i2"),
            scoring.RankedDocument(3, -3.0, 2, "i3"),
        ),
    )
    assert [d.document_id for d in second.documents] == ["i5"]


def test_equal_scores_keep_their_order_and_top_cuts(model: Path, tmp_path: Path) -> None:
    [found] = scoring.rank(str(model), str(requests(tmp_path / "r", [1, 7, 7, 7, 2])), top=3)
    assert [d.index for d in found.documents] == [2, 3, 4]
    assert found.size == 5


def test_batches_change_nothing(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = [[float(p % 5 + n) for p in range(1 + n % 7)] for n in range(20)]
    path = requests(tmp_path / "r", *lists)
    together = list(scoring.rank(model, path))
    assert [found.size for found in together] == [len(prices) for prices in lists]
    for size in (1, 7):
        monkeypatch.setattr(scoring, "_BATCH_SIZE", size)
        assert list(scoring.rank(model, path)) == together


def test_tfrecords_are_ranked_like_json(model: Path, tmp_path: Path) -> None:
    documents: list[elwc_writer.Values] = [
        {"item": [b"a"], "price": [1.0]},
        {"item": [b"b"], "price": [2.0]},
    ]
    record = elwc_writer.encode({"query": [b"q"], "sign": [1.0]}, documents, dtypes(SPEC))
    with tf.io.TFRecordWriter(str(tmp_path / "r"), "GZIP") as writer:
        writer.write(record)
    [found] = scoring.rank(model, tmp_path / "r")
    assert found.origin == f"{tmp_path / 'r'}: record 1"
    assert [d.document_id for d in found.documents] == ["b", "a"]


def test_without_id_columns_places_stand_in(tmp_path: Path) -> None:
    folder = save(tmp_path / "m", spec=FeatureSpec(SPEC.columns))
    line = {"context": {"sign": 1}, "documents": [{"price": 1}, {"price": 2}]}
    (tmp_path / "r").write_text(json.dumps(line))
    [found] = scoring.rank(folder, tmp_path / "r")
    assert found.list_id is None
    assert [d.document_id for d in found.documents] == [None, None]
    assert scoring.render(found) == (
        f"{tmp_path / 'r'}: line 1: 2 of 2 documents\n"
        "   1     2.0000  document 2\n"
        "   2     1.0000  document 1"
    )


def test_a_store_serves_its_newest_live_version(tmp_path: Path) -> None:
    store, path = tmp_path / "store", requests(tmp_path / "r", [1])
    for shift in (10.0, 20.0):
        versions.publish(save(tmp_path / str(shift), shift), store, manifest={})
    assert [found.documents[0].score for found in scoring.rank(store, path)] == [21.0]
    switching.rollback(store)
    assert [found.documents[0].score for found in scoring.rank(store, path)] == [11.0]


def test_json_holds_every_field(model: Path, tmp_path: Path) -> None:
    [found] = scoring.rank(model, requests(tmp_path / "r", [1]))
    assert json.loads(scoring.to_json(found)) == {
        "origin": f"{tmp_path / 'r'}: line 1",
        "list_id": "q1",
        "size": 1,
        "documents": [{"position": 1, "score": 1.0, "index": 1, "document_id": "i1"}],
    }


def refused(message: str) -> str:
    return f"^{re.escape(message)}$"


def test_a_request_that_the_model_refuses_is_named(model: Path, tmp_path: Path) -> None:
    path = requests(tmp_path / "r", [1], [-1], [2])
    ranked = scoring.rank(model, path)
    assert next(ranked).list_id == "q1"
    where = f"{path}: line 2: the model refused the request: assertion failed: [a price below 0."
    with pytest.raises(InputError, match=f"^{re.escape(where)}"):
        next(ranked)


@pytest.mark.parametrize(
    ("prices", "message"),
    [
        ([1.0] * 41, "found 41 documents, the model scores 40"),
        ([999.0, 1.0], "the model gave a score that is not a finite number"),
    ],
)
def test_scores_that_cannot_rank_are_refused(
    model: Path, tmp_path: Path, prices: list[float], message: str
) -> None:
    path = requests(tmp_path / "r", prices)
    with pytest.raises(InputError, match=refused(f"{path}: line 1: {message}")):
        list(scoring.rank(model, path))


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (
            elwc_writer.encode({"sign": [1.0]}, [], dtypes(SPEC)),
            "found no documents, expected at least one",
        ),
        (
            elwc_writer.encode({}, [{"price": [1.0]}], dtypes(SPEC)),
            "the model refused the request: Name: <unknown>, Feature: sign (data type: float) is"
            " required but could not be found.",
        ),
        (
            b"not a message",
            "the model refused the request: Failed skipping unrequested field",
        ),
    ],
)
def test_records_that_are_no_request_are_refused(
    model: Path, tmp_path: Path, record: bytes, message: str
) -> None:
    sound = elwc_writer.encode({"sign": [1.0]}, [{"price": [1.0]}], dtypes(SPEC))
    with tf.io.TFRecordWriter(str(tmp_path / "r")) as writer:
        writer.write(sound)
        writer.write(record)
    ranked = scoring.rank(model, tmp_path / "r")
    assert next(ranked).size == 1
    with pytest.raises(InputError, match=refused(f"{tmp_path / 'r'}: record 2: {message}")):
        next(ranked)


def test_a_file_of_one_empty_record_is_refused(model: Path, tmp_path: Path) -> None:
    with tf.io.TFRecordWriter(str(tmp_path / "r")) as writer:
        writer.write(elwc_writer.encode({"sign": [1.0]}, [], dtypes(SPEC)))
    message = f"{tmp_path / 'r'}: record 1: found no documents, expected at least one"
    with pytest.raises(InputError, match=refused(message)):
        list(scoring.rank(model, tmp_path / "r"))


def test_unusable_models_are_refused_before_the_file_is_read(model: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    message = f"{nowhere}: found no SavedModel, expected one or a folder of versions"
    with pytest.raises(InputError, match=refused(message)):
        scoring.rank(nowhere, nowhere)
    with pytest.raises(InputError, match=refused("top: found 0, expected at least 1")):
        scoring.rank(model, nowhere, top=0)

    copy = Path(shutil.copytree(model, tmp_path / "copy"))
    spec = copy / serving.EXTRA / serving.SPEC_FILE
    spec.write_text('{"column": []}')
    message = "FeatureSpec: unknown key 'column'. Did you mean 'columns'?"
    with pytest.raises(InputError, match=refused(message)):
        scoring.rank(copy, nowhere)
    spec.write_text("{")
    with pytest.raises(InputError, match=f"^{re.escape(f'{spec}: found no JSON: ')}"):
        scoring.rank(copy, nowhere)
    spec.unlink()
    message = f"{spec}: cannot be read: No such file or directory"
    with pytest.raises(InputError, match=refused(message)):
        scoring.rank(copy, nowhere)

    shutil.copy(model / serving.EXTRA / serving.SPEC_FILE, spec)
    (copy / "saved_model.pb").write_bytes(b"damaged")
    with pytest.raises(InputError, match=f"^{re.escape(f'{copy}: cannot be loaded: ')}"):
        scoring.rank(copy, nowhere)


def test_a_model_without_the_signature_is_refused(tmp_path: Path) -> None:
    folder = save(tmp_path / "m")
    module = Priced(0.0)
    signatures = {serving.RAW: module.predict}
    tf.saved_model.save(module, str(tmp_path / "other"), signatures=signatures)
    shutil.copytree(folder / serving.EXTRA, tmp_path / "other" / serving.EXTRA)
    message = f"{tmp_path / 'other'}: found signatures: raw; expected 'predict'"
    with pytest.raises(InputError, match=refused(message)):
        scoring.rank(tmp_path / "other", tmp_path / "r")
