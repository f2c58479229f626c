"""The Tuner node: the search for settings before training, with TFX's own component."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any

import tensorflow_transform as tft
from tfx import components as tfx_components
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.tuner import executor
from tfx.components.tuner.component import TunerFnResult
from tfx.dsl.components.base import executor_spec
from tfx.types import artifact_utils
from tfx.types import standard_component_specs

from components import trainer
from data import plain
from data import storage
from models.search import Outcome
from models.search import Search
from models.search import spell_value
from models.tuning import TunerConfig

TRIALS = "trials.json"
"""The file of all trials, best first, beside TFX's own."""
CHOSEN = "chosen"
"""The property of the results with the best values in words."""


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Prepares the search; TFX calls it.

    `fn_args.custom_config` holds what the Trainer's does, and `tuner`, a `TunerConfig` as JSON.
    More trials than before go on from the trials already done.
    """
    config = plain.from_json(TunerConfig, fn_args.custom_config["tuner"])
    fn_args = copy.copy(fn_args)
    fn_args.transform_output, fn_args.model_run_dir = fn_args.transform_graph_path, ""
    space = plain.to_json(dataclasses.replace(config, trials=0))
    fn_args.custom_config = {**fn_args.custom_config, "tuner": space}  # names the search's folder
    job = trainer.training_job(fn_args, tft.TFTransformOutput(fn_args.transform_output))
    return TunerFnResult(Search(job, config, folder=storage.at(job.state_dir)), {})


class Executor(executor.Executor):
    """TFX's executor, which writes all trials as well, those that failed with the reason."""

    def Do(  # noqa: N802  TFX's name
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Searches and writes the best values; raises InputError where all trials failed."""
        tuner = executor.search(
            input_dict, exec_properties, self._get_tmp_dir(), print_tuning_summary=False
        )
        executor.write_best_hyperparameters(tuner, output_dict)
        results = output_dict[standard_component_specs.TUNER_RESULTS_KEY]
        path = storage.at(artifact_utils.get_single_uri(results)) / TRIALS
        found = tuner.outcomes()
        path.write_text(json.dumps([dataclasses.asdict(outcome) for outcome in found]))
        chosen = (f"{path} = {spell_value(value)}" for path, value in found[0].settings.items())
        artifact_utils.get_single_instance(results).set_string_custom_property(
            CHOSEN, f"trial {found[0].trial} of {len(found)}: {', '.join(chosen)}"
        )


class Tuner(tfx_components.Tuner):
    """TFX's Tuner, run by the executor above."""

    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)


def outcomes(uri: str) -> list[Outcome]:
    """Returns all trials, best first, of the artifact `tuner_results` at `uri`."""
    return [Outcome(**table) for table in json.loads((storage.at(uri) / TRIALS).read_text())]
