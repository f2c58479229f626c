"""What `ncf_speed.py` needs beside trainings: the settings, the data and our lists of them."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import itertools
import os
from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform
from data.transformed import TRANSFORM_SUFFIX
from data.transformed import TransformedSpec

SPEC = FeatureSpec(
    (
        Feature("user", scope=Scope.CONTEXT, dtype=DType.STRING, transform=(Transform.VOCABULARY,)),
        Feature("item", dtype=DType.STRING, transform=(Transform.VOCABULARY,)),
    ),
    list_id="user_id",
    document_id="item_id",
)
NEGATIVES = 4
"""Negatives of each positive in training."""
LAYERS = (64, 32, 16, 8)
FACTORS = 8


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is measured.

    Attributes:
      hit_rate: The hit rate at 10 that is to be reached.
      script_share: The share of an epoch of the script that is measured.
      epochs: Epochs of ours at the small batch, the first of which is not measured.
      most_epochs: Epochs after which a training gives up.
      batch_size: Our best number of positives in a step.
      learning_rate: Adam's at that number.
      ema: The momentum of the average of the weights there.
      regularization: Of the vectors of both parts there.
      copies: How often there are all users.
      held_out: Whether each user's last training item and drawn candidates take the place of the
        test's, for choosing the settings above.
      seed: Of this run.
    """

    hit_rate: float = 0.68
    script_share: float = 0.1
    epochs: int = 3
    most_epochs: int = 35
    batch_size: int = 819
    learning_rate: float = 5e-3
    ema: float = 0.999
    regularization: float = 0.003
    copies: int = 1
    held_out: bool = False
    seed: int = 1


@dataclasses.dataclass(frozen=True)
class Split:
    """The NCF paper's split of MovieLens-1M.

    Attributes:
      train: `[n, 2]` user and item of each positive, by user from the oldest to the newest.
      test: `[n_users, 2]` user and item held out.
      negatives: `[n_users, 99]` their negatives.
      n_users: The number of users.
      n_items: The number of items.
    """

    train: np.ndarray
    test: np.ndarray
    negatives: np.ndarray
    n_users: int
    n_items: int

    @property
    def candidates(self) -> np.ndarray:
        """The item held out and its negatives, `[n_users, 100]`."""
        return np.concatenate([self.test[:, 1:], self.negatives], axis=1)


def split(settings: Settings) -> Split:
    """Reads the split from the folder that RANKING_DATA names."""
    folder = Path(os.environ["RANKING_DATA"]) / "ncf-ml-1m"
    with gzip.open(folder / "ml-1m.train.rating.gz", "rt") as file:
        train = np.loadtxt(file, np.int32, usecols=(0, 1))
    test = np.loadtxt(folder / "ml-1m.test.rating", np.int32, usecols=(0, 1))
    with gzip.open(folder / "ml-1m.test.negative.gz", "rt") as file:
        negatives = np.array([row[1:] for row in csv.reader(file, delimiter="\t")], np.int32)
    n_items = 1 + int(max(train[:, 1].max(), test[:, 1].max(), negatives.max()))
    found = Split(train, test, negatives, len(test), n_items)
    return _held_out(found) if settings.held_out else found


def _held_out(found: Split) -> Split:
    """Returns a split of the training positives alone, with candidates as the paper draws them."""
    known = np.zeros([found.n_users, found.n_items], bool)
    known[tuple(found.train.T)] = True
    last = np.flatnonzero(np.diff(found.train[:, 0], append=-1))
    rng = np.random.default_rng(0)
    negatives = [rng.choice(np.flatnonzero(~row), 99, replace=False) for row in known]
    rest = np.delete(found.train, last, axis=0)
    return Split(rest, found.train[last], np.array(negatives), found.n_users, found.n_items)


def transformed(settings: Settings) -> TransformedSpec:
    """Returns the shapes of our lists; row 0 is of no user and no item."""
    found = split(settings)
    sizes = {"user": 1 + settings.copies * found.n_users, "item": 1 + found.n_items}
    return TransformedSpec(SPEC, sizes)


def write(settings: Settings, folder: Path) -> None:
    """Writes our lists as Transform does: training, validation and the catalogue."""
    found = split(settings)
    starts = np.flatnonzero(np.diff(found.train[:, 0], prepend=-1, append=found.n_users))
    _write(
        folder / "train.gz",
        (
            _list(copy * found.n_users + user, found.train[start:end, 1], 1.0)
            for copy in range(settings.copies)
            for user, (start, end) in enumerate(itertools.pairwise(starts))
        ),
    )
    _write(folder / "validation.gz", map(_candidates, found.test, found.negatives))
    _write(folder / "catalogue.gz", [_list(-1, np.arange(found.n_items), 0.0)])


def _candidates(positive: np.ndarray, negatives: np.ndarray) -> bytes:
    """Returns the list of a user's item held out and of its negatives, none of them twice."""
    user, item = positive
    return _list(user, np.array([item, *(n for n in negatives if n != item)]), [1.0])


def _list(user: int, items: np.ndarray, labels: float | list[float]) -> bytes:
    grades = np.zeros(len(items))
    grades[: len(labels) if isinstance(labels, list) else None] = labels
    columns: Mapping[str, tf.train.Feature] = {
        "user": _numbers([user + 1]),
        "user_id": _ids([user]),
        "item" + TRANSFORM_SUFFIX: _numbers(items + 1),
        "item_id" + TRANSFORM_SUFFIX: _ids(items),
        "label" + TRANSFORM_SUFFIX: tf.train.Feature(float_list=tf.train.FloatList(value=grades)),
    }
    example = tf.train.Example(features=tf.train.Features(feature=columns))
    return bytes(example.SerializeToString())


def _numbers(values: Iterable[int]) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _ids(values: Iterable[int]) -> tf.train.Feature:
    ids = [str(value).encode() for value in values]
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=ids))


def _write(path: Path, records: Iterable[bytes]) -> None:
    options = tf.io.TFRecordOptions("GZIP", compression_level=1)
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for record in records:
            writer.write(record)
