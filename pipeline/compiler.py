"""The pipeline as Kubeflow Pipelines and Vertex AI read it: one YAML file.

The first document is the pipeline's intermediate representation, schema 2.1.0, by TFX's own
compiler with what that leaves out put right; for Kubeflow a second one says what TFX has no words
for, the Kubernetes side of each node.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import yaml
from google.protobuf import json_format
from tfx.dsl.compiler import compiler
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
from tfx.orchestration.kubeflow.v2.kubeflow_v2_dag_runner import KubeflowV2DagRunnerConfig

from components import entrypoint
from components.report.component import TITLE
from components.report.component import Html
from pipeline import dag
from pipeline import platform
from pipeline.cluster import SERVING_CHECKS
from pipeline.cluster import VALIDATOR
from pipeline.cluster import WARM_START_MODEL
from pipeline.cluster import ClusterConfig
from pipeline.config import Config
from pipeline.config import Engine

COMMAND = ("python", "-m", entrypoint.__name__)

FRESH = ("RankingExampleGen", "LatestBlessedModel", WARM_START_MODEL)
"""Nodes whose result an engine must not take from its cache: it does not see what they read."""


def render(config: Config) -> str:
    """Returns the file for a configuration as it is deployed on its engine.

    For the local engine that is TFX's own representation of the pipeline, to look at or compare.

    Raises:
      InputError: The engine cannot do what a node asks for.
    """
    if not config.pipeline.engine.remote:
        graph = compiler.Compiler().compile(dag.create_pipeline(config))
        return yaml.safe_dump(json.loads(json_format.MessageToJson(graph)), width=100)
    kubernetes = config.pipeline.engine is Engine.KUBEFLOW
    if not kubernetes:
        platform.check_vertex(config)
    documents = [specification(config)]
    if kubernetes and (nodes := platform.kubernetes(config, list(_tasks(documents[0])))):
        documents.append(nodes)
    return yaml.safe_dump_all(documents, width=100)


def specification(config: Config) -> dict[str, Any]:
    """Returns the pipeline's intermediate representation as plain values."""
    pipeline = dag.create_pipeline(config)
    options = KubeflowV2DagRunnerConfig(
        default_image=config.cluster.image,
        default_commands=list(COMMAND),
        use_pipeline_spec_2_1=True,
    )
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(options)
    spec = runner.run(pipeline, write_out=False)["pipelineSpec"]
    spec["defaultPipelineRoot"] = config.pipeline.root
    for parameter in dag.parameters(config):
        spec["root"]["inputDefinitions"]["parameters"][parameter.name].update(
            defaultValue=parameter.default,
            isOptional=True,
            description=dag.PARAMETERS[parameter.name],
        )
    executors = spec["deploymentSpec"]["executors"]
    for name, task in _tasks(spec).items():
        container = executors[spec["components"][name]["executorLabel"]]["container"]
        container.pop("lifecycle", None)  # the driver; our command runs it
        container.update(_container(config.cluster, config.pipeline.engine, name))
        task.update(_task(config.cluster, name))
        if name in _fresh(config):
            task["cachingOptions"] = {}
    for component in spec["components"].values():
        _show_pages(component)
    return spec


def _fresh(config: Config) -> tuple[str, ...]:
    """Returns `FRESH` and what reads the served model's data or logged requests."""
    if config.drift is None:
        return FRESH
    return (*FRESH, VALIDATOR, *([SERVING_CHECKS] if config.drift.requests else []))


def _show_pages(component: dict[str, Any]) -> None:
    """Gives pages the type that Kubeflow Pipelines shows; TFX has no words for it."""
    for artifact in component.get("outputDefinitions", {}).get("artifacts", {}).values():
        schema = yaml.safe_load(artifact["artifactType"].get("instanceSchema", "{}"))
        if schema.get("title") == Html.TYPE_NAME:
            artifact["artifactType"] = {"schemaTitle": TITLE, "schemaVersion": "0.0.1"}


def _tasks(spec: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return spec["root"]["dag"]["tasks"]


def _container(cluster: ClusterConfig, engine: Engine, name: str) -> dict[str, Any]:
    node = cluster.node(name)
    image = node.image or (cluster.tpu_image if node.tpu else cluster.image)
    variables = {**(node.tpu.kind.env if node.tpu else {}), **node.env}
    env = [{"name": name, "value": value} for name, value in sorted(variables.items())]
    resources = platform.resources(node, engine)
    return {
        "image": image,
        **({"env": env} if env else {}),
        **({"resources": resources} if resources else {}),
    }


def _task(cluster: ClusterConfig, name: str) -> dict[str, Any]:
    retries = cluster.node(name).retries
    if not retries:
        return {}
    return {
        "retryPolicy": {
            "maxRetryCount": retries,
            "backoffDuration": "60s",
            "backoffFactor": 2.0,
            "backoffMaxDuration": "3600s",
        }
    }
