"""The cost of learning clicks: TensorFlow Recommenders' Ranking, and ours, on the same examples.

Command:  python benchmarks/ctr_speed.py [--data criteo|ml-1m] [--model dlrm|dcn] [--rounds 3]
Time:     about 3 minutes a round on 2 free cores
Result:                             library    composite         ours  / library
          examples per CPU second   22,153       36,284       52,576       2.37
          AUC                       0.6867       0.7334       0.7369    +0.0503
          peak memory            1,675 MiB    1,638 MiB    1,110 MiB
          (`criteo`, `dlrm`, idle; 2 times as many examples are wanted)

`criteo` is generated (`data.synthetic_clicks`): 13 integers and 26 columns of ids, of which a few
have most of the values. `ml-1m` is MovieLens-1M's ratings of 4 and 5 against those of 1 and 2: five
columns of ids and the age. A tenth is held out. The network is that of the library's defaults at
all sides: embeddings of 16, a bottom stack of 256, 64 and 16 units, a top stack of 512 and 256;
`--model dcn` gives the library `Sequential([Concatenate(), Cross()])` for the interaction.

  library    as its documentation shows: `tf.keras.layers.Embedding` for each column, `Ranking` with
             its default task and metrics, Adam, and `fit` on `shuffle(100_000).batch().cache()`
  composite  the same with the library's CompositeOptimizer: Adagrad for the embeddings
  ours       `models.job` on what our Transform writes, as the Trainer node does: one table, many
             steps in one call, matrices multiplied in bfloat16, which takes half the time where the
             processor can (AVX512_BF16), and on `criteo` Adagrad for the embeddings

Adam moves every row of a table in every step, and its memory of rare ids learns them by heart: on
`criteo` it costs the library speed and AUC. What remains goes mostly into products of matrices.

Each measurement is a process of its own, one at a time, in turn. Seconds are of CPU, of all
threads, so that other load on the machine counts little. An epoch is measured whole, checkpoint and
log of ours included, without the first one, where all begin; AUC is that of the tenth held out
after the last epoch, its time left out.

MovieLens-1M is not part of this project: RANKING_DATA names the folder above it.
"""

# ruff: noqa: E402  the path is set before the imports

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # and not this folder, whose names are also those of packages

from benchmarks import processes

TASKS = ("library", "composite", "ours")
LEAST = 2.0
"""How many times the library's examples per CPU second ours must reach."""
AUC_DIFFERENCE = 0.003
"""By how much the AUC of ours may be the lower one: that of other initial weights."""
Figures = dict[str, Any]
LINE = "{:24} {:>12} {:>12} {:>12} {:>10}"


def start(task: str, folder: Path, settings: Figures) -> Figures:
    """Runs one task in a process of its own; returns what it wrote."""
    print(f"{task} {settings}", file=sys.stderr, flush=True)
    return processes.start("ctr_speed_runs", task, folder, settings)


def show(found: dict[str, list[Figures]]) -> bool:
    """Prints the medians of all; returns whether ours is what is required."""
    speeds, aucs, peaks = (
        [statistics.median(run[name] for run in found[task]) for task in TASKS]
        for name in ("speed", "auc", "peak")
    )
    times = speeds[-1] / speeds[0]
    print(LINE.format("", *TASKS, "/ library"))
    print(LINE.format("examples per CPU second", *(f"{s:,.0f}" for s in speeds), f"{times:.2f}"))
    print(LINE.format("AUC", *(f"{auc:.4f}" for auc in aucs), f"{aucs[-1] - aucs[0]:+.4f}"))
    print(LINE.format("peak memory", *(f"{peak / 2**20:,.0f} MiB" for peak in peaks), ""))
    print(f"required: {LEAST} times the examples, AUC at most {AUC_DIFFERENCE} lower")
    return times >= LEAST and aucs[-1] >= aucs[0] - AUC_DIFFERENCE


def main() -> int:
    """Measures both in turn; the exit status says whether what is required holds."""
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    options.add_argument("--data", choices=("criteo", "ml-1m"), default="criteo")
    options.add_argument("--model", choices=("dlrm", "dcn"), default="dlrm")
    options.add_argument("--rounds", type=int, default=3, help="measurements of each")
    options.add_argument("--epochs", type=int, default=2, help="the first is not measured")
    options.add_argument("--batch_size", type=int, default=1024)
    options.add_argument("--rows", type=int, default=500_000, help="of training, at most")
    arguments = options.parse_args()
    data = Path(os.environ.get("RANKING_DATA", ROOT.parent / "shared" / "data")) / "ml-1m"
    if arguments.data == "ml-1m" and not data.is_dir():
        print(f"skipped: no folder '{data}'; RANKING_DATA names the folder of the data sets")
        return 0
    settings = {k: v for k, v in vars(arguments).items() if k != "rounds"}
    found: dict[str, list[Figures]] = {task: [] for task in TASKS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start("data", folder, settings)
        for seed in range(1, arguments.rounds + 1):
            for task in TASKS[:: 1 if seed % 2 else -1]:
                found[task].append(start(task, folder, settings | {"seed": seed}))
    return 0 if show(found) else 1


if __name__ == "__main__":
    sys.exit(main())
