"""What a pipeline asks of a cluster: its image, its folders, and the machine of each node."""

from __future__ import annotations

import dataclasses
from typing import TypeVar

from data.errors import InputError
from data.errors import did_you_mean
from pipeline.machines import NodeConfig
from pipeline.workloads import ServerConfig
from pipeline.workloads import WorkersConfig

TRAINER, TUNER = "Trainer", "Tuner"
WARM_START_MODEL = "WarmStartModel"
LAMBDA_MART = "LambdaMart"
VALIDATOR = "ExampleValidator"
SERVING_CHECKS = "ServingChecks"
TRAINING = (TUNER, TRAINER)
NODES = (
    "RankingExampleGen",
    "StatisticsGen",
    "RankingSchema",
    VALIDATOR,
    "Transform",
    LAMBDA_MART,
    TUNER,
    WARM_START_MODEL,
    TRAINER,
    "LatestBlessedModel",
    "Evaluator",
    SERVING_CHECKS,
    "Pusher",
    "RunReport",
)
"""The names of all nodes, which the configuration may be asked about before TFX is loaded."""

_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True)
class ClusterConfig:
    """Where and how the pipeline runs on Kubeflow Pipelines or Vertex AI.

    Attributes:
      image: The container image with this package.
      tpu_image: The image for nodes with TPUs, which need TensorFlow built for them.
      root: The folder of artifacts, on storage that all nodes reach, such as gs://bucket/ranking.
      data: What takes the place of `examples.base` there; `<root>/data/<name>` if empty.
      models: What takes the place of `push.base` there; `<root>/models/<name>` if empty.
      service_account: The Kubernetes (or Google) service account the nodes run as.
      namespace: The namespace of runs, where Kubeflow Pipelines serves several.
      experiment: The experiment that runs are listed under; the pipeline's name if empty.
      defaults: The machine of nodes that say nothing else.
      nodes: By node, what is different there.
      serving: The model server.
      workers: The other pods of a training in several processes.
    """

    image: str = ""
    tpu_image: str = ""
    root: str = ""
    data: str = ""
    models: str = ""
    service_account: str = ""
    namespace: str = ""
    experiment: str = ""
    defaults: NodeConfig = NodeConfig()
    nodes: dict[str, NodeConfig] = dataclasses.field(default_factory=dict)
    serving: ServerConfig = ServerConfig()
    workers: WorkersConfig = WorkersConfig()

    def __post_init__(self) -> None:
        for name in self.nodes:
            if name not in NODES:
                raise InputError(f"nodes: no node '{name}'.{did_you_mean(name, NODES)}")
        for name in NODES:
            if self.node(name).tpu is not None and name not in TRAINING:
                raise InputError(f"nodes: {name}: tpu is for nodes that train: {TRAINER}, {TUNER}")

    def node(self, name: str) -> NodeConfig:
        """Returns the machine of a node, the defaults filled in."""
        own = self.nodes.get(name, NodeConfig())
        unset = NodeConfig()
        merged = {
            field.name: _merge(
                getattr(self.defaults, field.name),
                getattr(own, field.name),
                getattr(unset, field.name),
            )
            for field in dataclasses.fields(NodeConfig)
        }
        try:
            return NodeConfig(**merged)
        except InputError as error:
            raise InputError(f"nodes: {name}: with the defaults, {error}") from None


def _merge(default: _T, own: _T, unset: _T) -> _T:
    if isinstance(default, dict) and isinstance(own, dict):
        return {**default, **own}  # type: ignore[return-value]
    return default if own == unset else own
