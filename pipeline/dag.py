"""The pipeline: which nodes, and what flows between them. Every engine runs this one."""

from __future__ import annotations

import json
import os

from ml_metadata.proto import metadata_store_pb2
from tfx import types
from tfx.dsl.components.base import base_beam_component
from tfx.dsl.components.base import base_node
from tfx.orchestration import data_types
from tfx.orchestration import metadata
from tfx.orchestration.pipeline import Pipeline
from tfx.proto import trainer_pb2

from components import evaluator
from components import lambdamart
from components import trainer
from components import tuner
from components.checks import ServingChecks
from components.pusher import Pusher
from components.report import collect
from components.report.component import RunReport
from data import plain
from pipeline import ingestion
from pipeline import served
from pipeline.config import Config
from pipeline.evaluation import LIGHTGBM
from pipeline.examples import CATALOGUE
from pipeline.examples import SPAN
from pipeline.examples import TRAIN
from pipeline.examples import VALIDATION
from pipeline.own_code import code_fingerprint
from pipeline.own_code import path_of

PARAMETERS = {
    SPAN: "The spans of the logs: numbers or days, such as 2026-11-20 or 18..20; empty: the newest."
}
"""What each parameter of a run means."""


def create_pipeline(config: Config, why: str = "") -> Pipeline:
    """Builds the pipeline of a configuration.

    Args:
      config: The configuration.
      why: Why its spans are trained on, in a sentence.
    """
    return Pipeline(
        pipeline_name=config.pipeline.name,
        pipeline_root=os.path.join(config.pipeline.folder, "artifacts"),
        components=create_nodes(config, why),
        enable_cache=config.pipeline.cache,
        metadata_connection_config=_metadata_store(config),
    )


def _metadata_store(config: Config) -> metadata_store_pb2.ConnectionConfig | None:
    if config.pipeline.engine.remote:
        return None
    return metadata.sqlite_metadata_connection_config(metadata_path(config))


def parameters(config: Config) -> list[data_types.RuntimeParameter]:
    """Returns what a run on a cluster may be told; a local run reads the configuration alone."""
    if not config.pipeline.engine.remote or not config.examples.has_spans:
        return []
    default = config.examples.span
    return [data_types.RuntimeParameter(SPAN, ptype=str, default=default)]


def metadata_path(config: Config) -> str:
    """Returns the file of the local ML Metadata store."""
    return os.path.join(config.pipeline.folder, "metadata.sqlite")


def create_nodes(config: Config, why: str = "") -> list[base_node.BaseNode]:
    """Builds the nodes in the order they run."""
    nodes = ingestion.nodes(config, why, next(iter(parameters(config)), None))
    nodes += _modelling(config, {node.id: node for node in nodes})
    nodes.append(_report(config, {node.id: node for node in nodes}))
    _give_beam_options(config, nodes)
    return nodes


def _give_beam_options(config: Config, nodes: list[base_node.BaseNode]) -> None:
    engine = config.pipeline.engine.value
    for node in nodes:
        if isinstance(node, base_beam_component.BaseBeamComponent):
            node.with_beam_pipeline_args(config.beam.arguments(node.id, engine))


def _modelling(config: Config, before: dict[str, base_node.BaseNode]) -> list[base_node.BaseNode]:
    transform_node = before["Transform"]
    examples = before["RankingExampleGen"].outputs["examples"]
    schema = before["RankingSchema"].outputs["schema"]
    inputs = {
        "examples": transform_node.outputs["transformed_examples"],
        "transform_graph": transform_node.outputs["transform_graph"],
        "schema": schema,
        "train_args": trainer_pb2.TrainArgs(splits=list(config.examples.training_splits)),
        "eval_args": trainer_pb2.EvalArgs(splits=[VALIDATION]),
    }
    search, best = [], None
    if config.tuner.trials:
        custom = _tuner_config(config)
        search = [tuner.Tuner(tuner_fn=path_of(tuner.tuner_fn), custom_config=custom, **inputs)]
        best = search[0].outputs["best_hyperparameters"]
    base = [served.warm_start(config, transform_node)] if config.train.warm_start else []
    trainer_node = trainer.Trainer(
        run_fn=path_of(trainer.run_fn),
        custom_config=_trainer_config(config),
        hyperparameters=best,
        base_model=base[0].outputs["model"] if base else None,
        **inputs,
    )
    model = trainer_node.outputs["model"]
    trees = _trees(config, examples)
    blessed, evaluator_node = _gate(config, examples, schema, model, trees)
    blessed.add_upstream_node(trainer_node)  # to find what is served then, not hours before
    checks = _checks(config, examples, model)
    pusher = _pusher(config, before, model, evaluator_node, checks)
    return [*search, *base, trainer_node, *trees, blessed, evaluator_node, checks, pusher]


