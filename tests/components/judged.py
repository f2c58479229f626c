"""Models judged by TFX's Evaluator, with our settings and metrics."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from tfx.dsl.components.base import base_beam_executor
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from components import evaluator
from components import gate
from data import plain
from data.features import FeatureSpec
from data.features import Scope
from data.lists import Lists
from data.transformed import NUMERIC
from models import serving
from pipeline.beam import NO_STAGING
from pipeline.evaluation import EvaluationConfig
from tests.components.artifacts import examples_in
from tests.components.artifacts import schema_in
from tests.samples import SPEC
from tests.samples import Transformed
from tests.samples import draw
from tests.samples import transformed_spec

SIZES = (3, 9, 1, 4, 6, 2, 7, 5, 3, 8, 2, 4)


class Priced(tf.keras.Model):
    """Scores a document by its price, times a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = tf.Variable(factor)

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        del training
        return inputs[NUMERIC[Scope.DOCUMENT]][..., 0] * self.factor


def lists() -> Lists:
    """Lists whose dearer documents are more relevant, but for noise; two devices."""
    found = draw(SIZES)
    rng = np.random.default_rng(8)
    utility = found.values["price"] + rng.normal(scale=0.7, size=found.values["price"].shape)
    found.values["grade"][:] = np.digitize(utility, [0.0, 1.0])
    found.values["device"][:, 0] = np.array([b"phone", b"desk"], object)[np.arange(12) % 2]
    return found


def of_lists(model: tf.keras.Model) -> serving.Exportable:
    """Returns a model that ranks lists."""
    return serving.Servable(model, Transformed(), transformed_spec())


@dataclasses.dataclass(frozen=True)
class Source:
    """What is judged by: stored lists and their spec."""

    spec: FeatureSpec
    lists: Callable[[], Lists]


LISTS = Source(SPEC, lists)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The folder with the evaluation, the artifact with the verdict, and the verdict."""

    uri: str
    blessing: standard_artifacts.ModelBlessing
    gate: gate.Verdict

    @property
    def blessed(self) -> bool:
        """Whether the model may be published."""
        return self.gate.blessed


def judge(
    folder: Path,
    config: EvaluationConfig,
    *,
    factor: float,
    baseline: float | None = None,
    publish: Callable[[tf.keras.Model], serving.Exportable] = of_lists,
    source: Source = LISTS,
    options: Sequence[str] = (),
    trees: standard_artifacts.Model | None = None,
) -> Verdict:
    """Runs the Evaluator on the model of that factor, and on a blessed one before it.

    `options` are those of Beam, `trees` what the node of a yardstick wrote.
    """
    folder.mkdir()
    examples = examples_in(folder / "examples", source.spec, test=source.lists())
    schema = schema_in(folder / "schema", source.spec)
    inputs = {"examples": [examples], "schema": [schema]}
    inputs["model"] = [_model(folder / "model", publish(Priced(factor)))]
    if baseline is not None:
        inputs["baseline_model"] = [_model(folder / "baseline", publish(Priced(baseline)))]
    if trees is not None:
        inputs[evaluator.TREES] = [trees]
    evaluation, blessing = standard_artifacts.ModelEvaluation(), standard_artifacts.ModelBlessing()
    evaluation.uri, blessing.uri = str(folder / "evaluation"), str(folder / "blessing")
    context = base_beam_executor.BaseBeamExecutor.Context(
        beam_pipeline_args=[NO_STAGING, *options], tmp_dir=str(folder / "tmp"), unique_id="1"
    )
    evaluator.Executor(context).Do(
        inputs,
        {"evaluation": [evaluation], "blessing": [blessing]},
        {
            "eval_config": proto_utils.proto_to_json(evaluator.eval_config(config, source.spec)),
            "module_path": evaluator.extractors_module(source.spec),
            "example_splits": json.dumps(["test"]),
            evaluator.GATE: plain.to_json(config),
        },
    )
    verdict = gate.read(blessing.uri)
    assert (folder / "blessing" / "BLESSED").exists() is verdict.blessed
    assert (folder / "blessing" / "NOT_BLESSED").exists() is not verdict.blessed
    return Verdict(evaluation.uri, blessing, verdict)


def _model(folder: Path, servable: serving.Exportable) -> standard_artifacts.Model:
    serving.export(servable, folder / "Format-Serving", warmup=[])
    artifact = standard_artifacts.Model()
    artifact.uri = str(folder)
    return artifact
