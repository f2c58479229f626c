"""Every mistake of a user ends in one clear line: no traceback, nothing half-written."""

import gzip
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from data import elwc_writer
from data.features import DType
from tests.e2e import runs

Rows = list[dict[str, list[Any]]]

CONFIG = """
[pipeline]
name = "bad"
root = "{folder}/run"

[examples]
format = "{format}"
base = "{folder}"
splits = {{ train = "train", validation = "validation" }}

[examples.options]
index_name = "f*"

[features]
label = "y"

[[features.columns]]
name = "f*"
members = "1..2"

[model]
family = "dnn"
hidden_layer_dims = [4]

[train]
epochs = 1

[evaluation.thresholds]
"ndcg@10" = {{ at_least = 0.1 }}

[push]
base = "{folder}/models"
"""

DTYPES = {"f1": DType.FLOAT, "f2": DType.FLOAT, "y": DType.FLOAT, "f2i": DType.INT}


def good() -> Rows:
    return [
        {"f1": [0.5], "f2": [1.0], "y": [0.0]},
        {"f1": [1.5], "f2": [2.0], "y": [1.0]},
    ]


def write(path: Path, lists: list[Rows]) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for rows in lists:
            writer.write(elwc_writer.encode({}, rows, DTYPES))


def changed(**values: list[Any]) -> list[Rows]:
    """Three sound lists, with other values in the second document of the second list."""
    lists = [good(), good(), good()]
    lists[1][1] = {k: v for k, v in {**lists[1][1], **values}.items() if v}
    return lists


def run(folder: Path, format: str = "elwc", edit: Callable[[str], str] = str) -> runs.Ran:
    write(folder / "validation", [good()]) if format == "elwc" else None
    config = folder / "config.toml"
    config.write_text(edit(CONFIG.format(folder=folder, format=format)))
    return runs.command("run", "--config", str(config))


def refused(ran: runs.Ran, folder: Path, message: str) -> None:
    assert ran.errors == f"error: {message}\n"
    assert ran.status == 2
    assert "Traceback" not in ran.output
    written = [path for path in folder.glob("run/artifacts/*/*/*") if path.is_dir()]
    assert not [path for path in written if "examples" in path.parts]
    assert not list(folder.glob("models/*"))


def corrupt(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        (
            changed(f1=[math.nan]),
            "2: document 2: feature 'f1': found 'nan', expected a finite number",
        ),
        (
            changed(f1=[math.inf]),
            "2: document 2: feature 'f1': found 'inf', expected a finite number",
        ),
        (changed(f2=[]), "2: document 2: feature 'f2': missing, expected a float"),
        (changed(f2=[1.0, 2.0]), "2: document 2: feature 'f2': found 2 values, expected 1"),
        (changed(y=[]), "2: document 2: feature 'y': missing, expected a label of 0 or more"),
        (
            changed(y=[-1.0]),
            "2: document 2: feature 'y': found '-1.0', expected a label of 0 or more",
        ),
        ([good(), []], "2: no documents"),
    ],
    ids=["nan", "inf", "missing", "two-values", "no-label", "negative-label", "no-documents"],
)
def test_bad_values_are_named(tmp_path: Path, lists: list[Rows], message: str) -> None:
    write(tmp_path / "train", lists)
    refused(run(tmp_path), tmp_path, f"{tmp_path}/train: record {message}")


def test_feature_of_another_type(tmp_path: Path) -> None:
    with tf.io.TFRecordWriter(str(tmp_path / "train")) as writer:
        rows: Rows = [{"f1": [1.0], "f2": [2], "y": [1.0]}]
        writer.write(elwc_writer.encode({}, rows, DTYPES | {"f2": DType.INT}))
    message = "record 1: document 1: feature 'f2': found int64, expected float"
    refused(run(tmp_path), tmp_path, f"{tmp_path}/train: {message}")


@pytest.mark.parametrize(
    ("damage", "sound"), [(corrupt, 1), (truncate, 2)], ids=["corrupt", "truncated"]
)
def test_damaged_record_file(tmp_path: Path, damage: Callable[[Path], None], sound: int) -> None:
    write(tmp_path / "train", [good(), good(), good()])
    damage(tmp_path / "train")
    message = f"not a TFRecord file, or a damaged one: cannot be read after record {sound}"
    refused(run(tmp_path), tmp_path, f"{tmp_path}/train: {message}")


