"""What runs in the container of a node on Kubeflow Pipelines or Vertex AI.

TFX's own entry point runs the executor alone. Spans, versions and the fingerprint of the input are
found by ExampleGen's driver, which open-source Kubeflow Pipelines never calls: it runs here first.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys

from tfx.dsl.io import fileio
from tfx.orchestration.kubeflow.v2 import compiler_utils
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor
from tfx.orchestration.kubeflow.v2.file_based_example_gen import driver
from tfx.types import standard_component_specs
from tfx.utils import import_utils
from tfx.utils import proto_utils

from components.example_gen import component
from components.example_gen import executor
from components.report.component import TITLE
from components.report.component import Html
from data import storage
from data import synthetic_files
from data.errors import InputError


def main(arguments: list[str]) -> int:
    """Runs one node; returns its exit status: 0 done, 2 a mistake in the input.

    Args:
      arguments: Those of TFX's entry point: the executor, what the engine says of this task, and
        options for Beam.
    """
    parser = argparse.ArgumentParser(prog="components.entrypoint", allow_abbrev=False)
    for name in ("executor_class_path", "json_serialized_invocation_args"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--json_serialized_inputs_spec_args")
    options, beam_arguments = parser.parse_known_args(arguments)
    try:
        if import_utils.import_class_by_path(options.executor_class_path) is executor.Executor:
            _find_input(options)
        compiler_utils.TITLE_TO_CLASS_PATH[TITLE] = f"{Html.__module__}.{Html.__name__}"
        kubeflow_v2_run_executor.main((options, beam_arguments))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _find_input(options: argparse.Namespace) -> None:
    """Finds the spans, runs ExampleGen's driver, and tells the executor what both found."""
    task = json.loads(options.json_serialized_invocation_args)
    parameters = task["inputs"]["parameterValues"]
    spans = parameters.pop(standard_component_specs.RANGE_CONFIG_KEY, "")
    job = executor.job_of(parameters)
    config = dataclasses.replace(job.config, span=spans or job.config.span)
    if config.synthetic is not None:
        synthetic_files.write(config.synthetic, storage.at(config.base))
    component.check_files(config)
    job = component.found(dataclasses.replace(job, config=config))
    for key, told in (
        (standard_component_specs.CUSTOM_CONFIG_KEY, component.custom_config(job)),
        (standard_component_specs.INPUT_CONFIG_KEY, component.input_config(job)),
    ):
        parameters[key] = proto_utils.proto_to_json(told)
    options.json_serialized_invocation_args = json.dumps(task)
    driver.main(options)
    with fileio.open(task["outputs"]["outputFile"]) as file:
        found = json.load(file)
    for name, artifacts in found["artifacts"].items():
        metadata = artifacts["artifacts"][0].get("metadata", {})
        task["outputs"]["artifacts"][name]["artifacts"][0].setdefault("metadata", {}).update(
            metadata
        )
    options.json_serialized_invocation_args = json.dumps(task)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
