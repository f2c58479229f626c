"""What the terminal shows while nodes run: one line when a node starts and one when it ends."""

from __future__ import annotations

import dataclasses
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from absl import logging as absl_logging

RUNNING, FINISHED = "Component %s is running.", "Component %s is finished."
CACHED = "A cached execution %d is used."
"""What TFX's runner and launcher log; nothing else tells when a node starts."""


@dataclasses.dataclass
class NodeTime:
    """The cost of one node.

    Attributes:
      seconds: Wall time.
      cpu_seconds: CPU time of this process and its children.
      cached: Whether an earlier result was used.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    cached: bool = False


class Progress(logging.Handler):
    """Follows the nodes by the runner's log and measures them.

    Args:
      say: Receives the lines for the terminal.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self.times: dict[str, NodeTime] = {}
        self._say, self._node, self._wall, self._cpu = say, "", 0.0, 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Takes notice of a record of TFX's."""
        if record.msg == RUNNING and isinstance(record.args, tuple):
            self._node = str(record.args[0])
            self._wall, self._cpu = time.monotonic(), _cpu_seconds()
            self.times[self._node] = NodeTime()
            self._say(f"{self._node} ...")
        elif record.msg == CACHED and self._node:
            self.times[self._node].cached = True
        elif record.msg == FINISHED and self._node:
            self._finish()

    def _finish(self) -> None:
        node = self.times[self._node]
        node.seconds = time.monotonic() - self._wall
        node.cpu_seconds = _cpu_seconds() - self._cpu
        how = "cached" if node.cached else f"{node.seconds:.1f} s"
        self._say(f"{self._node} done: {how}")


def _cpu_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def follow(log_file: Path, *, verbose: bool) -> Progress:
    """Sends the logs of TFX and its libraries to a file and shows progress in their place.

    Args:
      log_file: Where the logs are appended.
      verbose: Whether they go to the terminal as well.
    """
    log_file.parent.mkdir(parents=True, exist_ok=True)
    to_file = logging.FileHandler(log_file)
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname).1s %(name)s: %(message)s"))
    progress = Progress(lambda line: print(line, flush=True))
    root = logging.getLogger()
    for handler in list(root.handlers):
        if not verbose or isinstance(handler, logging.FileHandler | Progress):
            root.removeHandler(handler)
    root.addHandler(to_file)
    root.addHandler(progress)
    absl = absl_logging.get_absl_logger()
    absl_logging.use_absl_handler()
    for handler in list(root.handlers):
        if isinstance(handler, absl_logging.ABSLHandler) and not verbose:
            root.removeHandler(handler)
    absl_logging.set_verbosity(absl_logging.INFO)
    absl.propagate = True
    logging.captureWarnings(True)
    tensorflow = logging.getLogger("tensorflow")  # has a handler of its own
    tensorflow.handlers.clear()
    tensorflow.propagate = True
    return progress
