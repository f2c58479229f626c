"""The nodes that find the model that is served."""

from __future__ import annotations

from tfx.dsl.components.base import base_node

from components import baseline
from pipeline.cluster import WARM_START_MODEL
from pipeline.config import Config


def latest(config: Config) -> base_node.BaseNode:
    """Returns the node that finds the latest blessed model."""
    base = config.push.folder
    seen = "" if config.pipeline.engine.remote else baseline.seen(base)
    return baseline.LatestBlessedModel(base=base, newest=seen)


def warm_start(config: Config, transform: base_node.BaseNode) -> base_node.BaseNode:
    """Returns the one that finds what training goes on from, as it is served by then."""
    node = latest(config).with_id(WARM_START_MODEL)
    node.add_upstream_node(transform)
    return node
