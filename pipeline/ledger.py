"""The ledger of spans: what finished runs trained on, as ML Metadata has it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from components.example_gen.executor import SPANS
from pipeline.config import Config
from pipeline.lineage import DONE
from pipeline.lineage import store_of
from pipeline.spans import Span

FIRST, LAST = "RankingExampleGen", "Pusher"
"""The nodes that begin and end a run: a span counts as trained once the last has ended."""


def trained(config: Config) -> dict[int, int]:
    """Returns the spans that finished runs trained on, and the newest version of each.

    A run finishes whether its model is published or refused; one that failed, or was killed before
    its end, trained on nothing.
    """
    found: dict[int, int] = {}
    for spans in runs(config):
        for span in spans:
            found[span.span] = max(span.version, found.get(span.span, 0))
    return found


def runs(config: Config) -> list[tuple[Span, ...]]:
    """Returns the spans of each finished run."""
    store = store_of(config)
    if store is None:
        return []
    name = config.pipeline.name
    finished = {run for run, _ in _executions(store, f"{name}.{LAST}")}
    started = _executions(store, f"{name}.{FIRST}")
    return [tuple(_spans(store, execution)) for run, execution in started if run in finished]


def _executions(
    store: metadata_store.MetadataStore, node: str
) -> Iterator[tuple[int, mlmd.Execution]]:
    """Yields what a node did to its end, each with the id of its run."""
    context = store.get_context_by_type_and_name("node", node)
    if context is None:
        return
    for execution in store.get_executions_by_context(context.id):
        if execution.last_known_state in DONE:
            for around in store.get_contexts_by_execution(execution.id):
                if around.type == "pipeline_run":
                    yield around.id, execution


def _spans(store: metadata_store.MetadataStore, execution: mlmd.Execution) -> Iterator[Span]:
    events = store.get_events_by_execution_ids([execution.id])
    outputs = [event.artifact_id for event in events if event.type == mlmd.Event.OUTPUT]
    for artifact in store.get_artifacts_by_id(outputs):
        for span, version in json.loads(artifact.custom_properties[SPANS].string_value or "[]"):
            yield Span(span, version)
