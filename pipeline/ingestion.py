"""The nodes from the logs to what is trained on."""

from __future__ import annotations

from tfx import components as tfx_components
from tfx import types
from tfx.dsl.components.base import base_node
from tfx.orchestration import data_types
from tfx.proto import transform_pb2

from components import statistics
from components import transform
from components.batched_transform import Transform
from components.example_gen.component import RankingExampleGen
from components.schema import RankingSchema
from components.validator import ExampleValidator
from data import plain
from pipeline import served
from pipeline.config import Config
from pipeline.examples import CATALOGUE
from pipeline.examples import TRAIN
from pipeline.own_code import code_fingerprint
from pipeline.own_code import path_of


def nodes(
    config: Config, why: str, span: data_types.RuntimeParameter | None
) -> list[base_node.BaseNode]:
    """Builds the nodes in the order they run.

    Args:
      config: The configuration.
      why: Why its spans are trained on, in a sentence.
      span: The parameter of a run that names its spans.
    """
    spec, code = plain.to_json(config.features), code_fingerprint()
    example_gen = RankingExampleGen(
        config.examples,
        config.features,
        code=code,
        why=why,
        span=span,
        elsewhere=config.pipeline.engine.remote,
    )
    examples = example_gen.outputs["examples"]
    statistics_gen = tfx_components.StatisticsGen(
        examples=examples,
        stats_options=statistics.options(config.features),
        exclude_splits=[CATALOGUE] if config.examples.has_catalogue else None,
    )
    schema_gen = RankingSchema(spec=spec, code=code)
    schema = schema_gen.outputs["schema"]
    validator = _validator(config, examples, statistics_gen.outputs["statistics"], schema)
    transform_node = _transform(config, examples, schema)
    transform_node.add_upstream_node(validator)  # takes nothing from it, but must not run without
    return [example_gen, statistics_gen, schema_gen, validator, transform_node]


def _validator(
    config: Config,
    examples: types.BaseChannel,
    statistics: types.BaseChannel,
    schema: types.BaseChannel,
) -> base_node.BaseNode:
    compared = served.compared(config)
    return ExampleValidator(
        statistics=statistics,
        schema=schema,
        examples=examples if compared else None,
        drift=compared,
    )


def _transform(
    config: Config, examples: types.BaseChannel, schema: types.BaseChannel
) -> base_node.BaseNode:
    return Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn=path_of(transform.preprocessing_fn),
        splits_config=transform_pb2.SplitsConfig(
            analyze=[TRAIN], transform=list(config.examples.learned_splits)
        ),
        custom_config={
            "spec": plain.to_json(config.features),
            "code": code_fingerprint(),
            "identifiers": config.examples.has_catalogue,
        },
        disable_statistics=True,
        disable_analyzer_cache=True,  # no later run would read it
    )