def test_record_that_is_no_elwc(tmp_path: Path) -> None:
    with tf.io.TFRecordWriter(str(tmp_path / "train")) as writer:
        writer.write(elwc_writer.encode({}, good(), DTYPES))
        writer.write(b"\xff not a message")
    refused(run(tmp_path), tmp_path, f"{tmp_path}/train: record 2: not an ExampleListWithContext")


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "train").write_bytes(b"")
    refused(run(tmp_path), tmp_path, f"{tmp_path}/train: empty file")


def test_no_such_file(tmp_path: Path) -> None:
    message = f"examples.splits: train: no file matches '{tmp_path}/train'"
    refused(run(tmp_path), tmp_path, message)


def test_unreadable_file(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    refused(run(tmp_path), tmp_path, f"{tmp_path}/train: is a directory, expected a file")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"1 qid:7 1:0.5 2:abc\n", "feature 2: found 'abc', expected a number"),
        (b"x qid:7 1:0.5 2:1\n", "label: found 'x', expected a number"),
        (b"1 1:0.5 2:1\n", "found '1:0.5', expected 'qid:...'"),
        (b"1 qid:7 1:0.5 9:1\n", "feature 9: the features name no column 'f9'"),
    ],
    ids=["number", "label", "no-qid", "unknown-index"],
)
def test_bad_libsvm_line(tmp_path: Path, line: bytes, message: str) -> None:
    sound = b"0 qid:6 1:0.5 2:1\n1 qid:6 1:1.5 2:2\n"
    (tmp_path / "train").write_bytes(gzip.compress(sound + line))
    (tmp_path / "validation").write_bytes(sound)
    refused(run(tmp_path, "libsvm"), tmp_path, f"{tmp_path}/train: line 3: {message}")


def test_labels_all_equal(tmp_path: Path) -> None:
    lists = [[{"f1": [0.5], "f2": [1.0], "y": [2.0]}] * 3] * 2
    write(tmp_path / "train", lists)
    ran = run(tmp_path)
    assert (ran.status, ran.errors) == (
        2,
        "error: train: label 'y': all 6 labels are 2; expected at least two grades\n",
    )
    assert not list(tmp_path.glob("models/*"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("epochs", "epoch", "train: unknown key 'epoch'. Did you mean 'epochs'?"),
        (
            "[train]",
            "[train]\nloss = 'softmax'",
            "train: unknown loss 'softmax'. Did you mean 'softmax_loss'?",
        ),
        (
            "[train]",
            "[train]\nmetric = 'ndgc@10'",
            "train: metric: unknown 'ndgc@10'. Did you mean 'ndcg'?",
        ),
        ('"dnn"', '"dn"', "model: unknown family 'dn'. Did you mean 'dnn'?"),
        (
            "at_least = 0.1",
            "max_loss = 0.1",
            "evaluation: thresholds: at least one 'at_least' ('at_most' for losses, errors and arp)"
            " is needed; without it the first model would be blessed whatever it does",
        ),
        ("[4]", "[4", "not TOML: Unclosed array (at line 25, column 1)"),
        (
            "1..2",
            "1-2",
            "features: feature 'f*': members must be names or a range such as '1..136',"
            " found '1-2'",
        ),
    ],
    ids=["key", "loss", "metric", "family", "thresholds", "toml", "members"],
)
def test_bad_configuration(tmp_path: Path, old: str, new: str, message: str) -> None:
    ran = run(tmp_path, edit=lambda text: text.replace(old, new))
    refused(ran, tmp_path, f"config.toml: {message}")


@pytest.mark.parametrize(("key", "path"), [("root", "run"), ("base", "models")])
def test_folder_that_cannot_be_written(tmp_path: Path, key: str, path: str) -> None:
    write(tmp_path / "train", [good()])
    (tmp_path / path).write_text("a file in the place of a folder")
    section = "pipeline" if key == "root" else "push"
    ran = run(tmp_path)
    assert (ran.status, ran.errors) == (
        2,
        f"error: {section}.{key}: cannot write to '{tmp_path / path}': File exists\n",
    )