def _checks(
    config: Config, examples: types.BaseChannel, model: types.BaseChannel
) -> base_node.BaseNode:
    return ServingChecks(
        model=model,
        examples=examples,
        split=config.examples.evaluation_split,
        settings=plain.to_json(config.serving.checks),
        requests=config.drift.requests if config.drift else "",
        logged_files=" ".join(served.requests(config)),
        code=code_fingerprint(),
    )


def _trees(config: Config, examples: types.BaseChannel) -> list[base_node.BaseNode]:
    if LIGHTGBM not in config.evaluation.yardsticks:
        return []
    node = lambdamart.LambdaMart(
        examples=examples,
        spec=plain.to_json(config.features),
        training=json.dumps(config.examples.training_splits),
        validation=VALIDATION,
        code=code_fingerprint(),
    )
    return [node]


def _pusher(
    config: Config,
    before: dict[str, base_node.BaseNode],
    model: types.BaseChannel,
    evaluator_node: base_node.BaseNode,
    checks: base_node.BaseNode,
) -> base_node.BaseNode:
    return Pusher(
        model=model,
        model_blessing=evaluator_node.outputs["blessing"],
        infra_blessing=checks.outputs["blessing"],
        evaluation=evaluator_node.outputs["evaluation"],
        examples=before["RankingExampleGen"].outputs["examples"],
        statistics=before["StatisticsGen"].outputs["statistics"],
        base=config.push.folder,
        keep=config.push.keep,
        share=config.push.canary,
        metrics=config.evaluation.metrics,
        contract=config.evaluation.metric_contract.describe(),
        config=plain.to_json(config),
    )


def _gate(
    config: Config,
    examples: types.BaseChannel,
    schema: types.BaseChannel,
    model: types.BaseChannel,
    trees: list[base_node.BaseNode],
) -> tuple[base_node.BaseNode, base_node.BaseNode]:
    blessed = served.latest(config)
    node = evaluator.Evaluator(
        examples=examples,
        split=config.examples.evaluation_split,
        model=model,
        baseline_model=blessed.outputs["model"],
        schema=schema,
        trees=trees[0].outputs["trees"] if trees else None,
        config=config.evaluation,
        features=config.features,
    )
    return blessed, node


def _report(config: Config, nodes: dict[str, base_node.BaseNode]) -> base_node.BaseNode:
    return RunReport(
        examples=nodes["RankingExampleGen"].outputs["examples"],
        statistics=nodes["StatisticsGen"].outputs["statistics"],
        anomalies=nodes["ExampleValidator"].outputs["anomalies"],
        model=nodes["Trainer"].outputs["model"],
        model_run=nodes["Trainer"].outputs["model_run"],
        baseline_model=nodes["LatestBlessedModel"].outputs["model"],
        evaluation=nodes["Evaluator"].outputs["evaluation"],
        blessing=nodes["Evaluator"].outputs["blessing"],
        checks=nodes["ServingChecks"].outputs["blessing"],
        pushed_model=nodes["Pusher"].outputs["pushed_model"],
        settings=plain.to_json(report_settings(config)),
        code=code_fingerprint(),
    )


def report_settings(config: Config) -> collect.Settings:
    """Returns what the report of a run has to know of its configuration."""
    evaluation = config.evaluation
    return collect.Settings(
        pipeline=config.pipeline.name,
        splits=tuple(name for name in config.examples.split_names if name != CATALOGUE),
        train=TRAIN,
        split=config.examples.evaluation_split,
        features=config.features,
        metrics=evaluation.metrics,
        gated=tuple(evaluation.thresholds),
        contract=evaluation.metric_contract,
        metric=config.train.metric,
        report=config.report,
        values=dict(collect.flat(json.loads(plain.to_json(config)))),
    )


def _trainer_config(config: Config) -> dict[str, object]:
    interactions = config.examples.interactions if config.examples.has_catalogue else None
    return {
        "spec": plain.to_json(config.features),
        "family": config.model.family,
        "settings": plain.to_json(config.model.settings),
        "train": plain.to_json(config.train),
        "per_document": config.serving.per_document,
        "history": config.serving.history,
        "user": interactions.user_column if interactions else "",
        "metrics": list(config.evaluation.training_metrics),
        "contract": plain.to_json(config.evaluation.metric_contract),
        "state_dir": config.pipeline.training_folder,
        "code": code_fingerprint(config.model.family),
    }


def _tuner_config(config: Config) -> dict[str, object]:
    return {
        **_trainer_config(config),
        "tuner": plain.to_json(config.tuner),
        "state_dir": os.path.join(config.pipeline.folder, "tuning"),
    }
