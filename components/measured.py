"""What an evaluation measures: its metrics, and what is known of each list."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from data import plain
from models.metrics import Gathered
from models.metrics import Kind
from models.metrics import Metric
from models.metrics import MetricContract
from models.metrics import evaluate
from models.metrics import parse_metric
from models.metrics.documents import BUCKETS
from models.metrics.full import as_lists
from models.recommend import RANKS
from models.serving import SCORES

COLUMNS = ("share", "score", "label")
"""Of the calibration table: a bucket's share of the documents, its mean score and mean label."""
TABLE = tuple(
    tuple(f"calibration_{column}/{i}" for column in COLUMNS) for i in range(1, BUCKETS + 1)
)
"""What the numbers of that table are called, bucket by bucket."""


@dataclasses.dataclass(frozen=True)
class Metrics:
    """The metrics of an evaluation, by how they add up.

    Attributes:
      names: Their names.
      contract: Their `MetricContract` as JSON.
      resampled: The names of those that get intervals.
      confidence: How sure either end of the interval of a difference is.
      yardsticks: What the candidate is compared with beside the blessed model.
      trees: The folder with the trees of one of these.
    """

    names: tuple[str, ...]
    contract: str
    resampled: tuple[str, ...] = ()
    confidence: float = 0.95
    yardsticks: tuple[str, ...] = ()
    trees: str = ""

    @functools.cached_property
    def all(self) -> tuple[Metric, ...]:
        """All of them."""
        return tuple(parse_metric(name) for name in self.names)

    @functools.cached_property
    def by_list(self) -> tuple[Metric, ...]:
        """Those over lists."""
        return tuple(metric for metric in self.all if not metric.over_documents)

    @functools.cached_property
    def by_document(self) -> tuple[Metric, ...]:
        """Those over documents."""
        return tuple(metric for metric in self.all if metric.over_documents)

    def with_intervals(self, metrics: Sequence[Metric]) -> np.ndarray:
        """Returns which of these metrics get intervals, bool."""
        return np.array([metric.name in self.resampled for metric in metrics], bool)

    @functools.cached_property
    def calibrated(self) -> Metric | None:
        """The calibration error whose table is wanted as well."""
        return next((m for m in self.all if m.kind is Kind.CALIBRATION_ERROR), None)

    @property
    def output(self) -> list[str]:
        """The names of all numbers: of the metrics and of the calibration table."""
        return [*self.names, *(itertools.chain(*TABLE) if self.calibrated else ())]

    @functools.cached_property
    def conventions(self) -> MetricContract:
        """Their contract."""
        return plain.from_json(MetricContract, self.contract)

    def gathered(self, *, resampled: bool = False) -> Gathered:
        """Returns metrics over documents of which none has come yet: all, or those resampled."""
        kept = self.with_intervals(self.by_document) | (not resampled)
        metrics = [m for m, keep in zip(self.by_document, kept, strict=True) if keep]
        return Gathered(metrics, self.conventions)

    def measure(
        self, outputs: Sequence[Mapping[str, np.ndarray]], labels: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Measures one list, as each of several models ranks it, by the metrics over lists.

        Args:
          outputs: By model its scores, and ranks where it knows a catalogue.
          labels: `[n_documents]`.
          weights: `[n_documents]`.

        Returns:
          The values and their weights, `[n_models, n_metrics]`. A metric over a catalogue is NaN
          for a model without ranks.
        """
        full = np.array([metric.full for metric in self.by_list], bool)
        values = np.full((len(outputs), len(full)), np.nan)
        counts = np.ones_like(values)
        if not full.all():
            run = _evaluator(tuple(m for m in self.by_list if not m.full), self.contract)
            scores = np.stack([output[SCORES] for output in outputs])
            columns = (np.broadcast_to(column, scores.shape) for column in (labels, weights))
            values[:, ~full], counts[:, ~full] = run(scores, *columns)
        for row, output in enumerate(outputs if full.any() else ()):
            if RANKS in output:
                values[row, full], counts[row, full] = self._over_catalogue(output, labels)
        return values, counts

    def _over_catalogue(
        self, output: Mapping[str, np.ndarray], labels: np.ndarray
    ) -> tuple[tf.Tensor, tf.Tensor]:
        over_all = tuple(metric for metric in self.by_list if metric.full)
        ranked, at_ranks = as_lists([output[RANKS]], [labels], metrics=over_all)
        if np.isnan(output[SCORES]).any():  # no rank comes of that
            ranked = np.full_like(ranked, np.nan)
        plain_metrics = tuple(dataclasses.replace(metric, full=False) for metric in over_all)
        run = _evaluator(plain_metrics, self.contract)
        values, counts = run(ranked, at_ranks, np.ones_like(at_ranks))
        return values[0], counts[0]


@functools.lru_cache
def _evaluator(
    metrics: tuple[Metric, ...], contract: str
) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    conventions = plain.from_json(MetricContract, contract)

    @tf.function(input_signature=[tf.TensorSpec([None, None])] * 3)
    def run(
        scores: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        return evaluate(scores, labels, metrics=metrics, contract=conventions, weights=weights)

    return run


@dataclasses.dataclass(frozen=True)
class Judged:
    """What is known of a list, or of a part of a block of impressions.

    Attributes:
      seed: A hash of the list, 64 bits.
      values: `[n_rankings, n_metrics]`, of metrics over lists by the candidate, the blessed model
        where there is one, and the yardsticks.
      weights: How much they count, of the same shape.
      documents: For metrics over documents, by model.
      size: The number of its documents.
    """

    seed: int
    values: np.ndarray
    weights: np.ndarray
    documents: tuple[Gathered, ...]
    size: int
