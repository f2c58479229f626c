"""The Pusher that publishes a blessed model as a version that appears at once, with a manifest."""

from __future__ import annotations

import json
import math
from typing import Any

from tfx import types
from tfx.components.pusher import executor
from tfx.dsl.components.base import base_component
from tfx.dsl.components.base import executor_spec
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils
from tfx.types import component_spec
from tfx.types import standard_artifacts
from tfx.types import standard_component_specs
from tfx.utils import json_utils
from tfx.utils import proto_utils

from components import evaluation
from components import statistics
from components.example_gen.executor import REPORT
from components.example_gen.executor import SPANS
from data import storage
from models import switching
from models import versions
from pipeline.examples import TRAIN

EVALUATION, EXAMPLES, STATISTICS = "evaluation", "examples", "statistics"
UNCHANGED = "unchanged"
"""The property that says whether the newest version was this very model already, yes or no."""
CANARY, REMOVED = "canary", "removed"
"""The properties with the share of a canary, 0 for what is none, and the versions removed."""


class Executor(executor.Executor):
    """TFX's executor with our store of versions in the place of its copy."""

    def Do(  # noqa: N802  TFX's name
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Publishes the model if it is blessed, by the Evaluator and by the checks."""
        pushed = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.PUSHED_MODEL_KEY]
        )
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(
            exec_properties[standard_component_specs.PUSH_DESTINATION_KEY], destination
        )
        settings = json_utils.loads(exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY])
        base = storage.at(destination.filesystem.base_directory)
        published = versions.publish(
            storage.at(self.GetModelPath(input_dict)),
            base,
            manifest=_manifest(input_dict, settings),
            statistics=statistics.file_of(input_dict[STATISTICS], TRAIN),
            share=settings["share"],
        )
        removed = switching.settle(base, keep=settings["keep"])
        self._MarkPushed(
            pushed,
            pushed_destination=str(published.path),
            pushed_version=str(published.version),
        )
        pushed.set_string_custom_property(UNCHANGED, "no" if published.new else "yes")
        share = switching.share(published) if published.canary else 0.0
        pushed.set_string_custom_property(CANARY, f"{share:g}")
        pushed.set_string_custom_property(REMOVED, ", ".join(map(str, removed)))


def _manifest(input_dict: dict[str, list[Any]], settings: dict[str, Any]) -> dict[str, Any]:
    examples = artifact_utils.get_single_instance(input_dict[EXAMPLES])
    found = artifact_utils.get_single_uri(input_dict[EVALUATION])
    overall = evaluation.overall(evaluation.slices(found))
    return {
        "data": {
            "splits": artifact_utils.decode_split_names(examples.split_names),
            "spans": json.loads(examples.get_string_custom_property(SPANS) or "[]"),
            "counts": json.loads((storage.at(examples.uri) / REPORT).read_text(encoding="utf-8")),
            "fingerprint": examples.get_string_custom_property("input_fingerprint"),
        },
        "metrics": {
            "contract": settings["contract"],
            "values": {name: _number(overall.values[name]) for name in settings["metrics"]},
        },
        "config": json.loads(settings["config"]),
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None  # where no list counts; JSON knows no NaN


class PusherSpec(component_spec.ComponentSpec):
    """The standard Pusher's inputs and outputs, with what the manifest tells of."""

    PARAMETERS = standard_component_specs.PusherSpec.PARAMETERS
    INPUTS = standard_component_specs.PusherSpec.INPUTS | {
        EVALUATION: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        EXAMPLES: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        STATISTICS: component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
    }
    OUTPUTS = standard_component_specs.PusherSpec.OUTPUTS


class Pusher(base_component.BaseComponent):
    """Publishes a blessed model.

    Args:
      model: The model.
      model_blessing: The Evaluator's verdict.
      infra_blessing: The verdict of the checks of what is served.
      evaluation: Its metrics.
      examples: What the model was trained on.
      statistics: The statistics of these.
      base: The folder that the model server watches.
      keep: How many versions stay there; 0: all.
      share: The share of requests for a new version as a canary; 0: it is none.
      metrics: The metrics to tell of.
      contract: Their contract in words.
      config: The configuration as JSON.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        model: types.BaseChannel,
        model_blessing: types.BaseChannel,
        infra_blessing: types.BaseChannel,
        evaluation: types.BaseChannel,
        examples: types.BaseChannel,
        statistics: types.BaseChannel,
        base: str,
        keep: int,
        share: float,
        metrics: tuple[str, ...],
        contract: str,
        config: str,
    ) -> None:
        filesystem = pusher_pb2.PushDestination.Filesystem(base_directory=base)
        spec = PusherSpec(
            model=model,
            model_blessing=model_blessing,
            infra_blessing=infra_blessing,
            evaluation=evaluation,
            examples=examples,
            statistics=statistics,
            push_destination=pusher_pb2.PushDestination(filesystem=filesystem),
            custom_config=json_utils.dumps(
                {
                    "metrics": list(metrics),
                    "contract": contract,
                    "config": config,
                    "keep": keep,
                    "share": share,
                }
            ),
            pushed_model=types.Channel(type=standard_artifacts.PushedModel),
        )
        super().__init__(spec=spec)
