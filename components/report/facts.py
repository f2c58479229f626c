"""What a report knows of a run: plain values, which travel inside of its page as JSON."""

from __future__ import annotations

import dataclasses

from components.report.findings import ColumnFacts
from components.report.findings import ScoreFacts


@dataclasses.dataclass(frozen=True)
class Decision:
    """Something that was decided in a run.

    Attributes:
      node: The node that decided.
      text: What, in a sentence.
      good: Whether it let the run go on to a published model; None where that was not the question.
      details: The reasons, and whatever else the node wrote down.
    """

    node: str
    text: str
    good: bool | None = None
    details: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A number that was measured.

    Attributes:
      value: The number; None where it is undefined.
      low: The lower end of its 95 % interval; None where that was not computed.
      high: The upper end.
    """

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclasses.dataclass(frozen=True)
class MetricFacts:
    """A metric over the lists of a slice.

    Attributes:
      name: The metric.
      candidate: Of the model of this run.
      blessed: Of the model that was blessed before, where one was compared.
      difference: The candidate's less the other's.
    """

    name: str
    candidate: Estimate
    blessed: Estimate | None = None
    difference: Estimate | None = None


@dataclasses.dataclass(frozen=True)
class SliceFacts:
    """The metrics of a slice.

    Attributes:
      name: The feature and its value; empty for all lists together.
      metrics: Its metrics.
    """

    name: str
    metrics: tuple[MetricFacts, ...]


@dataclasses.dataclass(frozen=True)
class Curve:
    """What one number was after each epoch.

    Attributes:
      name: The number.
      values: By epoch, from the first one on.
    """

    name: str
    values: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class TrainingFacts:
    """How training went.

    Attributes:
      epochs: The epochs that were run.
      best_epoch: The epoch that was exported.
      metric: What made it the best.
      best: That metric on the validation split.
      curves: Loss and metrics by epoch.
    """

    epochs: int
    best_epoch: int
    metric: str
    best: float | None
    curves: tuple[Curve, ...] = ()


@dataclasses.dataclass(frozen=True)
class Bucket:
    """Documents with about the same score.

    Attributes:
      share: Their share of all documents.
      score: Their mean score.
      label: Their mean label.
    """

    share: float
    score: float
    label: float


@dataclasses.dataclass(frozen=True)
class NodeFacts:
    """What a node cost.

    Attributes:
      name: The node.
      state: complete, cached, failed, ...
      seconds: Its time; None where it is not known.
      bytes: The size of what it wrote.
    """

    name: str
    state: str
    seconds: float | None = None
    bytes: int | None = None


@dataclasses.dataclass(frozen=True)
class Origin:
    """A link of the lineage.

    Attributes:
      name: What it is.
      text: Which one: spans, a version, a folder.
    """

    name: str
    text: str


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """Everything a report knows of a run.

    Attributes:
      pipeline: The pipeline's name.
      created: When the facts were collected, UTC.
      run: The run's name in ML Metadata; empty where it is not known.
      split: The split that judged the model.
      contract: The conventions behind ranking metrics.
      gated: The first metric with a threshold.
      outcome: published, unchanged, refused, or unfinished.
      version: The version that was published, or found to be the same model.
      decisions: What was decided, in order.
      slices: The metrics; all lists together come first.
      warning: What is doubtful about them.
      calibration: By bucket of scores; empty where it does not apply.
      training: How training went; None where there was none.
      columns: The columns of the examples.
      scores: What scoring told; None where nothing was scored.
      counts: What ingestion counted, by name.
      nodes: What each node cost.
      lineage: From the logs to the published version.
      settings: The configuration, flat, as JSON texts by path.
    """

    pipeline: str
    created: str
    run: str = ""
    split: str = ""
    contract: str = ""
    gated: str = ""
    outcome: str = "unfinished"
    version: str = ""
    decisions: tuple[Decision, ...] = ()
    slices: tuple[SliceFacts, ...] = ()
    warning: str = ""
    calibration: tuple[Bucket, ...] = ()
    training: TrainingFacts | None = None
    columns: tuple[ColumnFacts, ...] = ()
    scores: ScoreFacts | None = None
    counts: dict[str, int] = dataclasses.field(default_factory=dict)
    nodes: tuple[NodeFacts, ...] = ()
    lineage: tuple[Origin, ...] = ()
    settings: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def headline(self) -> MetricFacts | None:
        """The gated metric over all lists; None where nothing was evaluated."""
        metrics = [m for s in self.slices[:1] for m in s.metrics if m.name == self.gated]
        return metrics[0] if metrics else None
