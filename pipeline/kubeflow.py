"""The commands that talk to Kubeflow Pipelines, one function each."""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from data.errors import InputError
from pipeline import decode
from pipeline import deployment
from pipeline import following
from pipeline import machines
from pipeline import schedules
from pipeline import submission
from pipeline.client import Server
from pipeline.config import Config
from pipeline.config import Engine
from pipeline.examples import SPAN
from pipeline.plans import Decision
from pipeline.plans import Plan
from pipeline.spans import asked
from pipeline.spans import exactly
from pipeline.tables import table


def run(config: Config, spans: str | None = None) -> int:
    """Compiles, uploads, starts and follows a pipeline; returns the exit status.

    Args:
      config: The configuration.
      spans: What the run trains on; None: as the configuration plans it.
    """
    config = deployed(config)
    server = _server("", config)
    given = {} if spans is None else {SPAN: spans}
    run_id = _start(server, config, _uploaded(server, config), given)
    return following.watch(server, run_id) if run_id else 0


def deployed(config: Config) -> Config:
    """Returns a configuration as it is deployed on Kubeflow Pipelines, also where it says local.

    Raises:
      InputError: It is for Vertex AI.
    """
    if config.pipeline.engine is Engine.VERTEX:
        raise InputError(
            "pipeline.engine: 'vertex' is not served by Kubeflow Pipelines: write the file with"
            " 'compile --engine vertex', then create a run of it in the console of Vertex AI, or by"
            " google.cloud.aiplatform.PipelineJob"
        )
    return deployment.deployed(config, Engine.KUBEFLOW)


def upload(options: argparse.Namespace) -> None:
    """Compiles the pipeline and uploads it."""
    config = _config(options)
    _uploaded(_server(options.host, config), config)


def start(options: argparse.Namespace) -> int:
    """Starts a run of an uploaded version, and follows it if asked to."""
    config, given, limit = _config(options), _parameters(options), _limit(options)
    server = _server(options.host, config)
    chosen = submission.version(server, config.pipeline.name, options.version)
    run_id = _start(server, config, chosen, given)
    return following.watch(server, run_id, limit=limit) if run_id and options.follow else 0


def _planned(server: Server, config: Config) -> Plan:
    from pipeline import planning  # loads TFX, which takes some 10 s
    from pipeline import remote_plans

    plan = remote_plans.planned(server, config)
    print(planning.describe(config, plan), flush=True)
    if plan.decision is Decision.FAIL:
        raise InputError(f"examples.spans: {plan.why}")
    return plan


def follow(options: argparse.Namespace) -> int:
    """Follows a run to its end."""
    limit = _limit(options)
    return following.watch(Server(options.host), options.run, limit=limit)


def cancel(options: argparse.Namespace) -> None:
    """Stops a run."""
    server = Server(options.host)
    server.call(server.api.runs.terminate_run, run_id=options.run)
    print(f"cancelling run {options.run}: {server.run_url(options.run)}")


def runs(options: argparse.Namespace) -> None:
    """Lists the newest runs of the pipeline's experiment."""
    config = decode.load(options.config)
    server = _server(options.host, config)
    experiment = submission.experiment(server, config)
    found: Iterator[Any] = iter(())
    if experiment:
        listing = server.api.runs.list_runs
        found = server.pages(listing, "runs", experiment_id=experiment, sort_by=submission.NEWEST)
    rows = [_row(run) for run in itertools.islice(found, options.top)]
    print(table(["run", "state", "started", "time", "name"], rows) if rows else "no runs")


def _row(run: Any) -> list[str]:
    started, ended = following.known(run.created_at), following.known(run.finished_at)
    time = following.spell((ended - started).total_seconds()) if started and ended else ""
    start = f"{started:%Y-%m-%d %H:%M}" if started else ""
    return [run.run_id, (run.state or "").lower(), start, time, run.display_name]


def schedule(options: argparse.Namespace) -> None:
    """Creates, lists, pauses, resumes or deletes schedules."""
    SCHEDULE[options.action](options)


