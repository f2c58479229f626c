"""The ExampleGen node."""

from __future__ import annotations

from google.protobuf import any_pb2
from google.protobuf import wrappers_pb2
from tfx.components.example_gen import component
from tfx.dsl.components.base import executor_spec
from tfx.proto import example_gen_pb2
from tfx.proto import range_config_pb2

from components.example_gen import executor
from data import plain
from data.features import FeatureSpec
from pipeline.config import ExamplesConfig


class RankingExampleGen(component.FileBasedExampleGen):
    """TFX's file-based ExampleGen, with its spans and versions, run by our executor.

    Args:
      config: The raw logs.
      spec: Their columns.
      code: A fingerprint of the code, for the cache.
    """

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(self, config: ExamplesConfig, spec: FeatureSpec, *, code: str) -> None:
        custom = example_gen_pb2.CustomConfig()
        packed = any_pb2.Any()
        job = executor.Job(config, spec, code)
        packed.Pack(wrappers_pb2.StringValue(value=plain.to_json(job)))
        custom.custom_config.CopyFrom(packed)
        span_range = None
        if config.span:
            static = range_config_pb2.StaticRange(
                start_span_number=config.span, end_span_number=config.span
            )
            span_range = range_config_pb2.RangeConfig(static_range=static)
        super().__init__(
            input_base=config.base,
            input_config=input_config(config),
            output_config=example_gen_pb2.Output(),  # the executor names and divides the splits
            range_config=span_range,
            custom_config=custom,
        )


def input_config(config: ExamplesConfig) -> example_gen_pb2.Input:
    """Returns the patterns of the files, split by split."""
    split = example_gen_pb2.Input.Split
    return example_gen_pb2.Input(
        splits=[split(name=name, pattern=pattern) for name, pattern in config.splits.items()]
    )
