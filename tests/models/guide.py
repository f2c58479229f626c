"""Lists in files, as the pipeline guide of TF-Ranking has them, with grades that can be learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from data import elwc
from data import elwc_writer
from data.features import DType
from models import extension as tfr
from models.extension.datasets import BaseDatasetBuilder

MASK = "__list_mask__"
N = 4
NAMES = [f"custom_features_{i + 1}" for i in range(N)]
CONTEXT = {"query_length": tf.io.FixedLenFeature((1,), tf.float32, 0.0)}
EXAMPLE = {name: tf.io.FixedLenFeature((1,), tf.float32, 0.0) for name in NAMES}
LABEL = ("utility", tf.io.FixedLenFeature((1,), tf.float32, -1.0))
CLICK = ("click", tf.io.FixedLenFeature((1,), tf.float32, -1.0))
WEIGHT = ("weight", tf.io.FixedLenFeature((1,), tf.float32, 1.0))


def log1p(tensor: tf.Tensor) -> tf.Tensor:
    """The guide's own."""
    return tf.math.log1p(tensor * tf.sign(tensor)) * tf.sign(tensor)


def records(n: int, *, seed: int) -> list[bytes]:
    """Returns ELWCs of 2 to 9 documents; the grade follows from the logarithms of two features."""
    rng = np.random.default_rng(seed)
    dtypes = dict.fromkeys([*CONTEXT, *NAMES, "utility", "click", "weight"], DType.FLOAT)
    found = []
    for _ in range(n):
        logs = rng.normal(size=(int(rng.integers(2, 10)), N)) * 2
        grades = np.clip(np.round(logs[:, 0] + logs[:, 1]), 0, 3)
        documents = [
            {
                **{m: [x] for m, x in zip(NAMES, np.sign(row) * np.expm1(abs(row)), strict=True)},
                "utility": [grade],
                "click": [float(grade > 1)],
                "weight": [1.0 + grade],
            }
            for row, grade in zip(logs, grades, strict=True)
        ]
        context = {"query_length": [float(rng.integers(1, 4))]}
        found.append(elwc_writer.encode(context, documents, dtypes))
    return found


def n_documents(record: bytes) -> int:
    """Returns the number of documents of an ELWC."""
    return int(elwc.split(tf.constant([record]))[2][0])


def write(folder: Path) -> None:
    """Writes training and validation files, one of them compressed as the other is."""
    for name, n, seed in (("train-0", 64, 1), ("train-1", 64, 2), ("vali-0", 40, 3)):
        with tf.io.TFRecordWriter(str(folder / name), "GZIP") as writer:
            for record in records(n, seed=seed):
                writer.write(record)


def dataset_hparams(folder: Path, **given: Any) -> tfr.DatasetHparams:
    """Returns the guide's, for these files."""
    return tfr.DatasetHparams(
        train_input_pattern=str(folder / "train-*"),
        valid_input_pattern=str(folder / "vali-*"),
        **{"train_batch_size": 16, "valid_batch_size": 16, "list_size": 12, **given},
    )


def dataset_builder(folder: Path, **given: Any) -> BaseDatasetBuilder:
    """Returns a builder of lists with one label."""
    return tfr.SimpleDatasetBuilder(CONTEXT, EXAMPLE, MASK, LABEL, dataset_hparams(folder, **given))


def pipeline_hparams(folder: Path, **given: Any) -> tfr.PipelineHparams:
    """Returns a short training."""
    settings = {"num_epochs": 4, "steps_per_epoch": 8, "learning_rate": 0.02}
    ndcg = {"best_exporter_metric": "ndcg_5", "best_exporter_metric_higher_better": True}
    return tfr.PipelineHparams(model_dir=str(folder / "model"), **{**settings, **ndcg, **given})


def inputs(folder: Path) -> dict[str, tf.Tensor]:
    """Returns the model inputs of some lists."""
    return next(iter(dataset_builder(folder).build_valid_dataset()))[0]


def elwcs() -> tf.Tensor:
    """Returns some lists that were not trained on."""
    return tf.constant(records(5, seed=9))
