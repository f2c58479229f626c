"""Click logs: rows per CPU second of each node, and its memory, on generated Criteo-shaped files.

Command:  python benchmarks/clicks.py [--rows 5000000] [--files 4] [--nodes data|all] [--hash]
Time:     11 to 13 minutes of CPU for the nodes below, and 3 for the files; of these 40 seconds go
          to the graphs of Transform however few the rows
Result:   with --rows 5000000 --nodes all --hash on 2 cores, which had other work beside the last
          two nodes: CPU seconds, rows read per CPU second, and MiB held at most; a node begins
          with what the one before left (the libraries alone take 0.9 GiB):
          RankingExampleGen  114.7  43,600  1,133
          StatisticsGen       51.6  96,862  1,462
          Transform          176.3  25,525  1,976
          Trainer            202.1  22,265  3,348  one epoch
          Evaluator          137.2   3,644  3,667  half a million rows, with confidence intervals
          With 400,000 rows the first three took at most 1,066, 1,072 and 1,641 MiB. Beyond that,
          Transform's memory grows with the values of vocabularies, which --hash keeps few (2,065
          MiB without it), and training's up to 2^20 rows, from which on it reads files anew.

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

from tfx.orchestration.local import local_dag_runner
from tfx.orchestration.pipeline import Pipeline

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
SHARES = {"Transform": 0.9, "Trainer": 0.9, "Evaluator": 0.1}
"""The share of the rows that a node reads, where it does not read all: by its splits."""
LINE = "{:20} {:>9} {:>9} {:>12} {:>11}"


class Table:
    """Follows the nodes of a run and prints what each one cost, as soon as it is done.

    Args:
      rows: The number of rows in the files.
    """

    def __init__(self, rows: int) -> None:
        self.followed = progress.Progress(self._say)
        self._rows = rows
        print(LINE.format("node", "seconds", "CPU s", "rows/CPU s", "memory MiB"), flush=True)

    def _say(self, line: str) -> None:
        node, _, state = line.partition(" ")
        if state == "...":
            Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
        elif state.startswith("done"):
            cost = self.followed.times[node]
            rows = self._rows * SHARES.get(node, 1.0)
            speed = f"{rows / cost.cpu_seconds:,.0f}" if cost.cpu_seconds > 1 else ""
            times = f"{cost.seconds:.1f}", f"{cost.cpu_seconds:.1f}"
            print(LINE.format(node, *times, speed, f"{_most_memory():,}"), flush=True)


def _most_memory() -> int:
    """Returns the most memory of this process since its peak was forgotten, in MiB."""
    status = Path("/proc/self/status").read_text()
    kilobytes = next(x.split()[1] for x in status.splitlines() if x.startswith("VmHWM"))
    return int(kilobytes) // 1024


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


def run(config: Config, rows: int, *, whole: bool) -> None:
    """Runs the nodes and prints the table."""
    os.makedirs(config.pipeline.root, exist_ok=True)
    pipeline = dag.create_pipeline(config)
    if not whole:
        pipeline = Pipeline(
            pipeline_name=config.pipeline.name,
            pipeline_root=pipeline.pipeline_info.pipeline_root,
            components=dag.create_nodes(config)[:DATA_NODES],
            metadata_connection_config=pipeline.metadata_connection_config,
        )
    shown = progress.follow(Path(config.pipeline.root) / "run.log", verbose=False)
    logging.getLogger().removeHandler(shown)
    logging.getLogger().addHandler(Table(rows).followed)
    local_dag_runner.LocalDagRunner().run(pipeline)


def main(arguments: Sequence[str] | None = None) -> None:
    """Generates the files and runs the nodes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--files", type=int, default=4)
    parser.add_argument("--nodes", choices=["data", "all"], default="data")
    parser.add_argument("--hash", action="store_true")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        make_files(given.rows, given.files, Path(scratch))
        config = configure(Path(scratch), hashed=given.hash)
        run(config, given.rows, whole=given.nodes == "all")


if __name__ == "__main__":
    main()
