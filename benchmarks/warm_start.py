"""A warm start beside a cold one, day by day, on generated clicks that drift.

Command:  python benchmarks/warm_start.py [--days 6] [--rows 40000] [--family dlrm]
Time:     a minute on 2 cores
Result:   DLRM, days 2 to 6, seeds 0 to 2
                steps      log loss     AUC           (of the next day)
          cold  423-705  .5536-.5661  .7262-.7400
          warm      141  .5396-.5517  .7400-.7543
          The warm one is better on each of these days, by .009 to .018 of log loss and by .011 to
          .024 of AUC; on the first day, when it has nothing to go on from, up to .004 worse.

Users click on items by the product of their vectors, by how readily each user clicks and by what
each item is worth. Every day five per cent of both leave and as many come, and those that stay
change a little. A model is trained on the clicks of one day, with the vocabularies of that day, and
judged by those of the next. The cold one begins anew each day and has as many epochs as it can use;
the warm one goes on from that of the day before and has one.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import tensorflow as tf

from data import plain
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Transform
from data.transformed import TRANSFORM_SUFFIX
from data.transformed import TransformedSpec
from models import job as job_lib
from models import registry
from models.job import TrainingJob
from models.losses import LossOptions
from models.metrics import PRESETS
from models.training.config import TrainConfig
from models.training.progress import left
from models.training.progress import say_nothing
from models.training.warm import WarmStartConfig
from models.warm.moving import FromModel

DIM = 8
LEAVE = 0.05
"""The share of users and items that leave every day."""
BLOCK = 500
"""The impressions that are stored together."""
BATCH = 256
METRICS = ("log_loss", "auc")
COLUMNS = ("user", "item")
WORDS: dict[str, Any] = {"dtype": DType.INT, "transform": (Transform.VOCABULARY,)}
SPEC = FeatureSpec(
    tuple(Feature(name, embedding_dim=DIM, **WORDS) for name in COLUMNS),
    label="click",
    impressions=True,
)
SETTINGS: dict[str, dict[str, Any]] = {
    "dlrm": {"bottom_stack": (), "top_stack": (16,), "concat_embeddings": True},
    "dcn": {"bottom_stack": (), "top_stack": (16,)},
    "dnn": {"hidden_layer_dims": (32, 16), "use_batch_norm": False, "dropout": 0.0},
}


@dataclasses.dataclass(frozen=True)
class Day:
    """The impressions of a day, `[n]` each.

    Attributes:
      ids: Users and items by column.
      probability: That of a click: no prediction is better.
      click: 0 or 1.
    """

    ids: dict[str, np.ndarray]
    probability: np.ndarray
    click: np.ndarray


class World:
    """Users and items that come, change and leave.

    Args:
      users: How many users there are at a time.
      items: How many items.
      seed: Fixes everything.
    """

    def __init__(self, users: int, items: int, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._ids = {"user": np.arange(users), "item": np.arange(items)}
        self._bias = {name: self._rng.normal(size=len(ids)) for name, ids in self._ids.items()}
        self._vectors = {name: self._drawn(len(ids)) for name, ids in self._ids.items()}

    def day(self, rows: int) -> Day:
        """Returns a day's clicks, and lets the next one come."""
        places = {name: self._rng.integers(0, len(ids), rows) for name, ids in self._ids.items()}
        user, item = (self._vectors[name][places[name]] for name in COLUMNS)
        logit = (user * item).sum(axis=1) + sum(self._bias[name][places[name]] for name in COLUMNS)
        probability = 1 / (1 + np.exp(1 - logit))
        click = (self._rng.random(rows) < probability).astype(np.float32)
        day = Day({name: self._ids[name][places[name]] for name in COLUMNS}, probability, click)
        self._change()
        return day

    def _change(self) -> None:
        for name, ids in self._ids.items():
            self._bias[name] += self._rng.normal(0, 0.1, len(ids))
            self._vectors[name] += 0.1 * self._drawn(len(ids))
            gone = self._rng.random(len(ids)) < LEAVE
            ids[gone] = ids.max() + 1 + np.arange(gone.sum())
            self._bias[name][gone] = self._rng.normal(size=gone.sum())
            self._vectors[name][gone] = self._drawn(int(gone.sum()))

    def _drawn(self, n: int) -> np.ndarray:
        return self._rng.normal(0, DIM**-0.25, (n, DIM))


def vocabularies(day: Day) -> dict[str, np.ndarray]:
    """Returns the values of each column, the most frequent first."""
    found = {}
    for name, ids in day.ids.items():
        values, counts = np.unique(ids, return_counts=True)
        found[name] = values[np.argsort(-counts, kind="stable")]
    return found


