"""Sparse tables: what a lookup costs beside a static embedding's, and the memory of many keys.

Command:  python benchmarks/sparse_tables.py [--keys 10000000] [--dim 32]
Time:     five minutes on 2 idle cores; 9 GB of memory
Result:                     static  vocabulary     ours   / static
          training, even       887           -     1129       1.27
          serving, even        158         262      242       1.53
          training, Zipf       552           -      664       1.20
          serving, Zipf        123         215      196       1.60
          memory: fixed 1.25 of the rows, exported 1.10, grown 1.60
          In nine runs on 2 idle cores training was 1.00 to 1.60, most often 1.3, and serving 1.37
          to 1.99, most often 1.58, where the vocabulary was 1.6 to 2.1. A lookup of an exported
          table is three reads of memory where a static one is one; the operations between them
          take 15 ns.
          To export took 10 seconds of CPU.
          The addons 0.7.2 took 2579 and 1423 ns for an id in training at a tenth of the keys.

Batches are 1024 rows of 26 ids, drawn evenly from all keys or by a Zipf law, with the frequent ones
anywhere among the others. CPU nanoseconds per id, all threads, median of rounds in which the kinds
take turns in one process:

  training        a step: look up, a loss that costs next to nothing, gradient, Adagrad's update
  serving         the lookup alone, of ours in the table that an exported model has
  static          Keras's `Embedding`, for ids that are row numbers already
  vocabulary      the same for the keys that our table gets, found in TensorFlow's static hash table
  ours            `SparseEmbedding`, for keys that are any integers
  addons          `tensorflow_recommenders_addons`, where it is installed, in a process of its own

Memory is what a process has more after all keys came than before, once small tables have loaded all
code: `fixed` a table of the right capacity, `grown` one that grew from 65536 rows (with
TF_ENABLE_ONEDNN_OPTS=0; see `models.sparse.Full`); both without an optimizer, whose slots are as
large as the rows and would flatter the share.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from models.sparse import FrozenTable
from models.sparse import SparseEmbedding
from models.sparse import SparseTable
from models.sparse import create_table
from models.sparse import maintain

ROOT = Path(__file__).resolve().parents[1]
ADDONS = "tensorflow_recommenders_addons"
COST, MEMORY = 1.5, 1.3
"""The most that ours may cost and take, in what a static embedding does and the rows do."""
SHAPE = (1024, 26)
STEP = 1_000_003
"""Keys are multiples of it, so that they are no row numbers."""
BATCHES, ROUNDS, FILL = 20, 5, 2**17
RATE = 0.01

Figures = dict[str, Any]
Run = Callable[[tf.Tensor], tf.Tensor]


def resident() -> float:
    """Returns the bytes that this process has in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096.0


def fill(table: SparseTable, keys: int) -> None:
    """Brings a table all its keys."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
    def train(some: tf.Tensor) -> None:
        table.train(some)

    for first in range(0, keys, FILL):
        last = min(first + FILL, keys)
        while table.size < last:  # a table that must grow has no rows for all at once
            train(tf.range(first, last, dtype=tf.int64) * STEP)
            maintain(table, None)


def batches(law: str, keys: int) -> list[tf.Tensor]:
    """Returns batches of numbers of keys."""
    rng = np.random.default_rng(1)
    if law == "even":
        return [tf.constant(rng.integers(0, keys, SHAPE)) for _ in range(BATCHES)]
    anywhere = rng.permutation(keys)
    return [tf.constant(anywhere[(rng.zipf(1.1, SHAPE) - 1) % keys]) for _ in range(BATCHES)]


def serving(look_up: Run) -> Run:
    """Returns a function that looks up, and sums so that little is handed back."""
    return tf.function(lambda ids: tf.reduce_sum(look_up(ids)))


def training(look_up: Run, variables: Callable[[], list[Any]], optimizer: Any) -> Run:
    """Returns a training step."""

    @tf.function
    def step(ids: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(look_up(ids) ** 2)
        gradients = tape.gradient(loss, variables())
        optimizer.apply_gradients(zip(gradients, variables(), strict=True))
        return loss

    return step


def nanoseconds(runs: Mapping[str, tuple[Run, list[tf.Tensor]]]) -> dict[str, float]:
    """Returns the CPU nanoseconds per id of each run, the median of rounds in turn."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, (run, data) in runs.items():
            run(data[0])
            before = time.process_time()
            for ids in data:
                run(ids)
            spent = time.process_time() - before
            found[name].append(spent / len(data) / math.prod(SHAPE) * 1e9)
    return {name: statistics.median(values) for name, values in found.items()}


def cost(keys: int, dim: int) -> Figures:
    """Measures lookups of a static embedding, of one behind a vocabulary, and of our table."""
    table = create_table("table", dim, device_vocabulary_size=keys)
    fill(table, keys)
    ours = SparseEmbedding(table)
    exported = SparseEmbedding(table)
    exported.table = FrozenTable(table)
    static = tf.keras.layers.Embedding(keys, dim)
    static.build([None])
    all_keys = tf.range(keys, dtype=tf.int64)
    pairs = tf.lookup.KeyValueTensorInitializer(all_keys * STEP, all_keys)
    vocabulary = tf.lookup.StaticHashTable(pairs, -1)
    adagrad = tf.keras.optimizers.Adagrad
    steps = {
        "static": training(static, lambda: static.trainable_variables, adagrad(RATE)),
        "ours": training(
            lambda ids: ours(ids, training=True), lambda: ours.trainable_variables, adagrad(RATE)
        ),
    }
    lookups = {
        "static": serving(static),
        "vocabulary": serving(lambda ids: static(vocabulary.lookup(ids))),
        "ours": serving(exported),
    }
    found: Figures = {}
    for law in ("even", "Zipf"):
        numbers = batches(law, keys)
        data = {name: [n * STEP for n in numbers] for name in ("vocabulary", "ours")}
        data["static"] = numbers
        for title, runs in (("training", steps), ("serving", lookups)):
            timed = nanoseconds({name: (run, data[name]) for name, run in runs.items()})
            found[f"{title}, {law}"] = timed
    return found


