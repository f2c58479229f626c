"""A process that loads the served model again and again, as a model server does.

Command: python -m tests.e2e.reader FOLDER. It prints the number of each version that it loaded, or
what was wrong with it, until its standard input ends.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

ROOT = Path(__file__).resolve().parents[2]


@dataclasses.dataclass
class Reading:
    """What the process found, known when it has ended.

    Attributes:
      loaded: The versions, load by load.
      failed: What was wrong.
    """

    loaded: list[int] = dataclasses.field(default_factory=list)
    failed: list[str] = dataclasses.field(default_factory=list)


@contextlib.contextmanager
def reading(folder: Path) -> Iterator[Reading]:
    """Lets the process read a folder of versions until the block ends."""
    found = Reading()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.reader", str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield found
        for line in process.communicate()[0].splitlines():
            if line.isdecimal():
                found.loaded.append(int(line))
            else:
                found.failed.append(line)


def main(folder: Path) -> None:
    """Reads until the standard input ends, and once more then."""
    goes_on = True
    while goes_on:
        goes_on = not select.select([sys.stdin], [], [], 1.0)[0]
        numbers = [int(path.name) for path in folder.glob("*") if path.name.isdecimal()]
        if not numbers:
            continue
        try:
            tf.saved_model.load(str(folder / str(max(numbers))))
            print(max(numbers))
        except Exception as error:  # whatever it is, what is served is not valid
            print(f"{max(numbers)}: {str(error)[:200]!r}")
        tf.keras.backend.clear_session()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
