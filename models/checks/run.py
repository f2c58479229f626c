"""All checks of one model, and their result."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from data import logged
from data.errors import InputError
from data.lists import Lists
from data.storage import AnyPath
from models import scoring
from models import serving
from models.checks import answers
from models.checks import costs
from models.checks.config import ChecksConfig
from models.checks.costs import Latency
from models.checks.served import REQUIRED
from models.checks.served import Served
from models.checks.served import read

_WARMUP, _LOGGED = "warmup", "logged"


@dataclasses.dataclass(frozen=True)
class Result:
    """What the checks found.

    Attributes:
      failures: A line for each rule that the model breaks; none if it may be published.
      size_mb: The megabytes on disk.
      memory_mb: The megabytes of memory by which the process grew when it loaded the model.
      lists: How many lists it was asked about.
      logged: How many logged requests it was asked.
      signatures: The names of its signatures.
      skipped: Why checks were left out, by their names.
      latencies: The time for an answer, by the size of the request.
    """

    failures: tuple[str, ...]
    size_mb: float
    memory_mb: float = 0.0
    lists: int = 0
    logged: int = 0
    signatures: tuple[str, ...] = ()
    skipped: Mapping[str, str] = dataclasses.field(default_factory=dict)
    latencies: tuple[Latency, ...] = ()


def check(
    folder: AnyPath, serialized: Sequence[bytes], config: ChecksConfig, requests: Sequence[str] = ()
) -> Result:
    """Loads a SavedModel as a server does and asks it.

    Args:
      folder: The SavedModel's.
      serialized: Stored lists.
      config: What to ask, and what it may cost.
      requests: The files of logged requests, of which as many are asked as lists.
    """
    before, size = costs.memory_mb(), costs.size_mb(folder)
    failures = list(costs.too_large(config, size))
    try:
        served = Served(scoring.signatures(folder), scoring.read_spec(folder))
    except InputError as error:
        return Result((*failures, f"load: {error}"), size)
    memory = max(0.0, round(costs.memory_mb() - before, 3))
    lists = read(serialized, served.spec)
    latencies: tuple[Latency, ...] = ()
    asked = 0
    if missing := list(_missing(served, lists)):
        failures += missing
    else:
        failures += _answers(served, lists, config, folder)
        if requests and _LOGGED not in config.skip:
            asked, found = _logged(served, requests, config)
            failures += found
        try:
            latencies = tuple(
                costs.latency(served, lists, n, config.requests) for n in config.sizes
            )
        except InputError as error:
            failures.append(f"latency: {error}")
        failures += costs.too_slow(config, latencies)
    return Result(
        failures=tuple(failures),
        size_mb=size,
        memory_mb=memory,
        lists=len(lists),
        logged=asked,
        signatures=tuple(sorted(served.signatures)),
        skipped=dict(config.skip),
        latencies=latencies,
    )


def _missing(served: Served, lists: Lists) -> Iterator[str]:
    if not len(lists) or not lists.sizes.any():
        yield "there are no lists to ask about"
    for name in REQUIRED:
        if name not in served.signatures:
            found = ", ".join(sorted(served.signatures)) or "none"
            yield f"found signatures: {found}; expected '{name}'"


def _answers(served: Served, lists: Lists, config: ChecksConfig, folder: AnyPath) -> Iterator[str]:
    for name in answers.CHECKS:
        if name not in config.skip:
            yield from answers.run(name, served, lists, config.tolerance)
    if _WARMUP not in config.skip:
        yield from (f"{_WARMUP}: {line}" for line in _warmup(served, folder))


def _logged(served: Served, paths: Sequence[str], config: ChecksConfig) -> tuple[int, list[str]]:
    """Returns how many requests were asked, and what was wrong with the answers."""
    try:
        lists = logged.read(paths, served.spec, config.lists)
        records = logged.records(paths, served.spec, config.lists)
        found = answers.logged(served, records, lists, config.tolerance)
        return len(lists), [f"{_LOGGED}: {line}" for line in found]
    except InputError as error:
        return 0, [f"{_LOGGED}: {error}"]


def _warmup(served: Served, folder: AnyPath) -> Iterator[str]:
    """Replays the requests that a server replays before it takes traffic."""
    from tensorflow_serving.apis import prediction_log_pb2

    path = folder / serving.EXTRA / serving.WARMUP_FILE
    if not path.exists():
        return
    records = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    for number, record in enumerate(records, start=1):
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        inputs = {n: tf.constant(tf.make_ndarray(p)) for n, p in request.inputs.items()}
        try:
            scores = served.ask(request.model_spec.signature_name, inputs)[serving.SCORES]
        except InputError as error:
            yield f"request {number}: {error}"
            continue
        if not np.isfinite(scores).all():
            yield f"request {number}: a score is no finite number"
