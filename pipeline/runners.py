"""Running the pipeline on its engine."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf
from tfx.orchestration.local import local_dag_runner

from data import synthetic_files
from data.errors import InputError
from pipeline import dag
from pipeline import progress
from pipeline import report
from pipeline.config import Config
from pipeline.config import Engine


def run(config: Config, *, verbose: bool = False) -> None:
    """Runs the pipeline from its logs to a published model, and prints how it went.

    Raises:
      InputError: The input or a folder does not allow it.
    """
    RUNNERS[config.pipeline.engine](config, verbose)


def _run_locally(config: Config, verbose: bool) -> None:
    prepare(config)
    log_file = Path(config.pipeline.root) / "run.log"
    followed = progress.follow(log_file, verbose=verbose)
    local_dag_runner.LocalDagRunner().run(dag.create_pipeline(config))
    if not followed.times:
        return  # the tfx command only registers the pipeline: nothing has run
    print(f"\n{report.render(config, followed.times)}\n\nlogs: {log_file}")


SPAN_PARTS = re.compile(r"\{[A-Z]+(:\d+)?\}")
"""What TFX fills in: `{SPAN}`, `{VERSION}`, `{YYYY}` and so on, with or without a width."""

RUNNERS: Mapping[Engine, Callable[[Config, bool], None]] = {Engine.LOCAL: _run_locally}


def prepare(config: Config) -> None:
    """Checks folders and files before any work, and generates synthetic lists if asked to."""
    for what, folder in (("pipeline.root", config.pipeline.root), ("push.base", config.push.base)):
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            raise InputError(f"{what}: cannot write to '{folder}': {error.strerror}") from None
        if not os.access(folder, os.W_OK):
            raise InputError(f"{what}: cannot write to '{folder}'")
    if config.examples.synthetic is not None:
        synthetic_files.write(config.examples.synthetic, Path(config.examples.base))
    for split, pattern in config.examples.splits.items():
        full = os.path.join(config.examples.base, pattern)
        if not tf.io.gfile.glob(SPAN_PARTS.sub("*", full)):
            raise InputError(f"examples.splits: {split}: no file matches '{full}'")
