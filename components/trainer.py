"""The Trainer node and its `run_fn`: from transformed examples to a SavedModel."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras_tuner
import tensorflow as tf
import tensorflow_transform as tft
from tfx import components as tfx_components
from tfx.components.trainer import executor
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.dsl.components.base import executor_spec
from tfx.types import artifact_utils
from tfx.types import standard_component_specs
from tfx.utils import io_utils
from tfx.utils import json_utils

from components import baseline
from components import transform
from data import plain
from data import storage
from data.features import FeatureSpec
from data.features import Transform
from data.sampling import catalogue
from data.storage import AnyPath
from models import cluster
from models import job as job_lib
from models import recommend
from models import serving
from models import settings
from models.strategy import CLUSTER
from models.training import weights
from models.training.progress import LATEST
from models.training.progress import forget
from models.training.progress import left
from models.training.progress import say
from models.warm.moving import FromModel
from pipeline.examples import CATALOGUE

WARMUP_SIZES = (1, 10, 100)
"""The lengths of the lists in the warm-up requests."""
SUMMARY = "training.json"
"""The file beside the model that says how training went."""
LATEST_MODEL = "latest_model"
"""The folder beside it with the weights of the last epoch, where they are exported."""
WARM_START = "warm_start"
"""What training started from where it may go on from another: a folder of the model's extra assets
with what the next one needs, a key of the summary and a property of the model."""
_BASE_VERSION = "base_version"
"""The key of `custom_config` with the version of the model that training may go on from."""


def run_fn(fn_args: FnArgs) -> None:
    """Trains the configured model and exports it; TFX calls it.

    `fn_args.custom_config` holds JSON texts: `spec`, `family` and `settings` of the model, `train`,
    `metrics` and `contract`; `per_document`, whether the model may score single documents;
    `history`, whether a recommender knows what its users have, and `user`, the feature with their
    ids; and `state_dir`, where unfinished training is kept. The best values of a search, if there
    was one, replace those of the settings.
    """
    config = fn_args.custom_config
    output = tft.TFTransformOutput(fn_args.transform_output)
    job = training_job(fn_args, output)
    warm = warm_start(fn_args, job, output) if job.config.warm_start else None
    if job.config.distribution.strategy in CLUSTER:
        model, result = cluster.run_as_chief(job, storage.at(config["state_dir"]), report=say)
    else:
        model, result = job_lib.run(job, warm=warm)
    state_dir, run_dir = storage.at(job.state_dir), storage.at(fn_args.model_run_dir)
    published = storage.at(fn_args.serving_model_dir)
    export(servable(model, job, output, config), job, published)
    if warm:
        kept = left(state_dir, result.best_epoch)
        io_utils.copy_dir(str(kept), str(published / serving.EXTRA / WARM_START))
    if job.config.export_latest:
        weights.load(model, state_dir / LATEST)
        export(servable(model, job, output, config), job, run_dir / LATEST_MODEL)
    summary: dict[str, Any] = {
        "epochs": result.epochs,
        "best_epoch": result.best_epoch,
        "best": result.best,
    }
    if values := tuned(fn_args):
        summary["tuned"] = values
    if warm:
        summary[WARM_START] = result.start
    (run_dir / SUMMARY).write_text(json.dumps(summary))
    forget(state_dir)


def warm_start(
    fn_args: FnArgs, job: job_lib.TrainingJob, output: tft.TFTransformOutput
) -> FromModel:
    """Returns what the training may go on from: the latest blessed model, if there is one."""
    version = fn_args.custom_config.get(_BASE_VERSION, baseline.NONE)
    kept = None
    if version != baseline.NONE:
        kept = storage.at(fn_args.base_model) / serving.EXTRA / WARM_START
    vocabularies = {
        feature.name: output.vocabulary_by_name(transform.vocabulary_file(feature))
        for feature in job.shapes.spec.features
        if feature.transform[-1] is Transform.VOCABULARY
    }
    return FromModel(job, vocabularies, kept, version)


def training_job(fn_args: FnArgs, output: tft.TFTransformOutput) -> job_lib.TrainingJob:
    """Returns the training that TFX's arguments describe."""
    config = fn_args.custom_config
    spec = plain.from_json(FeatureSpec, config["spec"])
    patterns = fn_args.train_files
    items = [pattern for pattern in patterns if f"/Split-{CATALOGUE}/" in pattern]
    job = job_lib.TrainingJob(
        train_files=_files([pattern for pattern in patterns if pattern not in items]),
        validation_files=_files(fn_args.eval_files),
        transformed=plain.to_json(transform.transformed_spec(output, spec)),
        family=config["family"],
        settings=config["settings"],
        train=config["train"],
        metrics=tuple(config["metrics"]),
        contract=config["contract"],
        state_dir=str(storage.at(config["state_dir"]) / _fingerprint(fn_args)),
        log_dir=fn_args.model_run_dir,
        catalogue_files=_files(items),
    )
    return settings.apply(job, tuned(fn_args))


