"""What `training.py` needs beside trainings: the settings, the lists and the machine's limit."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from benchmarks import guide

SHARDS = 4


@dataclasses.dataclass(frozen=True)
class Settings:
    """What is trained.

    Attributes:
      hidden_layer_dims: The network.
      steps: Steps in an epoch; the training lists are one epoch.
      epochs: Epochs, the first of which is not measured.
      batch_size: Lists per step.
      valid: Validation lists.
      dropout: As in the guide.
      batch_norm_moment: 0.9 rather than the guide's 0.99, for the moving averages must be those of
        the trained weights after a few dozen steps.
      learning_rate: Adam's, above the guide's 0.0001 for the same reason.
      seed: Of this run.
    """

    hidden_layer_dims: tuple[int, ...] = (1024, 512, 256)
    steps: int = 10
    epochs: int = 3
    batch_size: int = 128
    valid: int = 512
    dropout: float = 0.4
    batch_norm_moment: float = 0.9
    learning_rate: float = 1e-3
    seed: int = 1


def data(settings: Settings, folder: Path) -> dict[str, object]:
    """Writes the lists as ELWC, with one key per feature and as one vector, and as transformed."""
    documents = {"train": 0, "valid": 0}
    for part, n in (("train", settings.steps * settings.batch_size), ("valid", settings.valid)):
        for shard in range(SHARDS):
            lists = guide.draw(n // SHARDS, seed=2 * shard + (part == "train"))
            write(folder / f"{part}-keys-{shard}", guide.elwc(lists))
            write(folder / f"{part}-vector-{shard}", guide.elwc(lists, packed=True))
            write(folder / f"{part}-transformed-{shard}", guide.transformed(lists), "GZIP")
            documents[part] += int(lists.sizes.sum())
    n_lists = settings.steps * settings.batch_size
    return {
        "steps": settings.steps,
        "lists": n_lists,
        "documents": documents["train"],
        "places": n_lists * guide.LIST_SIZE,
        "flops": flops(settings.hidden_layer_dims),
    }


def write(path: Path, records: Iterable[bytes], compression: str = "") -> None:
    """Writes one TFRecord file."""
    options = tf.io.TFRecordOptions(compression, compression_level=1 if compression else None)
    with tf.io.TFRecordWriter(str(path), options) as writer:
        for record in records:
            writer.write(record)


def limit(settings: Settings, folder: Path) -> dict[str, object]:
    """Returns the best of several passes over the network's matrix products, in FLOP per second."""
    del folder
    shapes = products(settings.hidden_layer_dims)
    rows = settings.batch_size * 108
    matrices = [
        (tf.random.normal([rows, a]), tf.random.normal([a, b]), tf.random.normal([rows, b]))
        for a, b in shapes
    ]

    @tf.function
    def step() -> list[tf.Tensor]:
        found = []
        for number, (x, w, y) in enumerate(matrices):
            found += [tf.matmul(x, w), tf.matmul(x, y, transpose_a=True)]
            if number:
                found.append(tf.matmul(y, w, transpose_b=True))
        return [tf.reduce_max(product[:1]) for product in found]

    step()
    best = {"wall": 0.0, "cpu": 0.0}
    operations = rows * flops(settings.hidden_layer_dims)
    for _ in range(15):
        wall, cpu = time.perf_counter(), time.process_time()
        step()
        best["wall"] = max(best["wall"], operations / (time.perf_counter() - wall))
        best["cpu"] = max(best["cpu"], operations / (time.process_time() - cpu))
    return dict(best)


def products(hidden_layer_dims: Sequence[int]) -> list[tuple[int, int]]:
    """Returns the inputs and outputs of each layer."""
    return list(itertools.pairwise([len(guide.NAMES), *hidden_layer_dims, 1]))


def flops(hidden_layer_dims: Sequence[int]) -> int:
    """Returns the operations of one document's matrix products, there and back.

    Each layer multiplies three times; the first has no use for the gradient of its input.
    """
    shapes = products(hidden_layer_dims)
    return 6 * sum(a * b for a, b in shapes) - 2 * shapes[0][0] * shapes[0][1]
