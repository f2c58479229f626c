"""Running the pipeline on its engine."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

from tfx.orchestration.local import local_dag_runner

from components.example_gen.component import check_files
from data import storage
from data import synthetic_files
from data.errors import InputError
from pipeline import dag
from pipeline import deployment
from pipeline import lineage
from pipeline import planning
from pipeline import progress
from pipeline import report
from pipeline import runs
from pipeline.config import Config
from pipeline.config import Engine
from pipeline.plans import Decision

DONE, NOT_BLESSED = 0, 3


def run(config: Config, *, spans: str | None = None, verbose: bool = False) -> int:
    """Runs the pipeline from its logs to a published model, and prints how it went.

    Args:
      config: The configuration.
      spans: What to train on in the place of what it says; None: as it says.
      verbose: Whether the logs of TFX go to the terminal too.

    Returns:
      The exit status. 0: done, also where the run was only registered; 1: it failed on a cluster;
      3: the model was not blessed, which a cluster does not tell.

    Raises:
      InputError: The input or a folder does not allow it.
    """
    return RUNNERS[config.pipeline.engine](config, spans, verbose)


def _run_locally(config: Config, spans: str | None, verbose: bool) -> int:
    config = deployment.spanned(config, spans)
    make_folders(config)
    log_file = Path(config.pipeline.root) / "run.log"
    with alone(config):
        generate(config)
        plan = planning.planned(config)
        if plan.why:
            print(planning.describe(config, plan))
        if plan.decision is Decision.FAIL:
            raise InputError(f"examples.spans: {plan.why}")
        if plan.decision is not Decision.TRAIN:
            return DONE
        config = planning.following(config, plan)
        check_files(config.examples)
        followed = progress.follow(log_file, verbose=verbose)
        try:
            local_dag_runner.LocalDagRunner().run(dag.create_pipeline(config, plan.why))
        except Exception as error:
            lineage.record_error(config, error)
            raise
        if not followed.times:
            return DONE  # the tfx command only registers the pipeline: nothing has run
        print(f"\n{report.render(config, followed.times)}\n\nlogs: {log_file}")
        print(f"report: {runs.write_report(config)}")
        return DONE if report.blessed(config) else NOT_BLESSED


def _run_on_kubeflow(config: Config, spans: str | None, verbose: bool) -> int:
    del verbose  # the logs of nodes are the cluster's
    if hasattr(local_dag_runner.LocalDagRunner.run, "__wrapped__"):  # as tfx registers pipelines
        raise InputError(
            "pipeline.engine: the tfx command takes 'local' alone, found"
            f" '{config.pipeline.engine.value}'; use the commands of pipeline_runner.py itself"
        )
    from pipeline import kubeflow  # loads its client

    return kubeflow.run(config, spans)


RUNNERS: Mapping[Engine, Callable[[Config, str | None, bool], int]] = {
    Engine.LOCAL: _run_locally,
    Engine.KUBEFLOW: _run_on_kubeflow,
    Engine.VERTEX: _run_on_kubeflow,  # refuses, and says what to do
}


def make_folders(config: Config) -> None:
    """Makes the folders of the run; raises InputError where they cannot be written."""
    for what, folder in (("pipeline.root", config.pipeline.root), ("push.base", config.push.base)):
        place = storage.at(folder)
        remote = isinstance(place, storage.RemotePath)
        if folder.startswith("~") or not folder or ("://" in folder and what == "pipeline.root"):
            raise InputError(f"{what}: expected a local folder, found '{folder}'")
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{what}: cannot write to '{folder}': {error.strerror}") from None
        if not remote and not os.access(folder, os.W_OK):
            raise InputError(f"{what}: cannot write to '{folder}'")


def generate(config: Config) -> None:
    """Generates synthetic lists if asked to."""
    if config.examples.synthetic is not None:
        synthetic_files.write(config.examples.synthetic, storage.at(config.examples.base))


@contextlib.contextmanager
def alone(config: Config) -> Iterator[None]:
    """Keeps a second run out of the folder; the lock goes with the process, however it ends.

    Raises:
      InputError: Another run is going on there.
    """
    with open(os.path.join(config.pipeline.root, ".lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"pipeline.root: another run uses '{config.pipeline.root}'") from None
        yield
