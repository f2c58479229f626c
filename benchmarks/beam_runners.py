"""Beam's runners: rows per CPU second of each node in memory, in processes and by a job service.

Command:  python benchmarks/beam_runners.py [--rows 200000]
Time:     11 minutes on 2 cores that did other work as well
Result:   rows per CPU second, and CPU seconds, there:
                               in memory  multi_processing      portable
          RankingExampleGen   19,861 (10)       6,800 (29)    5,770 (35)
          StatisticsGen        21,598 (9)       6,410 (31)    6,262 (32)
          Transform            2,843 (63)      1,408 (128)   1,422 (127)
          Evaluator            1,112 (18)         334 (60)      312 (64)
          Workers cost more mostly by what each does before its first row, however many there are:
          it imports TFX, for about 10 seconds, and loads the graphs of Transform or the model.

The files are those of `clicks.py`, with its configuration and `--hash`. They run through the whole
pipeline three times: in the process of the pipeline, with two workers that DirectRunner starts
(multi_processing), and by Beam's job service with two of its pool (portable). CPU seconds
are those of all processes that take part; a worker's begin with its imports.
"""

# ruff: noqa: E402  the environment and the path are set before the imports

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("RANKING_DATA", "unused")  # the files are generated
os.environ.setdefault("PYTHONWARNINGS", "ignore")  # of third parties, in workers too
ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # and not this folder, whose names are also those of packages
os.environ["PYTHONPATH"] = str(ROOT)
warnings.simplefilter("ignore")

from tests.e2e import portable  # first: with TFX, IPython's `tests` comes before ours

# isort: split
from tfx.orchestration.local import local_dag_runner

from benchmarks import clicks
from pipeline import beam
from pipeline import dag
from pipeline import progress
from pipeline.config import Config

PROCESSES = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
LINE = "{:20} {:>16} {:>16} {:>16}"
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds() -> float:
    """Returns the CPU time of this process and of all that came of it, ended ones included."""
    parents, spent = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            fields = stat.read_text().rpartition(") ")[2].split()
            process = int(stat.parent.name)
            parents[process] = int(fields[1])
            spent[process] = sum(map(int, fields[11:15])) / TICKS
    ours = {os.getpid()}
    while more := {p for p, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(spent[process] for process in ours)


class Meter:
    """Follows the nodes of a run and says what each one cost, in CPU seconds of all processes.

    Args:
      runner: The name of Beam's runner.
    """

    def __init__(self, runner: str) -> None:
        self.costs: dict[str, float] = {}
        self.followed = progress.Progress(self._say)
        self._runner, self._start = runner, 0.0

    def _say(self, line: str) -> None:
        node, _, state = line.partition(" ")
        if state == "...":
            self._start = cpu_seconds()
        elif state.startswith("done"):
            self.costs[node] = cpu_seconds() - self._start
            print(f"{self._runner}: {node} {self.costs[node]:.1f}", file=sys.stderr, flush=True)


def run(config: Config, folder: Path, options: Sequence[str]) -> Mapping[str, float]:
    """Runs the pipeline with these options of Beam's; returns the CPU seconds of its nodes."""
    config = dataclasses.replace(
        config,
        pipeline=dataclasses.replace(config.pipeline, root=str(folder / "run")),
        push=dataclasses.replace(config.push, base=str(folder / "models")),
        beam=beam.BeamConfig(tuple(options)),
    )
    Path(config.pipeline.root).mkdir(parents=True)
    shown, meter = progress.follow(folder / "run.log", verbose=False), Meter(folder.name)
    root = logging.getLogger()
    root.removeHandler(shown)
    root.addHandler(meter.followed)
    with (folder / "train.log").open("w") as file, contextlib.redirect_stdout(file):
        local_dag_runner.LocalDagRunner().run(dag.create_pipeline(config))
    root.removeHandler(meter.followed)
    return meter.costs


def main(arguments: Sequence[str] | None = None) -> None:
    """Generates the files, runs the nodes on each runner and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=200_000)
    rows = parser.parse_args(arguments).rows
    with tempfile.TemporaryDirectory() as scratch, portable.services(Path(scratch)) as service:
        folder = Path(scratch)
        clicks.make_files(rows, 4, folder)
        config = clicks.configure(folder, hashed=True)
        runners = {"in memory": (), "multi_processing": PROCESSES, "portable": service}
        found = [run(config, folder / name, options) for name, options in runners.items()]
    print(f"rows per CPU second (CPU seconds); load {os.getloadavg()[0]:.1f}")
    print(LINE.format("node", *runners))
    for node in beam.NODES:
        read = rows * clicks.SHARES.get(node, 1.0)
        costs = [run[node] for run in found]
        print(LINE.format(node, *(f"{read / cost:,.0f} ({cost:.0f})" for cost in costs)))


if __name__ == "__main__":
    main()