def _create_schedule(options: argparse.Namespace) -> None:
    wanted = schedules.Schedule(
        cron=options.cron,
        every=options.every,
        start=options.start,
        end=options.end,
        max_concurrency=options.max_concurrency,
        catch_up=options.catch_up,
    )
    config, given = _config(options), _parameters(options)
    server = _server(options.host, config)
    chosen = submission.version(server, config.pipeline.name, options.version)
    made = schedules.create(server, config, chosen, wanted, given, name=options.name)
    print(
        f"schedule {made.recurring_run_id}: {schedules.when(wanted.trigger)}, version {chosen.name}"
    )


def _list_schedules(options: argparse.Namespace) -> None:
    config = decode.load(options.config)
    rows = [
        [
            found.recurring_run_id,
            (found.status or "").lower(),
            schedules.when(found.trigger),
            found.max_concurrency or "",
            found.display_name,
        ]
        for found in schedules.there(_server(options.host, config), config)
    ]
    header = ["schedule", "status", "when", "at once", "name"]
    print(table(header, rows) if rows else "no schedules")


def _pause_schedule(options: argparse.Namespace) -> None:
    server = Server(options.host)
    server.call(server.api.recurring_runs.disable_recurring_run, recurring_run_id=options.schedule)
    print(f"paused schedule {options.schedule}; runs that have started go on")


def _resume_schedule(options: argparse.Namespace) -> None:
    server = Server(options.host)
    server.call(server.api.recurring_runs.enable_recurring_run, recurring_run_id=options.schedule)
    print(f"resumed schedule {options.schedule}")


def _delete_schedule(options: argparse.Namespace) -> None:
    server = Server(options.host)
    server.call(server.api.recurring_runs.delete_recurring_run, recurring_run_id=options.schedule)
    print(f"deleted schedule {options.schedule}; its runs stay")


def _config(options: argparse.Namespace) -> Config:
    config = decode.load(options.config)
    return deployed(deployment.told(config, image=options.image, root=options.root))


def _server(host: str, config: Config) -> Server:
    return Server(host, config.cluster.namespace)


def _uploaded(server: Server, config: Config) -> submission.Version:
    from pipeline import compiler  # loads TFX, which takes some 10 s

    version = submission.upload(server, config.pipeline.name, compiler.render(config))
    what = "uploaded" if version.new else "nothing new to upload:"
    print(f"{what} version {version.name} of {config.pipeline.name}", flush=True)
    return version


def _start(
    server: Server, config: Config, chosen: submission.Version, given: Mapping[str, str]
) -> str:
    """Starts a run; returns its id, or nothing where the spans call for no run."""
    if config.examples.spans and SPAN in given:
        from pipeline import remote_plans  # loads TFX

        given = {**given, SPAN: remote_plans.exact(config, given[SPAN])}
    elif config.examples.spans:
        plan = _planned(server, config)
        if plan.decision is not Decision.TRAIN:
            return ""
        given = {**given, SPAN: exactly(plan.spans) or config.examples.span}
    run_id = submission.start(server, config, chosen, given)
    print(f"started run {run_id} of version {chosen.name}: {server.run_url(run_id)}", flush=True)
    return run_id


def _limit(options: argparse.Namespace) -> float:
    found = machines.seconds(options.limit)
    if not found:
        raise InputError(f"--limit: expected a time such as '12h', found '{options.limit}'")
    return float(found)


def _parameters(options: argparse.Namespace) -> dict[str, str]:
    given = {}
    for text in options.param:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise InputError(f"--param: expected name=value, found '{text}'")
        given[name] = value
    if options.span is not None:
        given[SPAN] = options.span
    asked(given.get(SPAN, ""))  # refuses what is none
    return given


SCHEDULE: Mapping[str, Callable[[argparse.Namespace], None]] = {
    "create": _create_schedule,
    "delete": _delete_schedule,
    "list": _list_schedules,
    "pause": _pause_schedule,
    "resume": _resume_schedule,
}

COMMANDS: Mapping[str, Callable[[argparse.Namespace], int | None]] = {
    "cancel": cancel,
    "follow": follow,
    "runs": runs,
    "schedule": schedule,
    "start": start,
    "upload": upload,
}
