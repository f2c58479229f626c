"""The Trainer node's `run_fn`: from transformed examples to a SavedModel."""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
import tensorflow_transform as tft
from tfx import v1 as tfx

from components import transform
from data import dataset
from data import plain
from data.errors import InputError
from data.features import FeatureSpec
from data.transformed import TransformedSpec
from data.transformed import parse
from models import registry
from models import serving
from models import training
from models.metrics import MetricContract
from models.metrics import parse_metric
from models.validation import validator

WARMUP_SIZES = (1, 10, 100)
"""The lengths of the lists in the warm-up requests."""
SUMMARY = "training.json"
"""The file beside the model that says how training went."""


def run_fn(fn_args: tfx.components.FnArgs) -> None:
    """Trains the configured model and exports it; TFX calls it.

    `fn_args.custom_config` holds JSON texts: `spec`, `family` and `settings` of the model, `train`,
    `metrics` and `contract`; and `state_dir`, where unfinished training is kept.
    """
    config = fn_args.custom_config
    settings = plain.from_json(training.TrainConfig, config["train"])
    spec = plain.from_json(FeatureSpec, config["spec"])
    tf.keras.utils.set_random_seed(settings.seed)
    output = tft.TFTransformOutput(fn_args.transform_output)
    transformed = transform.transformed_spec(output, spec)
    model = build_model(config, transformed)
    train_files, validation_files = _files(fn_args.train_files), _files(fn_args.eval_files)
    check_labels(train_files, transformed)
    state_dir = Path(config["state_dir"]) / _fingerprint(fn_args)
    result = training.train(
        model,
        dataset.training(
            train_files,
            transformed,
            batch_size=settings.batch_size,
            list_size=settings.list_size or None,
            seed=settings.seed,
        ),
        validator(
            model,
            dataset.validation(validation_files, transformed, batch_size=settings.batch_size),
            [parse_metric(name) for name in config["metrics"]],
            plain.from_json(MetricContract, config["contract"]),
        ),
        settings,
        state_dir=state_dir,
        log_dir=Path(fn_args.model_run_dir),
        report=functools.partial(print, flush=True),
    )
    export(model, output, transformed, Path(fn_args.serving_model_dir))
    summary = {"epochs": result.epochs, "best_epoch": result.best_epoch, "best": result.best}
    Path(fn_args.model_run_dir, SUMMARY).write_text(json.dumps(summary))
    shutil.rmtree(state_dir)


def build_model(config: dict[str, Any], transformed: TransformedSpec) -> tf.keras.Model:
    """Builds the model of the family that the configuration names."""
    family = registry.family(config["family"])
    return family.build(transformed, plain.from_json(family.config, config["settings"]))


def export(
    model: tf.keras.Model,
    output: tft.TFTransformOutput,
    transformed: TransformedSpec,
    folder: Path,
) -> None:
    """Writes the SavedModel with the transform graph, its signatures and warm-up requests."""
    servable = serving.Servable(model, output.transform_features_layer(), transformed)
    warmup = [serving.sample_request(transformed.spec, size) for size in WARMUP_SIZES]
    serving.export(servable, folder, warmup=warmup)


def check_labels(files: Sequence[str], transformed: TransformedSpec) -> None:
    """Raises InputError where there is nothing to learn from.

    Args:
      files: Transformed training examples.
      transformed: Their shapes.
    """
    seen: set[float] = set()
    documents = 0
    for serialized in dataset.read(files).batch(1024):
        labels = parse(serialized, transformed)[transformed.spec.label].flat_values
        seen.update(tf.unique(labels)[0].numpy().tolist())
        documents += int(labels.shape[0])
    if len(seen) < 2:
        found = f"all {documents} labels are {seen.pop():g}" if seen else "there are no documents"
        raise InputError(
            f"train: label '{transformed.spec.label}': {found}; expected at least two grades"
        )


def _files(patterns: Sequence[str]) -> list[str]:
    return sorted(path for pattern in patterns for path in tf.io.gfile.glob(pattern))


def _fingerprint(fn_args: tfx.components.FnArgs) -> str:
    """Names the state of one training: the same inputs and settings, the same name."""
    inputs = [fn_args.transform_output, fn_args.train_files, fn_args.eval_files]
    text = json.dumps([inputs, fn_args.custom_config], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
