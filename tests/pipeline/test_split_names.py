"""Splits by pattern, by the hash of the list id, and both in one run."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf
from tfx.types import artifact_utils
from tfx.types import standard_artifacts

from components.example_gen import executor
from components.example_gen.component import RankingExampleGen
from data import columnar
from data.errors import InputError
from data.features import Feature
from data.features import FeatureSpec
from data.readers import Format
from pipeline.examples import ExamplesConfig

HASHED = {"train": 80, "validation": 20}
SPEC = FeatureSpec((Feature("1"),), label="grade", list_id="query")


def config(splits: dict[str, str], hash_splits: dict[str, int], base: str = "") -> ExamplesConfig:
    return ExamplesConfig(Format.LIBSVM, base, splits, hash_splits)


@pytest.mark.parametrize(
    ("splits", "hash_splits", "names", "judge"),
    [
        ({"train": "a", "validation": "b"}, {}, ("train", "validation"), "validation"),
        (
            {"train": "a", "validation": "b", "test": "c"},
            {},
            ("train", "validation", "test"),
            "test",
        ),
        ({"all": "*"}, HASHED, ("train", "validation"), "validation"),
        ({"all": "*"}, {**HASHED, "test": 9}, ("train", "validation", "test"), "test"),
        ({"train": "a", "test": "c"}, HASHED, ("train", "validation", "test"), "test"),
    ],
)
def test_names(
    splits: dict[str, str], hash_splits: dict[str, int], names: tuple[str, ...], judge: str
) -> None:
    made = config(splits, hash_splits)
    assert (made.split_names, made.evaluation_split) == (names, judge)


@pytest.mark.parametrize(
    ("splits", "hash_splits", "text"),
    [
        ({"train": "a"}, {}, "splits must include 'train' and 'validation', found ['train']"),
        (
            {"logs": "a", "test": "b"},
            HASHED,
            "hash_splits divides the one pattern of splits, or 'train' among several; found"
            " ['logs', 'test']",
        ),
        (
            {"train": "a", "validation": "b"},
            HASHED,
            "'validation' is named in splits and in hash_splits",
        ),
    ],
)
def test_refusals(splits: dict[str, str], hash_splits: dict[str, int], text: str) -> None:
    with pytest.raises(InputError) as caught:
        config(splits, hash_splits)
    assert str(caught.value) == text


def test_only_the_train_pattern_is_divided(tmp_path: Path) -> None:
    for name, first in (("a", 0), ("b", 100)):
        lines = [f"{i % 2} qid:{i // 2 + first} 1:{i}\n" for i in range(100)]
        (tmp_path / f"{name}.txt").write_text("".join(lines))
    made = config({"train": "a.txt", "test": "b.txt"}, HASHED, str(tmp_path))
    node = RankingExampleGen(made, SPEC, code="")
    examples = standard_artifacts.Examples()
    examples.uri = str(tmp_path / "out")
    executor.Executor().Do({}, {"examples": [examples]}, node.exec_properties)
    assert artifact_utils.decode_split_names(examples.split_names) == list(made.split_names)
    found = {name: _queries(examples, name) for name in made.split_names}
    assert found["test"] == {b"%d" % i for i in range(100, 150)}
    assert found["train"] | found["validation"] == {b"%d" % i for i in range(50)}
    assert not found["train"] & found["validation"]
    assert len(found["train"]) > len(found["validation"]) > 0


def _queries(examples: standard_artifacts.Examples, split: str) -> set[bytes]:
    folder = artifact_utils.get_split_uri([examples], split)
    files = tf.io.gfile.glob(f"{folder}/*")
    records = list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())
    parsed = columnar.parse(tf.constant(records), SPEC.identifiers)
    return set(parsed["query"].numpy().ravel().tolist())
