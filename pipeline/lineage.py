"""Looking up what a local run left in ML Metadata."""

from __future__ import annotations

import os

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.orchestration import metadata

from pipeline import dag
from pipeline.config import Config

Artifacts = dict[str, mlmd.Artifact]
DONE = (mlmd.Execution.COMPLETE, mlmd.Execution.CACHED)


def outputs(config: Config) -> dict[str, Artifacts]:
    """Returns each node's newest outputs by name; nothing for nodes that never ran."""
    store = store_of(config)
    if store is None:
        return {}
    prefix = f"{config.pipeline.name}."
    nodes = store.get_contexts_by_type("node")
    return {
        node.name.removeprefix(prefix): _newest(store, node.id)
        for node in nodes
        if node.name.startswith(prefix)
    }


def store_of(config: Config) -> metadata_store.MetadataStore | None:
    """Returns the ML Metadata of local runs, None where there was no run yet."""
    path = dag.metadata_path(config)
    if not os.path.exists(path):
        return None
    return metadata_store.MetadataStore(metadata.sqlite_metadata_connection_config(path))


def _newest(store: metadata_store.MetadataStore, context: int) -> Artifacts:
    done = [e for e in store.get_executions_by_context(context) if e.last_known_state in DONE]
    if not done:
        return {}
    newest = max(done, key=lambda execution: execution.create_time_since_epoch)
    events = store.get_events_by_execution_ids([newest.id])
    names = {
        event.artifact_id: event.path.steps[0].key
        for event in events
        if event.type in (mlmd.Event.OUTPUT, mlmd.Event.DECLARED_OUTPUT) and event.path.steps
    }
    return {names[a.id]: a for a in store.get_artifacts_by_id(list(names))}
