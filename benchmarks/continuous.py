"""Sixty days of training on logs that are late, missing, corrupt or poisoned, with kills.

Command:  python benchmarks/continuous.py [--days 60]
Time:     about a minute for a day on 2 cores
Result:   all five checks hold: 62 days trained on, once each, 59 models published, loaded 853 times

A world of new users and items each day and drifting tastes (`tests/e2e/days.py`) writes its logs
day by day, and `watch` follows them. Some days come two days late, one never comes, one is corrupt
until its second version, one has the labels of any others, and the watch is killed three times in
the middle of a run. All the while another process loads the served model. At the end every day that
came must have been trained on exactly once, and every published model must be of such days.
"""

# ruff: noqa: E402  the environment and the path are set before the imports

from __future__ import annotations

import argparse
import collections
import dataclasses
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # and not this folder, whose names are also those of packages
warnings.simplefilter("ignore")

from tests.e2e import days  # first: with TFX, IPython's `tests` comes before ours
from tests.e2e import reader
from tests.e2e import runs

# isort: split
from data import storage
from models import versions
from pipeline import decode
from pipeline import ledger
from pipeline import planning
from pipeline.config import Config
from pipeline.plans import Decision

LATE_BY = 2
"""Days."""
PATIENCE = 3
KILLS = 3
MAX_LOSS = 0.05
"""Against the model that is served: a day has some 60 lists to judge by."""
LIMIT = 900.0
"""Seconds that a day may take."""


@dataclasses.dataclass(frozen=True)
class Events:
    """What happens on which day.

    Attributes:
      late: Days that come later.
      missing: The day that never comes.
      corrupt: The day whose first version is corrupt; the second comes a day later.
      poisoned: The day with shuffled labels.
      killed: Days whose run is killed.
    """

    late: tuple[int, ...]
    missing: int
    corrupt: int
    poisoned: int
    killed: frozenset[int]


def drawn(count: int) -> Events:
    """Returns the events of so many days, all on different ones."""
    draw = random.Random(count)
    first, *others = draw.sample(range(2, count - 2), 4)
    return Events(
        (first,), others[0], others[1], others[2], frozenset(draw.sample(range(1, count), KILLS))
    )


def logs_of(day: int, events: Events) -> list[tuple[int, int]]:
    """Returns the days, and their versions, that are written on a day."""
    found = [] if day in (*events.late, events.missing) else [(day, 0)]
    found += [(late, 0) for late in events.late if day == late + LATE_BY]
    return found + [(events.corrupt, 1)] * (day == events.corrupt + 1)


class Watch:
    """The process that follows the logs; it can be killed with all that it started."""

    def __init__(self, path: Path, log: Path) -> None:
        self._path, self._log = path, log
        self._start()

    def _start(self) -> None:
        command = [sys.executable, "-m", "pipeline_runner", "watch", "--every", "1s"]
        with self._log.open("a") as file:
            self._process = subprocess.Popen(
                [*command, "--config", str(self._path)],
                cwd=ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kills it at once."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def again(self) -> None:
        """Kills it and starts it anew."""
        self.kill()
        self._start()


def settings(folder: Path) -> dict[str, object]:
    """Returns the configuration: each day alone, each model going on from the one served."""
    return days.config(
        folder,
        spans={"window": "one", "patience": PATIENCE},
        train={"warm_start": {"new_rows": "unknown"}},
        evaluation={"thresholds": {"ndcg@5": {"at_least": 0.6, "max_loss": MAX_LOSS}}},
    )


def follow(folder: Path, count: int) -> bool:
    """Writes the days and lets the watch follow them; returns whether all is as it must be."""
    path, events, world = folder / "days.toml", drawn(count), days.World()
    path.write_text(runs.to_toml(settings(folder)))
    config = decode.load(str(path))
    (folder / "models").mkdir()
    print(events, flush=True)
    watch = Watch(path, folder / "watch.log")
    try:
        with reader.reading(folder / "models") as readings:
            for day in range(1, count + PATIENCE + 1):
                for written, version in logs_of(day, events) if day <= count else [(day, 0)]:
                    file = days.write(
                        folder / "logs",
                        world,
                        written,
                        version=version,
                        shuffled=written == events.poisoned,
                    )
                    if written == events.corrupt and version == 0:
                        file.write_bytes(file.read_bytes()[:-1] + b"\xff")
                if day in events.killed:
                    time.sleep(random.Random(day).uniform(20, 60))
                    print(f"day {day}: killed", flush=True)
                    watch.again()
                seconds = settle(config, corrupt=day == events.corrupt)
                print(
                    f"day {day}: {seconds:.0f} s, {len(ledger.trained(config))} trained", flush=True
                )
    finally:
        watch.kill()
    return judged(config, events, count + PATIENCE, readings)


def settle(config: Config, *, corrupt: bool) -> float:
    """Waits until there is nothing to do, or it cannot be done; returns the seconds."""
    start = time.monotonic()
    while time.monotonic() - start < LIMIT:
        if planning.planned(config).decision is not Decision.TRAIN:
            break
        if corrupt and time.monotonic() - start > 60:
            break
        time.sleep(1)
    else:
        raise SystemExit("a day took too long")
    return time.monotonic() - start


def judged(config: Config, events: Events, count: int, readings: reader.Reading) -> bool:
    """Prints what was found; returns whether it is as it must be."""
    expected = {day: int(day == events.corrupt) for day in range(1, count + 1)}
    del expected[events.missing]
    times = collections.Counter(span.span for run in ledger.runs(config) for span in run)
    published = [
        tuple(map(tuple, version.manifest["data"]["spans"]))
        for version in versions.versions(storage.at(config.push.base))
    ]
    pushed = {span for spans in published for span, _ in spans}
    checks = {
        "every day that came was trained on": ledger.trained(config) == expected,
        "exactly once": set(times.values()) == {1},
        "the poisoned day was not pushed": events.poisoned not in pushed,
        "no push is of a day that the ledger does not know": pushed <= set(expected),
        "the reader always found a whole model": not readings.failed,
    }
    for what, holds in checks.items():
        print(f"{'yes' if holds else 'NO':4}{what}")
    print(
        f"{len(times)} days trained, {len(published)} models published, loaded"
        f" {len(readings.loaded)} times, {len(set(readings.loaded))} of them"
    )
    return all(checks.values())


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--days", type=int, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if not follow(Path(folder), options.days):
            print((Path(folder) / "watch.log").read_text()[-5000:])
            sys.exit(1)


if __name__ == "__main__":
    main()
