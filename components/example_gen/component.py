"""The ExampleGen node."""

from __future__ import annotations

import dataclasses
import os

from google.protobuf import any_pb2
from google.protobuf import wrappers_pb2
from tfx.components.example_gen import component
from tfx.dsl.components.base import executor_spec
from tfx.dsl.io import fileio
from tfx.orchestration import data_types
from tfx.proto import example_gen_pb2

from components.example_gen import executor
from components.example_gen import portions
from data import plain
from data import storage
from data.errors import InputError
from data.features import FeatureSpec
from data.storage import AnyPath
from pipeline.examples import ExamplesConfig
from pipeline.spans import Span


class RankingExampleGen(component.FileBasedExampleGen):
    """TFX's file-based ExampleGen, run by our executor on any number of spans.

    TFX itself knows one span for a run. It gets the patterns of the newest, filled in; the job of
    the executor names all.

    Args:
      config: The raw logs.
      spec: Their columns.
      code: A fingerprint of the code, for the cache.
      why: Why these spans are read, in a sentence.
      span: The parameter of a run on a cluster that names spans, if it has one.
      elsewhere: Whether the logs are on a cluster, and not to be looked at here.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        config: ExamplesConfig,
        spec: FeatureSpec,
        *,
        code: str,
        why: str = "",
        span: data_types.RuntimeParameter | None = None,
        elsewhere: bool = False,
    ) -> None:
        job = executor.Job(config, spec, code, why=why)
        if not elsewhere:
            job = found(job)
        super().__init__(
            input_base=config.base,
            input_config=input_config(job),
            output_config=example_gen_pb2.Output(),  # the executor names and divides the splits
            range_config=span,  # carries the parameter; nothing but `found` looks for spans
            custom_config=custom_config(job),
        )


def found(job: executor.Job) -> executor.Job:
    """Returns the job with the spans that it reads and fingerprints of files that TFX overlooks.

    Raises:
      InputError: The spans are not there.
    """
    spans = portions.chosen(job.config)
    return dataclasses.replace(job, spans=spans, files=_overlooked(job.config, spans))


def custom_config(job: executor.Job) -> example_gen_pb2.CustomConfig:
    """Returns the job as TFX hands it to the executor."""
    packed = any_pb2.Any()
    packed.Pack(wrappers_pb2.StringValue(value=plain.to_json(job)))
    return example_gen_pb2.CustomConfig(custom_config=packed)


def _overlooked(config: ExamplesConfig, spans: tuple[Span, ...]) -> tuple[str, ...]:
    suffix = config.options.query_suffix
    around = storage.walk(storage.at(config.base)) if suffix else ()
    paths = sorted((path for path in around if path.name.endswith(suffix)), key=str)
    paths += [path for _, path in _side_files(config) if path.exists()]
    for pattern in config.splits.values():
        for part in portions.all_filled(pattern, spans)[:-1]:
            paths += map(storage.at, sorted(fileio.glob(os.path.join(config.base, part))))
    return tuple(storage.fingerprint(path) for path in paths)


def _side_files(config: ExamplesConfig) -> list[tuple[str, AnyPath]]:
    """Returns the files beside the interactions, each with the name of its setting."""
    if config.interactions is None:
        return []
    named = vars(config.interactions)
    files = {name: named[name] for name in ("users", "items", "candidates_file")}
    return [(name, storage.at(config.base) / file) for name, file in files.items() if file]


def check_files(config: ExamplesConfig) -> None:
    """Raises InputError where the patterns find no files."""
    for name, path in _side_files(config):
        if not path.is_file():
            raise InputError(f"examples.interactions.{name}: no file '{path}'")
    spans = portions.chosen(config)
    for name, pattern in config.splits.items():
        for part in portions.all_filled(pattern, spans):
            if not fileio.glob(full := os.path.join(config.base, part)):
                raise InputError(f"examples.splits: {name}: no file matches '{full}'")


def input_config(job: executor.Job) -> example_gen_pb2.Input:
    """Returns the patterns of the files, split by split: those of the newest span.

    Sorted by name, for the fingerprint of the data follows their order, and the order of a job's
    splits is lost where it travels as JSON.
    """
    split = example_gen_pb2.Input.Split
    return example_gen_pb2.Input(
        splits=[
            split(name=name, pattern=portions.all_filled(pattern, job.spans)[-1])
            for name, pattern in sorted(job.config.splits.items())
        ]
    )
