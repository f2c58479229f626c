"""Looking up what local runs left in ML Metadata."""

from __future__ import annotations

import dataclasses
import os

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.orchestration import metadata

from data.errors import InputError
from data.errors import did_you_mean
from pipeline import dag
from pipeline.config import Config

Artifacts = dict[str, mlmd.Artifact]
ERROR = "error"
"""The property of a failed execution that says why."""
DONE = (mlmd.Execution.COMPLETE, mlmd.Execution.CACHED)


@dataclasses.dataclass(frozen=True)
class Node:
    """A node in a run.

    Attributes:
      name: The node.
      state: complete, cached, failed or running.
      seconds: From its start to the last that was heard of it.
      outputs: Its artifacts by name.
      error: Why it failed; empty where it did not, or was cut off.
    """

    name: str
    state: str
    seconds: float
    outputs: Artifacts
    error: str = ""


@dataclasses.dataclass(frozen=True)
class Run:
    """A run of the pipeline.

    Attributes:
      name: When it began, as TFX names it.
      nodes: Those that began, in that order.
    """

    name: str
    nodes: tuple[Node, ...]

    @property
    def found(self) -> dict[str, Artifacts]:
        """The artifacts by node and name."""
        return {node.name: node.outputs for node in self.nodes}


def outputs(config: Config) -> dict[str, Artifacts]:
    """Returns each node's newest outputs by name; nothing for nodes that never ran."""
    store = store_of(config)
    return {} if store is None else {n: _newest(store, i) for n, i in _nodes(store, config).items()}


def runs(config: Config) -> list[Run]:
    """Returns the local runs, oldest first."""
    store = store_of(config)
    if store is None:
        return []
    names = {
        execution.id: name
        for name, context in _nodes(store, config).items()
        for execution in store.get_executions_by_context(context)
    }
    found = []
    for context in store.get_contexts_by_type("pipeline_run"):
        executions = store.get_executions_by_context(context.id)
        executions.sort(key=lambda execution: (execution.create_time_since_epoch, execution.id))
        nodes = tuple(_node(store, e, names[e.id]) for e in executions if e.id in names)
        if nodes:
            found.append(Run(context.name, nodes))
    return sorted(found, key=lambda run: run.name)


def find(config: Config, name: str = "") -> Run:
    """Returns a run by its name or how that begins; the newest one if it says nothing.

    Raises:
      InputError: There is no such run, or there are several.
    """
    known = runs(config)
    if not known:
        raise InputError(f"{config.pipeline.root}: found no local run of {config.pipeline.name}")
    fits = [run for run in known if run.name.startswith(name)] if name else known[-1:]
    if len(fits) != 1:
        names = [run.name for run in known]
        what = f"{len(fits)} runs" if fits else "no run"
        near = "" if fits else did_you_mean(name, names)
        raise InputError(f"run: found {what} '{name}', expected one of {', '.join(names)}.{near}")
    return fits[0]


def store_of(config: Config) -> metadata_store.MetadataStore | None:
    """Returns the ML Metadata of local runs, None where there was no run yet."""
    path = dag.metadata_path(config)
    if not os.path.exists(path):
        return None
    return metadata_store.MetadataStore(metadata.sqlite_metadata_connection_config(path))


def record_error(config: Config, error: Exception) -> None:
    """Writes down why the newest execution failed, which TFX does not."""
    store = store_of(config)
    executions = store.get_executions() if store is not None else []
    if store is None or not executions:
        return
    newest = max(executions, key=lambda execution: execution.id)
    if newest.last_known_state == mlmd.Execution.FAILED:
        newest.custom_properties[ERROR].string_value = str(error) or type(error).__name__
        store.put_executions([newest])


def _nodes(store: metadata_store.MetadataStore, config: Config) -> dict[str, int]:
    """Returns the contexts of nodes by their names."""
    prefix = f"{config.pipeline.name}."
    return {
        node.name.removeprefix(prefix): node.id
        for node in store.get_contexts_by_type("node")
        if node.name.startswith(prefix)
    }


def _newest(store: metadata_store.MetadataStore, context: int) -> Artifacts:
    done = [e for e in store.get_executions_by_context(context) if e.last_known_state in DONE]
    if not done:
        return {}
    return _outputs(store, max(done, key=lambda execution: execution.create_time_since_epoch))


def _outputs(store: metadata_store.MetadataStore, execution: mlmd.Execution) -> Artifacts:
    events = store.get_events_by_execution_ids([execution.id])
    names = {
        event.artifact_id: event.path.steps[0].key
        for event in events
        if event.type in (mlmd.Event.OUTPUT, mlmd.Event.DECLARED_OUTPUT) and event.path.steps
    }
    return {names[a.id]: a for a in store.get_artifacts_by_id(list(names))}


def _node(store: metadata_store.MetadataStore, execution: mlmd.Execution, name: str) -> Node:
    took = execution.last_update_time_since_epoch - execution.create_time_since_epoch
    return Node(
        name=name,
        state=mlmd.Execution.State.Name(execution.last_known_state).lower(),
        seconds=took / 1000,
        outputs=_outputs(store, execution) if execution.last_known_state in DONE else {},
        error=execution.custom_properties[ERROR].string_value,
    )
