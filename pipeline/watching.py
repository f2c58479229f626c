"""Runs as the logs come: one after the other, each in a process of its own."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from data.errors import InputError
from pipeline import decode
from pipeline import planning
from pipeline.config import Config
from pipeline.config import Engine
from pipeline.plans import Decision

DONE, NOT_BLESSED = 0, 3
LONGEST = 3600.0
"""The most seconds between two tries of a run that fails."""
TOP = Path(__file__).resolve().parents[1]


def watch(name: str, *, every: float, once: bool) -> int:
    """Runs the pipeline whenever its plan says so; a run looks at the plan again when it begins.

    It may be killed at any point. What a run has done by then, the next one finds in ML Metadata
    and goes on from there, and no model is ever served that is not whole.

    Args:
      name: The file of the configuration, which is read again at each look.
      every: The seconds between two looks at the logs; after runs that fail it grows.
      once: Whether to end as soon as there is nothing to do, or a run fails.

    Returns:
      The exit status of the last run, 0 where there was nothing to do.

    Raises:
      InputError: There is nothing to watch, or a missing span is a mistake.
    """
    signal.signal(signal.SIGTERM, _stop)
    said, status, failures = "", DONE, 0
    while True:
        config = decode.load(name)
        _check(config)
        plan = planning.planned(config)
        if (line := planning.describe(config, plan)) != said:
            print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}", flush=True)
            said = line
        trains = plan.decision is Decision.TRAIN
        if trains:
            status = _run(name)
        failures = failures + 1 if trains and status not in (DONE, NOT_BLESSED) else 0
        if once and plan.decision is Decision.FAIL:
            raise InputError(f"examples.spans: {plan.why}")
        if once and (failures or not trains):
            return status
        if failures or not trains:
            time.sleep(max(every, min(LONGEST, every * 2**failures)))


def _check(config: Config) -> None:
    if config.examples.spans is None or config.examples.span:
        raise InputError("watch: expected the table 'examples.spans', and no 'examples.span'")
    if config.pipeline.engine is not Engine.LOCAL:
        engine = config.pipeline.engine.value
        raise InputError(
            f"watch: expected the engine 'local', found '{engine}'; on a cluster 'start --follow'"
            " does what the plan says"
        )


def _run(name: str) -> int:
    """Runs the pipeline in another process; returns its exit status."""
    around = [str(TOP), *filter(None, [os.environ.get("PYTHONPATH")])]
    status = subprocess.run(
        [sys.executable, "-m", "pipeline_runner", "run", "--config", name],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(around)},
        check=False,
    ).returncode
    if status not in (DONE, NOT_BLESSED):
        print(f"the run ended with status {status}", file=sys.stderr, flush=True)
    return status


def _stop(number: int, frame: FrameType | None) -> None:
    del frame
    raise SystemExit(128 + number)  # ends a run that goes on as well


def units(config: Config, name: str) -> dict[str, str]:
    """Returns a systemd service with its timer and a line for cron, by the names of their files.

    Each starts `watch --once` every hour, with the values that environment variables have now.

    Args:
      config: The configuration.
      name: The file that it comes from.
    """
    _check(config)
    unit = f"ranking-pipelines-{config.pipeline.name}"
    words = [sys.executable, "-m", "pipeline_runner", "watch", "--once", "--config", name]
    command, folder = shlex.join(words), os.getcwd()
    log = os.path.join(config.pipeline.folder, "watch.log")
    given = {"PYTHONPATH": str(TOP), **decode.variables(decode.read(name)[1])}
    settings = [shlex.quote(f"{key}={value}") for key, value in given.items()]
    service = (
        f"[Unit]\nDescription=Train {config.pipeline.name} on new logs\n\n"
        f"[Service]\nType=oneshot\nWorkingDirectory={folder}\n"
        f"Environment={' '.join(settings)}\n"
        f"ExecStart={command}\nSuccessExitStatus={NOT_BLESSED}\n"
    )
    timer = (
        f"[Unit]\nDescription=When to train {config.pipeline.name}\n\n"
        "[Timer]\nOnCalendar=hourly\nPersistent=true\n\n"
        "[Install]\nWantedBy=timers.target\n"
    )
    made = f"cd {shlex.quote(folder)} && mkdir -p {shlex.quote(config.pipeline.folder)}"
    cron = f"{made} && env {' '.join(settings)} {command}"
    return {
        f"{unit}.service": service,
        f"{unit}.timer": timer,
        f"{unit}.cron": f"0 * * * * {cron} >> {shlex.quote(log)} 2>&1\n",
    }