def write(path: Path, day: Day, rows: slice, vocabulary: dict[str, np.ndarray]) -> None:
    """Writes impressions as Transform does with these vocabularies."""
    numbers = {}
    for name, values in vocabulary.items():
        place = np.full(max(int(values.max()), int(day.ids[name].max())) + 1, len(values))
        place[values] = np.arange(len(values))
        numbers[name] = 1 + place[day.ids[name]][rows]
    click = day.click[rows]
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for first in range(0, len(click), BLOCK):
            some = slice(first, first + BLOCK)
            features = {
                name + TRANSFORM_SUFFIX: tf.train.Feature(
                    int64_list=tf.train.Int64List(value=column[some])
                )
                for name, column in numbers.items()
            }
            features[SPEC.label + TRANSFORM_SUFFIX] = tf.train.Feature(
                float_list=tf.train.FloatList(value=click[some])
            )
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())


def job(folder: Path, vocabulary: dict[str, np.ndarray], family: str, **train: Any) -> TrainingJob:
    """Returns a training on the files of a folder."""
    config = TrainConfig(
        loss="sigmoid_cross_entropy_loss",
        loss_options=LossOptions(probabilities=True),
        metric="log_loss",
        batch_size=BATCH,
        learning_rate=0.005,
        **train,
    )
    sizes = {name: 2 + len(values) for name, values in vocabulary.items()}
    name = "warm" if config.warm_start else "cold"
    return TrainingJob(
        train_files=(str(folder / "train.gz"),),
        validation_files=(str(folder / "validation.gz"),),
        transformed=plain.to_json(TransformedSpec(SPEC, sizes)),
        family=family,
        settings=plain.to_json(registry.family(family).config(**SETTINGS[family])),
        train=plain.to_json(config),
        metrics=METRICS,
        contract=plain.to_json(PRESETS["default"]),
        state_dir=str(folder / name),
        log_dir=str(folder / "logs"),
    )


def judge(trained: TrainingJob, model: tf.keras.Model, path: Path) -> list[float]:
    """Returns the metrics of a model on other impressions."""
    found = []
    for metric in METRICS:
        config = plain.to_json(dataclasses.replace(trained.config, metric=metric))
        other = dataclasses.replace(trained, train=config, validation_files=(str(path),))
        found.append(job_lib.measure(other, model))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains both day by day and prints a line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--days", type=int, default=6)
    parser.add_argument("--rows", type=int, default=40_000)
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--family", choices=sorted(SETTINGS), default="dlrm")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    world = World(given.users, given.items, given.seed)
    print(f"{'day':>3} {'start':5} {'steps':>6} {'log loss':>9} {'AUC':>7}  (of the next day)")
    with tempfile.TemporaryDirectory() as scratch:
        _days(given, world, Path(scratch))


def _days(given: argparse.Namespace, world: World, scratch: Path) -> None:
    today, kept = world.day(given.rows), None
    for number in range(1, given.days + 1):
        folder, tomorrow = scratch / str(number), world.day(given.rows)
        folder.mkdir()
        known, border = vocabularies(today), int(0.9 * given.rows)
        write(folder / "train.gz", today, slice(border), known)
        write(folder / "validation.gz", today, slice(border, None), known)
        write(folder / "next.gz", tomorrow, slice(None), known)
        cold = job(folder, known, given.family, epochs=15, patience=2)
        warm = job(folder, known, given.family, epochs=1, patience=0, warm_start=WarmStartConfig())
        texts = {name: [b"%d" % value for value in values] for name, values in known.items()}
        for name, each in (("cold", cold), ("warm", warm)):
            start = FromModel(each, texts, kept, str(number - 1)) if each is warm else None
            model, result = job_lib.run(each, report=say_nothing, warm=start)
            loss, auc = judge(each, model, folder / "next.gz")
            steps = result.epochs * -(-border // BATCH)
            print(f"{number:>3} {name:5} {steps:>6} {loss:>9.4f} {auc:>7.4f}", flush=True)
        print(f"{number:>3} {'best':5} {'':>6} {_least(tomorrow):>9.4f}", flush=True)
        kept = left(Path(warm.state_dir), result.best_epoch)
        today = tomorrow


def _least(day: Day) -> float:
    """Returns the least log loss that is possible on a day's clicks."""
    p, click = day.probability, day.click
    return float(-np.mean(click * np.log(p) + (1 - click) * np.log1p(-p)))


if __name__ == "__main__":
    main()
