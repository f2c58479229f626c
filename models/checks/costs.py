"""What an exported model costs: time for an answer, room on disk and in memory."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data import storage
from data.lists import Lists
from data.storage import AnyPath
from models import serving
from models.checks.config import ChecksConfig
from models.checks.served import FORMS
from models.checks.served import Served
from models.checks.served import of_size

_FIRST = 5
"""Requests before the timed ones: the first few of a shape take longer."""


@dataclasses.dataclass(frozen=True)
class Latency:
    """The milliseconds from a request to its answer.

    Attributes:
      documents: The number of documents of a request.
      p50_ms: What half of the requests took at most.
      p99_ms: What 99 of 100 took at most.
    """

    documents: int
    p50_ms: float
    p99_ms: float


def latency(served: Served, lists: Lists, size: int, requests: int) -> Latency:
    """Times ELWC requests of one list, asked one after the other."""
    inputs = FORMS[serving.PREDICT](of_size(lists, size), served.spec)
    taken = []
    for _ in range(_FIRST + requests):
        before = time.perf_counter()
        served.ask(serving.PREDICT, inputs)
        taken.append(1e3 * (time.perf_counter() - before))
    p50, p99 = np.percentile(taken[_FIRST:], [50, 99])
    return Latency(size, round(float(p50), 3), round(float(p99), 3))


def size_mb(folder: AnyPath) -> float:
    """Returns the megabytes of all files below a folder."""
    return round(sum(storage.size(path) for path in storage.walk(folder)) / 1e6, 3)


def memory_mb() -> float:
    """Returns the megabytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 3)


def too_large(config: ChecksConfig, size: float) -> Iterator[str]:
    """Yields the limit of megabytes on disk where it was passed."""
    if config.max_mb is not None and size > config.max_mb:
        yield f"size: found {size:.3f} MB on disk, expected at most {config.max_mb:g}"


def too_slow(config: ChecksConfig, latencies: tuple[Latency, ...]) -> Iterator[str]:
    """Yields each limit of time that was passed."""
    for found in latencies:
        if config.max_p99_ms is not None and found.p99_ms > config.max_p99_ms:
            yield (
                f"latency: a request of {found.documents} documents: found p99"
                f" {found.p99_ms:.3f} ms, expected at most {config.max_p99_ms:g}"
            )
