"""Where training runs: one device or several, one process or a cluster."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import functools
import json
import os
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from data.errors import InputError


class Strategy(str, enum.Enum):
    """The `tf.distribute` strategies by their class names."""

    NONE = "none"
    MIRRORED = "MirroredStrategy"
    """A copy of the model on each device of this machine."""
    MULTI_WORKER = "MultiWorkerMirroredStrategy"
    """A copy on each device of each worker; `TF_CONFIG` names the workers."""
    PARAMETER_SERVER = "ParameterServerStrategy"
    """Weights on parameter servers, workers without step; `TF_CONFIG` names them."""
    TPU = "TPUStrategy"
    """A copy on each core of a TPU."""


CLUSTER = frozenset({Strategy.MULTI_WORKER, Strategy.PARAMETER_SERVER})
"""The strategies of several processes."""


@dataclasses.dataclass(frozen=True)
class DistributionConfig:
    """The strategy and what it needs.

    Attributes:
      strategy: Its name.
      devices: The devices of MirroredStrategy; 0: all GPUs or, without one, all CPU devices.
      tpu: The address of TPUStrategy's TPU: a name, `grpc://...`, or `local` on a TPU VM.
      tpu_zone: The Google Cloud zone of a TPU that is given by its name.
      tpu_project: Its project.
      min_shard_bytes: ParameterServerStrategy spreads variables of twice this size or more over
        the servers; 0: no variable is divided.
    """

    strategy: Strategy = Strategy.NONE
    devices: int = 0
    tpu: str = ""
    tpu_zone: str = ""
    tpu_project: str = ""
    min_shard_bytes: int = 0

    def __post_init__(self) -> None:
        for name, owner in (
            ("devices", Strategy.MIRRORED),
            ("tpu", Strategy.TPU),
            ("tpu_zone", Strategy.TPU),
            ("tpu_project", Strategy.TPU),
            ("min_shard_bytes", Strategy.PARAMETER_SERVER),
        ):
            found = getattr(self, name)
            if found and self.strategy is not owner:
                raise InputError(f"{name} is for {owner.value}, found {self.strategy.value}")
        for name in ("devices", "min_shard_bytes"):
            if getattr(self, name) < 0:
                raise InputError(f"{name} must be 0 or more, found {getattr(self, name)}")
        if self.strategy is Strategy.TPU and not self.tpu:
            raise InputError("TPUStrategy needs 'tpu', the address of the TPU")


@dataclasses.dataclass(frozen=True)
class Place:
    """This process within the cluster.

    Attributes:
      role: chief, worker or ps.
      index: Its number among those of its role.
      chief: Whether it reports, writes and exports.
    """

    role: str = "chief"
    index: int = 0
    chief: bool = True


def place(config: DistributionConfig) -> Place:
    """Returns what `TF_CONFIG` says of this process; outside a cluster it is the chief.

    Raises:
      InputError: The strategy needs a cluster and `TF_CONFIG` names none.
    """
    if config.strategy not in CLUSTER:
        return Place()
    text = os.environ.get("TF_CONFIG", "")
    try:
        table = json.loads(text or "{}")
        cluster, task = dict(table["cluster"]), dict(table["task"])
        role, index = str(task["type"]), int(task["index"])
        known = isinstance(cluster.get(role), list) and 0 <= index < len(cluster[role])
    except (KeyError, TypeError, ValueError):
        known, cluster, role, index = False, {}, "", 0
    if not known:
        raise InputError(
            f"{config.strategy.value}: TF_CONFIG must name the cluster and this task of it,"
            f" found '{text}'"
        )
    if config.strategy is Strategy.PARAMETER_SERVER and not {"chief", "ps", "worker"} <= set(
        cluster
    ):
        raise InputError(
            "ParameterServerStrategy: TF_CONFIG must name chief, ps and worker, found"
            f" {', '.join(sorted(cluster))}"
        )
    if config.strategy is Strategy.MULTI_WORKER and role not in ("chief", "worker"):
        raise InputError(
            f"MultiWorkerMirroredStrategy: TF_CONFIG: a task is chief or worker, found {role}"
        )
    first = role == "worker" and index == 0 and "chief" not in cluster
    return Place(role, index, role == "chief" or first)


def connect(config: DistributionConfig) -> tf.distribute.Strategy:
    """Returns the strategy; for a cluster or a TPU before anything else uses TensorFlow.

    Raises:
      InputError: The devices are not there.
    """
    if config.strategy is Strategy.NONE:
        return tf.distribute.get_strategy()
    if config.strategy is Strategy.MIRRORED:
        return _mirrored(tuple(_devices(config.devices)))
    if config.strategy is Strategy.MULTI_WORKER:
        return tf.distribute.MultiWorkerMirroredStrategy()
    if config.strategy is Strategy.TPU:
        return _tpu(config)
    return tf.distribute.ParameterServerStrategy(
        tf.distribute.cluster_resolver.TFConfigClusterResolver(),
        variable_partitioner=_partitioner(config.min_shard_bytes),
    )


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    # One per process: each numbers its exchanges from the same start, and TensorFlow takes those
    # of the same number for one.
    return tf.distribute.MirroredStrategy(list(devices))


def _devices(n: int) -> list[str]:
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    found = [device.name for device in tf.config.list_logical_devices(kind)]
    if n > len(found):
        raise InputError(f"MirroredStrategy: found {len(found)} {kind} devices, expected {n}")
    return found[: n or None]


def _tpu(config: DistributionConfig) -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(
            config.tpu, zone=config.tpu_zone or None, project=config.tpu_project or None
        )
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (OSError, ValueError, RuntimeError, tf.errors.OpError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"TPUStrategy: no TPU at '{config.tpu}': {reason}") from error
    return tf.distribute.TPUStrategy(resolver)


def _partitioner(size: int) -> tf.distribute.experimental.partitioners.Partitioner | None:
    if not size:
        return None
    return tf.distribute.experimental.partitioners.MinSizePartitioner(
        min_shard_bytes=size, max_shards=len(cluster()["ps"])
    )


def cluster() -> dict[str, list[str]]:
    """Returns the addresses by role that `TF_CONFIG` names."""
    return dict(json.loads(os.environ["TF_CONFIG"])["cluster"])


def first_list(lists: int) -> tf.Tensor:
    """Returns with which of its lists a worker of parameter servers begins, an int64 scalar.

    For the function that makes a worker's data set: TensorFlow tells each worker that it is the
    only one. Begun at equal distances, the workers together see each list once in each epoch.
    """
    index = tf.distribute.coordinator.experimental_get_current_worker_index()
    return tf.cast(index, tf.int64) * lists // len(cluster()["worker"])


def join_shards(
    shards: Sequence[np.ndarray], shapes: Sequence[tuple[int, ...]]
) -> list[np.ndarray]:
    """Returns weights of these shapes, those that were divided among servers put together.

    >>> found = join_shards([np.ones([2, 3]), np.ones([1, 3]), np.ones(())], [(3, 3), ()])
    >>> [weight.shape for weight in found]
    [(3, 3), ()]
    """
    left, found = iter(shards), []
    for shape in shapes:
        parts = [next(left)]
        while parts[0].ndim and sum(len(part) for part in parts) < shape[0]:
            parts.append(next(left))
        found.append(np.concatenate(parts) if len(parts) > 1 else parts[0])
    return found


@contextlib.contextmanager
def precision(name: str) -> Iterator[None]:
    """Builds layers with this Keras policy: float32, mixed_bfloat16 or mixed_float16."""
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(name)
    try:
        yield
    finally:
        tf.keras.mixed_precision.set_global_policy(before)


def agreement(
    strategy: tf.distribute.Strategy,
) -> Callable[[Mapping[str, float]], dict[str, float]]:
    """Returns what makes the mean of the workers' numbers, so that all of them decide alike."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return dict

    @tf.function
    def mean(values: tf.Tensor) -> tf.Tensor:
        found = strategy.run(tf.identity, args=(values,))
        return strategy.reduce(tf.distribute.ReduceOp.MEAN, found, axis=None)

    def agree(found: Mapping[str, float]) -> dict[str, float]:
        means = mean(tf.constant([*found.values()], tf.float64)).numpy().tolist()
        return dict(zip(found, means, strict=True))

    return agree
