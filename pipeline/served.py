"""The nodes that find the model that is served, or what it learned from."""

from __future__ import annotations

from tfx.dsl.components.base import base_node

from components import baseline
from components import drift
from data import logged
from data import plain
from data import storage
from pipeline.cluster import WARM_START_MODEL
from pipeline.config import Config
from pipeline.own_code import code_fingerprint


def latest(config: Config) -> base_node.BaseNode:
    """Returns the node that finds the latest blessed model."""
    return baseline.LatestBlessedModel(base=config.push.folder, newest=_seen(config))


def _seen(config: Config) -> str:
    return "" if config.pipeline.engine.remote else baseline.seen(config.push.folder)


def requests(config: Config) -> tuple[str, ...]:
    """Returns what tells the logged requests from others; nothing of those of a cluster."""
    if config.drift is None or not config.drift.requests or config.pipeline.engine.remote:
        return ()
    paths = logged.files(config.drift.requests, required=False)
    return tuple(storage.fingerprint(storage.at(path)) for path in paths)


def compared(config: Config) -> str | None:
    """Returns what the validator compares examples by as JSON, None where it does not."""
    if config.drift is None:
        return None
    job = drift.Job(
        config.drift,
        config.features,
        base=config.push.folder,
        newest=_seen(config),
        files=requests(config),
        code=code_fingerprint(),
    )
    return plain.to_json(job)


def warm_start(config: Config, transform: base_node.BaseNode) -> base_node.BaseNode:
    """Returns the one that finds what training goes on from, as it is served by then."""
    node = latest(config).with_id(WARM_START_MODEL)
    node.add_upstream_node(transform)
    return node
