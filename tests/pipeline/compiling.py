"""Configurations as engines are to run them, compiled, and what the nodes wait for."""

from __future__ import annotations

import dataclasses
from typing import Any

import yaml

from data import plain
from pipeline import compiler
from pipeline import dag
from pipeline import decode
from pipeline import deployment
from pipeline.cluster import ClusterConfig
from pipeline.config import Config
from pipeline.config import Engine

PLACE = {"image": "ranking:1", "tpu_image": "ranking:1-tpu", "root": "gs://bucket/ranking"}


def config(name: str = "synthetic", **cluster: Any) -> Config:
    found = decode.load(name)
    table = plain.decode(ClusterConfig, {**PLACE, **cluster}, "cluster")
    train = dataclasses.replace(found.train, list_size=20) if name == "synthetic" else found.train
    return dataclasses.replace(found, cluster=table, train=train)


def compiled(found: Config, engine: Engine = Engine.KUBEFLOW) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(compiler.render(deployment.deployed(found, engine))))


def graph(found: Config) -> dict[str, tuple[set[str], set[str]]]:
    """The nodes with those each waits for and the names of its parameters."""
    return {
        node.id: (
            {before.id for before in node.upstream_nodes},
            {name for name, value in node.exec_properties.items() if value is not None},
        )
        for node in dag.create_pipeline(found).components
    }
