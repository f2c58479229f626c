"""What is given to Kubeflow Pipelines to run: versions of a pipeline, and runs of them."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import tempfile
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kfp_server_api

from data.errors import InputError
from data.errors import did_you_mean
from pipeline.client import MissingError
from pipeline.client import Server
from pipeline.config import Config
from pipeline.deployment import kubernetes_name

NEWEST = "created_at desc"
DIGITS = 12
"""Of the content's hash in a version's name."""


@dataclasses.dataclass(frozen=True)
class Version:
    """One version of an uploaded pipeline.

    Attributes:
      pipeline_id: The pipeline's id.
      version_id: Its own id.
      name: Its name: when it was uploaded and the hash of its content.
      parameters: By name, the types of what a run may be told; None where the server does not say.
      new: Whether it was uploaded just now.
    """

    pipeline_id: str
    version_id: str
    name: str
    parameters: Mapping[str, str] | None = None
    new: bool = False

    @property
    def reference(self) -> kfp_server_api.V2beta1PipelineVersionReference:
        """How runs name it."""
        return kfp_server_api.V2beta1PipelineVersionReference(
            pipeline_id=self.pipeline_id, pipeline_version_id=self.version_id
        )

    def arguments(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Returns values for parameters in the types that the pipeline gives them.

        Raises:
          InputError: It has no such parameter, or the value is of another type.
        """
        known = self.parameters
        if known is None:
            return dict(given)
        for name in given:
            if name not in known:
                there = ", ".join(known) or "none"
                raise InputError(
                    f"parameter '{name}': version '{self.name}' has no such parameter, but {there}."
                    f"{did_you_mean(name, known)}"
                )
        return {name: _typed(name, value, known[name]) for name, value in given.items()}


def _typed(name: str, value: str, kind: str) -> Any:
    if kind in ("STRING", "TASK_FINAL_STATUS"):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise InputError(f"parameter '{name}': expected {kind}, found '{value}'") from None


def upload(server: Server, name: str, text: str) -> Version:
    """Uploads a compiled pipeline; the newest version is returned if it has the same content.

    Args:
      server: Where to.
      name: The pipeline's name.
      text: The compiled file.
    """
    digest = hashlib.sha256(text.encode()).hexdigest()[:DIGITS]
    pipeline_id = find(server, name) or _create(server, name)
    newest = next(_versions(server, pipeline_id), None)
    if newest and newest.name.endswith(digest):
        return newest
    now = datetime.datetime.now(datetime.timezone.utc)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.yaml"
        path.write_text(text, encoding="utf-8")
        made = server.call(
            server.api.pipeline_uploads.upload_pipeline_version,
            uploadfile=str(path),
            name=f"{now:%Y-%m-%d-%H%M%S}-{digest}",
            pipelineid=pipeline_id,
        )
    return dataclasses.replace(_version(made), new=True)


def version(server: Server, name: str, wanted: str = "") -> Version:
    """Returns an uploaded version of a pipeline: the one of that name, or the newest.

    Raises:
      InputError: There is none.
    """
    pipeline_id = find(server, name)
    if pipeline_id is None:
        raise InputError(f"no pipeline '{name}' at {server.host}: 'upload' brings it there")
    chosen = {"filter": _where("EQUALS", wanted)} if wanted else {}
    found = next(_versions(server, pipeline_id, **chosen), None)
    if found is None:
        which = f" '{wanted}'" if wanted else ""
        raise InputError(f"pipeline '{name}' has no version{which} at {server.host}")
    return found


def start(server: Server, config: Config, chosen: Version, given: Mapping[str, str]) -> str:
    """Starts a run of a version; returns the run's id.

    Args:
      server: Where.
      config: The configuration as it is deployed: experiment, folder, service account.
      chosen: The version.
      given: Values of parameters.
    """
    now = datetime.datetime.now(datetime.timezone.utc)
    body = kfp_server_api.V2beta1Run(
        display_name=f"{config.pipeline.name} {now:%Y-%m-%d %H:%M:%S}",
        experiment_id=experiment(server, config, create=True),
        pipeline_version_reference=chosen.reference,
        runtime_config=runtime(config, chosen, given),
        service_account=config.cluster.service_account or None,
    )
    return server.call(server.api.runs.create_run, body=body).run_id


def runtime(
    config: Config, chosen: Version, given: Mapping[str, str]
) -> kfp_server_api.V2beta1RuntimeConfig:
    """Returns what a run is told: the values of its parameters and the folder of its artifacts."""
    return kfp_server_api.V2beta1RuntimeConfig(
        parameters=chosen.arguments(given), pipeline_root=config.pipeline.root
    )


def experiment(server: Server, config: Config, *, create: bool = False) -> str | None:
    """Returns the id of the experiment that runs are listed under; None if it is not there."""
    name = config.cluster.experiment or kubernetes_name(config.pipeline.name)
    there = server.pages(
        server.api.experiments.list_experiments,
        "experiments",
        filter=_where("EQUALS", name),
        **_namespace(server),
    )
    found = next(there, None)
    if found is None and create:
        body = kfp_server_api.V2beta1Experiment(display_name=name, namespace=server.namespace)
        found = server.call(server.api.experiments.create_experiment, body=body)
    return found and found.experiment_id


def find(server: Server, name: str) -> str | None:
    """Returns the id of an uploaded pipeline; None if it is not there."""
    by_name = server.api.pipelines.get_pipeline_by_name
    try:
        return server.call(by_name, name=name, **_namespace(server)).pipeline_id
    except MissingError:
        return None


def _create(server: Server, name: str) -> str:
    body = kfp_server_api.V2beta1Pipeline(display_name=name, namespace=server.namespace)
    return server.call(server.api.pipelines.create_pipeline, body=body).pipeline_id


def _versions(server: Server, pipeline_id: str, **chosen: str) -> Iterator[Version]:
    listing = server.api.pipelines.list_pipeline_versions
    for found in server.pages(
        listing, "pipeline_versions", pipeline_id=pipeline_id, sort_by=NEWEST, **chosen
    ):
        yield _version(found)


def _version(found: kfp_server_api.V2beta1PipelineVersion) -> Version:
    spec = found.pipeline_spec or {}
    root = spec.get("pipeline_spec", spec).get("root")
    known = root and root.get("inputDefinitions", {}).get("parameters", {})
    return Version(
        found.pipeline_id,
        found.pipeline_version_id,
        found.display_name,
        None if known is None else {name: about["parameterType"] for name, about in known.items()},
    )


def _where(operation: str, name: str) -> str:
    predicate = {"operation": operation, "key": "display_name", "string_value": name}
    return json.dumps({"predicates": [predicate]})


def _namespace(server: Server) -> dict[str, str]:
    return {"namespace": server.namespace} if server.namespace else {}