def tuned(fn_args: FnArgs) -> dict[str, Any]:
    """Returns the best values of the search before this training, by path; none without one."""
    if not fn_args.hyperparameters:
        return {}
    best = keras_tuner.HyperParameters.from_config(fn_args.hyperparameters)
    return settings.from_texts(best.values)


def servable(
    model: tf.keras.Model,
    job: job_lib.TrainingJob,
    output: tft.TFTransformOutput,
    config: Mapping[str, Any],
) -> serving.Exportable:
    """Returns the trained model as it is published; `config` is explained at `run_fn`."""
    model, graph = job_lib.copy(job, model), output.transform_features_layer()
    to_scores = functools.partial(job_lib.to_scores, job)
    per_document = config["per_document"]
    if not job.recommends:
        return serving.Servable(
            model, graph, job.shapes, to_scores=to_scores, per_document=per_document
        )
    items = catalogue.load(job.catalogue_files, job.shapes)
    seen = catalogue.history(job.train_files, job.shapes, items) if config["history"] else None
    return recommend.CatalogueServable(
        model,
        graph,
        job.shapes,
        catalogue=items,
        history=seen,
        to_scores=to_scores,
        per_document=per_document,
        user=config["user"],
    )


def export(published: serving.Exportable, job: job_lib.TrainingJob, folder: AnyPath) -> None:
    """Writes the SavedModel with the transform graph, its signatures and warm-up requests."""
    warmup = [serving.sample_request(job.shapes.spec, size) for size in WARMUP_SIZES]
    serving.export(published, folder, warmup=warmup)


def _files(patterns: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(path for pattern in patterns for path in tf.io.gfile.glob(pattern)))


def _fingerprint(fn_args: FnArgs) -> str:
    """Names the state of one training: the same inputs and settings, the same name."""
    inputs = [fn_args.transform_output, fn_args.train_files, fn_args.eval_files]
    # What was begun goes on, whatever was published meanwhile.
    config = {k: v for k, v in fn_args.custom_config.items() if k != _BASE_VERSION}
    text = json.dumps([inputs, config, tuned(fn_args)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Executor(executor.GenericExecutor):
    """TFX's executor, which tells training of the base model, and the model where it came from."""

    def Do(  # noqa: N802  TFX's name
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Trains."""
        if base := input_dict.get(standard_component_specs.BASE_MODEL_KEY):
            key = standard_component_specs.CUSTOM_CONFIG_KEY
            version = base[0].get_string_custom_property(baseline.VERSION)
            config = {**json_utils.loads(exec_properties[key]), _BASE_VERSION: version}
            exec_properties = {**exec_properties, key: json_utils.dumps(config)}
        super().Do(input_dict, output_dict, exec_properties)
        run = output_dict[standard_component_specs.MODEL_RUN_KEY]
        summary = json.loads((storage.at(artifact_utils.get_single_uri(run)) / SUMMARY).read_text())
        if WARM_START in summary:
            (model,) = output_dict[standard_component_specs.MODEL_KEY]
            model.set_string_custom_property(WARM_START, summary[WARM_START])


class Trainer(tfx_components.Trainer):
    """TFX's Trainer, run by the executor above."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
