"""The node that writes the report of a run: one HTML file, which engines show as what it is."""

from tfx.dsl.component.experimental import annotations
from tfx.dsl.component.experimental import decorators
from tfx.types import standard_artifacts
from tfx.types import value_artifact

from components.report import collect
from components.report import pages
from components.report.collect import Settings
from data import plain

TITLE = "system.HTML"
"""The type by which Kubeflow Pipelines knows that it can show an artifact."""


class Html(value_artifact.ValueArtifact):
    """A page: its URI is a file."""

    TYPE_NAME = "ranking.Html"

    def encode(self, value: str) -> bytes:
        """Returns the content of the file."""
        return value.encode("utf-8")

    def decode(self, serialized_value: bytes) -> str:
        """Returns the page."""
        return serialized_value.decode("utf-8")


@decorators.component
def RunReport(  # noqa: N802  TFX names components like classes
    report: annotations.OutputArtifact[Html],
    examples: annotations.InputArtifact[standard_artifacts.Examples],
    statistics: annotations.InputArtifact[standard_artifacts.ExampleStatistics],
    anomalies: annotations.InputArtifact[standard_artifacts.ExampleAnomalies],
    model: annotations.InputArtifact[standard_artifacts.Model],
    model_run: annotations.InputArtifact[standard_artifacts.ModelRun],
    baseline_model: annotations.InputArtifact[standard_artifacts.Model],
    evaluation: annotations.InputArtifact[standard_artifacts.ModelEvaluation],
    blessing: annotations.InputArtifact[standard_artifacts.ModelBlessing],
    checks: annotations.InputArtifact[standard_artifacts.InfraBlessing],
    pushed_model: annotations.InputArtifact[standard_artifacts.PushedModel],
    settings: annotations.Parameter[str],
    code: annotations.Parameter[str],
) -> None:
    """Writes the page of a run, whether its model was published or not.

    Args:
      report: The page.
      examples: Of RankingExampleGen.
      statistics: Of StatisticsGen.
      anomalies: Of ExampleValidator.
      model: Of the Trainer.
      model_run: Of the Trainer.
      baseline_model: Of LatestBlessedModel.
      evaluation: Of the Evaluator.
      blessing: Of the Evaluator.
      checks: Of ServingChecks.
      pushed_model: Of the Pusher.
      settings: `Settings` as JSON.
      code: A fingerprint of the code, for the cache.
    """
    del code
    found = {
        "RankingExampleGen": {"examples": examples.mlmd_artifact},
        "StatisticsGen": {"statistics": statistics.mlmd_artifact},
        "ExampleValidator": {"anomalies": anomalies.mlmd_artifact},
        "Trainer": {"model": model.mlmd_artifact, "model_run": model_run.mlmd_artifact},
        "LatestBlessedModel": {"model": baseline_model.mlmd_artifact},
        "Evaluator": {"evaluation": evaluation.mlmd_artifact, "blessing": blessing.mlmd_artifact},
        "ServingChecks": {"blessing": checks.mlmd_artifact},
        "Pusher": {"pushed_model": pushed_model.mlmd_artifact},
    }
    facts = collect.facts(found, plain.from_json(Settings, settings))
    report.write(pages.of_run(facts))