def memory(keys: int, dim: int, *, grown: bool) -> Figures:
    """Measures the memory of our table with all keys."""
    settings: dict[str, Any] = {"full": "grow"} if grown else {}
    for name, count in (("small", 2**17), ("table", keys)):
        before = resident()
        size = 2**16 if grown else count
        table = create_table(name, dim, device_vocabulary_size=size, **settings)
        fill(table, count)
    found = {"bytes": resident() - before, "keys": table.size, "rows": keys * dim * 4}
    started = time.process_time()
    variables = FrozenTable(table).variables
    found["export"] = time.process_time() - started
    found["exported"] = sum(v.dtype.size * v.shape.num_elements() for v in variables)
    return found


def addons(keys: int, dim: int) -> Figures:
    """Measures training and memory of TensorFlow Recommenders Addons, slots included."""
    module: Any = __import__(ADDONS)
    dynamic = module.dynamic_embedding
    before = resident()  # the layer takes the memory of its capacity at once
    initializer = tf.keras.initializers.RandomUniform()
    layer = dynamic.keras.layers.BasicEmbedding(
        dim, key_dtype=tf.int64, initializer=initializer, init_capacity=keys
    )
    optimizer = dynamic.DynamicEmbeddingOptimizer(tf.keras.optimizers.legacy.Adagrad(RATE))
    step = training(layer, lambda: layer.trainable_variables, optimizer)
    step(tf.range(26, dtype=tf.int64)[tf.newaxis])
    for first in range(0, keys, FILL):
        step(tf.range(first, min(first + FILL, keys), dtype=tf.int64)[tf.newaxis] * STEP)
    found: Figures = {"bytes": resident() - before, "rows": keys * dim * 4}
    for law in ("even", "Zipf"):
        data = [numbers * STEP for numbers in batches(law, keys)]
        found[f"training, {law}"] = nanoseconds({"addons": (step, data)})["addons"]
    return found


TASKS: Mapping[str, Callable[[int, int], Figures]] = {
    "cost": cost,
    "fixed": lambda keys, dim: memory(keys, dim, grown=False),
    "grown": lambda keys, dim: memory(keys, dim, grown=True),
    "addons": addons,
}


def start(task: str, keys: int, dim: int) -> Figures:
    """Runs a task in a process of its own; returns what it found."""
    command = [sys.executable, "-m", "benchmarks.sparse_tables"]
    command += ["--task", task, "--keys", str(keys), "--dim", str(dim)]
    # The allocator of oneDNN keeps what a growing table has left behind.
    env = {**os.environ, **({"TF_ENABLE_ONEDNN_OPTS": "0"} if task == "grown" else {})}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{task} failed:\n{done.stderr}")
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


def report(keys: int, dim: int) -> bool:
    """Prints all figures; returns whether they are as required."""
    found = start("cost", keys, dim)
    other = start("addons", keys, dim) if importlib.util.find_spec(ADDONS) else {}
    print(f"{keys:,} keys, {dim} floats each; CPU ns per id")
    print(f"{'':16} {'static':>8} {'vocabulary':>11} {'ours':>8} {'/ static':>9} {'addons':>8}")
    sound = True
    for title, costs in found.items():
        ratio = costs["ours"] / costs["static"]
        vocabulary, of_addons = costs.get("vocabulary"), other.get(title)
        print(
            f"{title:16} {costs['static']:8.0f} {_or_dash(vocabulary):>11} {costs['ours']:8.0f}"
            f" {ratio:9.2f} {_or_dash(of_addons):>8}"
        )
        sound &= ratio <= COST or not title.startswith("training")
    for task in ("fixed", "grown"):
        sizes = start(task, keys, dim)
        share = sizes["bytes"] / sizes["rows"]
        sound &= share <= MEMORY or task != "fixed"
        print(f"memory, {task:8} {sizes['bytes'] / 1e6:8.0f} MB, {share:.2f} of the rows")
    share = sizes["exported"] / sizes["rows"]
    sound &= share <= MEMORY
    print(
        f"memory, exported {sizes['exported'] / 1e6:8.0f} MB, {share:.2f} of the rows, made in"
        f" {sizes['export']:.0f} s of CPU"
    )
    if other:
        share = other["bytes"] / other["rows"] / 2
        print(f"memory, addons   {other['bytes'] / 1e6:8.0f} MB, {share:.2f} of rows and slots")
    print(f"required: training at most {COST}; memory, fixed and exported, at most {MEMORY}")
    return sound


def _or_dash(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--dim", type=int, default=32)
    parser.add_argument("--task", choices=list(TASKS), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        print(json.dumps(TASKS[arguments.task](arguments.keys, arguments.dim)))
    elif not report(arguments.keys, arguments.dim):
        sys.exit(1)


if __name__ == "__main__":
    main()
