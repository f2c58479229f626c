"""ExampleValidator that stops the pipeline, each anomaly named in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx import types
from tfx.components.example_validator import executor
from tfx.dsl.components.base import base_component
from tfx.dsl.components.base import executor_spec
from tfx.types import artifact_utils
from tfx.types import component_spec
from tfx.types import standard_artifacts
from tfx.types import standard_component_specs
from tfx.utils import io_utils
from tfx.utils import json_utils

from components import drift
from data import plain
from data.errors import InputError

EXAMPLES, DRIFT = "examples", "drift"


class Executor(executor.Executor):
    """TFX's executor, which only reports, and then a look at what it reported."""

    def Do(  # noqa: N802  TFX's name
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Validates; raises InputError with all anomalies of all splits when there is any.

        Sound examples are compared with those of the served version, where that is asked for.
        """
        # What TFX's executor returns has the artifact as it is before our properties.
        super().Do(input_dict, output_dict, exec_properties)
        artifact = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.ANOMALIES_KEY]
        )
        lines = []
        for split in artifact_utils.decode_split_names(artifact.split_names):
            anomalies = anomalies_pb2.Anomalies()
            uri = artifact_utils.get_split_uri([artifact], split)
            anomalies.ParseFromString(
                io_utils.read_bytes_file(f"{uri}/{executor.DEFAULT_FILE_NAME}")
            )
            lines += [f"{split}: {line}" for line in describe(anomalies)]
        if lines:
            raise InputError("the examples do not fit the schema: " + "; ".join(lines))
        if settings := exec_properties.get(DRIFT):
            drifted, found = drift.look(
                plain.from_json(drift.Job, settings),
                input_dict[standard_component_specs.STATISTICS_KEY],
                artifact_utils.get_single_instance(input_dict[EXAMPLES]),
            )
            if drifted:
                raise InputError("the examples drifted: " + "; ".join(drifted))
            for name, text in found.items():
                artifact.set_string_custom_property(name, text)


def describe(anomalies: anomalies_pb2.Anomalies) -> Iterator[str]:
    """Yields each anomaly in plain words.

    >>> anomalies = anomalies_pb2.Anomalies()
    >>> anomalies.anomaly_info["price"].reason.add(
    ...     short_description="Column dropped", description="Column is completely missing"
    ... )
    short_description: "Column dropped"
    description: "Column is completely missing"
    <BLANKLINE>
    >>> list(describe(anomalies))
    ["feature 'price': Column dropped (Column is completely missing)"]
    """
    if anomalies.data_missing:
        yield "there are no examples"
    if anomalies.HasField("dataset_anomaly_info"):
        yield anomalies.dataset_anomaly_info.description
    for name, info in sorted(anomalies.anomaly_info.items()):
        for reason in info.reason:
            what, why = reason.short_description, reason.description.rstrip(". ")
            yield f"feature '{name}': {what} ({why})"


class ExampleValidatorSpec(component_spec.ComponentSpec):
    """The standard ExampleValidator's inputs and outputs, with what drift is measured by."""

    PARAMETERS = standard_component_specs.ExampleValidatorSpec.PARAMETERS | {
        DRIFT: component_spec.ExecutionParameter(type=str, optional=True)
    }
    INPUTS = standard_component_specs.ExampleValidatorSpec.INPUTS | {
        EXAMPLES: component_spec.ChannelParameter(type=standard_artifacts.Examples, optional=True)
    }
    OUTPUTS = standard_component_specs.ExampleValidatorSpec.OUTPUTS


class ExampleValidator(base_component.BaseComponent):
    """TFX's ExampleValidator, run by the executor above.

    Args:
      statistics: The statistics of the examples.
      schema: What they are to fit.
      examples: The examples, where they are compared with earlier ones.
      drift: A `components.drift.Job` as JSON; None: they are not compared.
    """

    SPEC_CLASS = ExampleValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        statistics: types.BaseChannel,
        schema: types.BaseChannel,
        examples: types.BaseChannel | None = None,
        drift: str | None = None,
    ) -> None:
        spec = ExampleValidatorSpec(
            statistics=statistics,
            schema=schema,
            examples=examples,
            drift=drift,
            exclude_splits=json_utils.dumps([]),
            anomalies=types.Channel(type=standard_artifacts.ExampleAnomalies),
        )
        super().__init__(spec=spec)
