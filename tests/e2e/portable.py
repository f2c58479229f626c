"""Beam's own job service and a pool of workers: other processes, reached as a cluster is."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.ports import addresses

ROOT = Path(__file__).resolve().parents[2]
JOB_SERVICE = "tests.e2e.job_service"
POOL = "apache_beam.runners.worker.worker_pool_main"
QUIET = {"PYTHONWARNINGS": "ignore"}  # of libraries


@contextlib.contextmanager
def services(folder: Path) -> Iterator[tuple[str, ...]]:
    """Starts both, with their logs in the folder, and yields the options that use them.

    Both end afterwards, and all workers with them. A job has two workers.
    """
    port_file, [address] = folder / "job-service.port", addresses(1)
    with (
        _process(JOB_SERVICE, folder, f"--port_file={port_file}") as job_service,
        _process(POOL, folder, f"--service_port={address.partition(':')[2]}"),
    ):
        while not port_file.exists():
            if job_service.poll() is not None:
                raise RuntimeError("the job service ended")
            time.sleep(0.1)
        yield (
            "--runner=PortableRunner",
            f"--job_endpoint=localhost:{port_file.read_text()}",
            "--job_server_timeout=3600",  # of a whole job, and no longer
            "--environment_type=EXTERNAL",
            f"--environment_config={address}",
        )


def started(folder: Path) -> int:
    """Returns how many workers the pool has started."""
    return (folder / f"{POOL}.log").read_text().count("Starting worker")


@contextlib.contextmanager
def shown(folder: Path) -> Iterator[None]:
    """Prints the ends of the logs in a folder where what is done meanwhile fails."""
    try:
        yield
    except BaseException:
        for log in sorted(folder.glob("*.log")):
            print(f"{log.name}:\n{log.read_text(errors='replace')[-5000:]}")
        raise


@contextlib.contextmanager
def _process(module: str, folder: Path, option: str) -> Iterator[subprocess.Popen[bytes]]:
    path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"  # for `python`
    with (folder / f"{module}.log").open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", module, option],
            env={**os.environ, **QUIET, "PATH": path, "PYTHONPATH": str(ROOT)},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and those that it started."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, how)
            process.wait(10)
