"""Click logs: rows per CPU second of each node, and its memory, on generated Criteo-shaped files.

Command:  python benchmarks/clicks.py [--rows 5000000] [--files 4] [--nodes data|all] [--hash]
Time:     about 3 minutes of 2 cores for --rows 100000, of which a minute of CPU goes to the graphs
          of Transform however few the rows
Result:   with --rows 100000 --hash on a busy 2-core machine, CPU seconds and MiB held at most
          (the libraries alone take 0.9 GiB):
          RankingExampleGen   5.5  1,019
          StatisticsGen      19.7  1,080
          Transform          72.1  1,611
          ExampleGen's own work, read and encode, is 10 us of CPU a row.

The files have Criteo's 40 columns, Zipf's law in the 26 categories and a known best prediction
(`data.synthetic_clicks`). They run through the pipeline of the shipped configuration `criteo`, up
to Transform (`data`) or to the pushed model (`all`). With `--hash`, columns of more than 100,000
categories are hashed rather than looked up in a vocabulary, as one does with so many.
"""

# ruff: noqa: E402  the environment and the path are set before the imports

from __future__ import annotations

import argparse
import dataclasses
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
os.environ.setdefault("RANKING_DATA", "unused")  # the files are generated
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
warnings.simplefilter("ignore")  # of third parties: ours are errors in the tests

from tfx import v1 as tfx
from tfx.orchestration.local import local_dag_runner

from data.features import Feature
from data.features import FeatureSpec
from data.features import Transform
from data.readers.criteo import CATEGORIES
from data.synthetic_clicks import CARDINALITIES
from data.synthetic_clicks import SyntheticClicks
from data.synthetic_clicks import write
from pipeline import dag
from pipeline import decode
from pipeline import progress
from pipeline.config import Config

MANY = 100_000
DATA_NODES = 5
LINE = "{:20} {:>9} {:>9} {:>12} {:>11}"


class Memory:
    """Follows the nodes of a run and notes the most memory that each one held."""

    def __init__(self) -> None:
        self.peaks: dict[str, int] = {}

    def say(self, line: str) -> None:
        """Receives a line of `progress.Progress`: a node starts or is done."""
        node, _, state = line.partition(" ")
        if state == "...":
            Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
        elif state.startswith("done"):
            status = Path("/proc/self/status").read_text()
            kilobytes = next(x.split()[1] for x in status.splitlines() if x.startswith("VmHWM"))
            self.peaks[node] = int(kilobytes) // 1024


def make_files(rows: int, files: int, folder: Path) -> None:
    """Writes the log in parts of equal size."""
    for part in range(files):
        size = rows // files + (part < rows % files)
        write(SyntheticClicks(size, part=part), folder / f"day-{part}.tsv.gz")


def features(shipped: FeatureSpec, *, hashed: bool) -> FeatureSpec:
    """Returns the shipped features; columns with many categories are hashed if so wanted."""
    if not hashed:
        return shipped
    sizes = dict(zip(CATEGORIES, CARDINALITIES, strict=True))

    def changed(feature: Feature) -> Feature:
        if sizes.get(feature.name, 0) <= MANY:
            return feature
        return dataclasses.replace(
            feature, transform=(Transform.HASH,), buckets=1 << 18, min_count=1
        )

    return dataclasses.replace(shipped, columns=tuple(changed(f) for f in shipped.features))


def configure(folder: Path, *, hashed: bool) -> Config:
    """Returns the shipped configuration for the generated files."""
    config = decode.load("criteo")
    logs = dataclasses.replace(config.examples, base=str(folder), splits={"log": "day-*"})
    return dataclasses.replace(
        config,
        pipeline=dataclasses.replace(config.pipeline, root=str(folder / "run"), cache=False),
        examples=logs,
        features=features(config.features, hashed=hashed),
        train=dataclasses.replace(config.train, batch_size=4096, epochs=1),
        push=dataclasses.replace(config.push, base=str(folder / "models")),
    )


def run(config: Config, *, whole: bool) -> tuple[progress.Progress, Memory]:
    """Runs the nodes and measures them."""
    os.makedirs(config.pipeline.root, exist_ok=True)
    pipeline = dag.create_pipeline(config)
    if not whole:
        pipeline = tfx.dsl.Pipeline(
            pipeline_name=config.pipeline.name,
            pipeline_root=pipeline.pipeline_info.pipeline_root,
            components=dag.create_nodes(config)[:DATA_NODES],
            metadata_connection_config=pipeline.metadata_connection_config,
            beam_pipeline_args=pipeline.beam_pipeline_args,
        )
    memory = Memory()
    progress.follow(Path(config.pipeline.root) / "run.log", verbose=False)
    followed = progress.Progress(memory.say)
    logging.getLogger().addHandler(followed)
    local_dag_runner.LocalDagRunner().run(pipeline)
    return followed, memory


def main(arguments: Sequence[str] | None = None) -> None:
    """Generates the files, runs the nodes and prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--nodes", choices=["data", "all"], default="data")
    parser.add_argument("--hash", action="store_true")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        make_files(given.rows, given.files, Path(scratch))
        config = configure(Path(scratch), hashed=given.hash)
        followed, memory = run(config, whole=given.nodes == "all")
        print(LINE.format("node", "seconds", "CPU s", "rows/CPU s", "memory MiB"))
        for node, cost in followed.times.items():
            speed = f"{given.rows / cost.cpu_seconds:,.0f}" if cost.cpu_seconds > 1 else ""
            times = f"{cost.seconds:.1f}", f"{cost.cpu_seconds:.1f}"
            print(LINE.format(node, *times, speed, f"{memory.peaks.get(node, 0):,}"), flush=True)


if __name__ == "__main__":
    main()
