"""What scoring tells: lists that gained or lost most, and which features the model lives by."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import tensorflow as tf
from tfx.utils import path_utils

from components.report.findings import Importance
from components.report.findings import ListFacts
from components.report.findings import Ranked
from components.report.findings import ScoreFacts
from data import columnar
from data import dataset
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from models import metrics as metrics_lib
from models import scoring
from models import serving
from models.metrics import Metric
from models.metrics import MetricContract
from pipeline.reporting import ReportConfig

BEST, TOP = 3, 8
"""How many lists are shown of each kind, and how many documents of each."""
_AT_ONCE = 32

Columns: TypeAlias = dict[str, np.ndarray]
Score = Callable[["Batch"], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Batch:
    """Raw lists, padded.

    Attributes:
      columns: Context columns as `[batch_size, width]`, document columns as `[batch_size,
        list_size, width]`, the ids among them.
      sizes: The numbers of documents, `[batch_size]`.
      labels: `[batch_size, list_size]`, -1 where there is no document.
    """

    columns: Columns
    sizes: np.ndarray
    labels: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        """Where there is a document, `[batch_size, list_size]`."""
        return np.arange(self.labels.shape[1]) < self.sizes[:, None]


@dataclasses.dataclass(frozen=True)
class Measure:
    """A metric with its conventions."""

    metric: Metric
    contract: MetricContract

    def by_list(self, batch: Batch, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the values of the lists and what they weigh in the mean."""
        values, weights = metrics_lib.evaluate(
            scores, batch.labels, metrics=[self.metric], mask=batch.mask, contract=self.contract
        )
        return values.numpy()[:, 0], weights.numpy()[:, 0]

    def overall(self, batches: Sequence[Batch], scores: Sequence[np.ndarray]) -> float:
        """Returns the value over all lists or documents."""
        pairs = list(zip(batches, scores, strict=True))
        if self.metric.over_documents:
            real = np.concatenate([found[batch.mask] for batch, found in pairs])
            labels = np.concatenate([batch.labels[batch.mask] for batch, _ in pairs])
            [value] = metrics_lib.evaluate_documents(
                real, labels, metrics=[self.metric], contract=self.contract
            )
            return value
        parts = [self.by_list(batch, found) for batch, found in pairs]
        total = sum(float(weights.sum()) for _, weights in parts)
        return sum(float((values * weights).sum()) for values, weights in parts) / max(total, 1e-9)


def measured_by(names: Sequence[str]) -> Metric | None:
    """Returns the first metric that labels and scores alone decide; None if there is none."""
    metrics = map(metrics_lib.parse_metric, names)
    return next((m for m in metrics if m.directed and not (m.full or m.by or m.weighted)), None)


def measure(
    model: str,
    blessed: str,
    files: Sequence[str],
    spec: FeatureSpec,
    by: Measure,
    config: ReportConfig,
) -> ScoreFacts:
    """Scores stored lists with a model and the one before it.

    Args:
      model: The Trainer's model, the folder of its artifact.
      blessed: The one blessed before; empty where there is nothing to compare with.
      files: The stored lists of the evaluation split.
      spec: Their columns.
      by: What the lists are measured by.
      config: How many lists, documents and repetitions.
    """
    batches = list(_read(files, spec, config))
    score = _scorer(model)
    scores = [score(batch) for batch in batches]
    gains: list[ListFacts] = []
    if blessed and not by.metric.over_documents:
        before = _scorer(blessed)
        for batch, found in zip(batches, scores, strict=True):
            gains += _compared(batch, found, before(batch), spec, by)
    sign = 1.0 if by.metric.higher_is_better else -1.0
    gains.sort(key=lambda found: sign * (found.blessed - found.candidate))
    few = _few(batches, config.documents)
    return ScoreFacts(
        metric=by.metric.name,
        lists=len(gains),
        documents=sum(int(batch.sizes.sum()) for batch in few),
        repeats=config.repeats,
        winners=tuple(g for g in gains[:BEST] if sign * (g.candidate - g.blessed) > 0),
        losers=tuple(g for g in gains[: -BEST - 1 : -1] if sign * (g.candidate - g.blessed) < 0),
        importance=tuple(_importance(few, score, spec, by, config.repeats)),
    )


def _scorer(uri: str) -> Score:
    spec, signature = scoring.load(path_utils.serving_model_path(uri), serving.RAW)

    def score(batch: Batch) -> np.ndarray:
        tensors = {serving.tensor_name(f.name): batch.columns[f.name] for f in spec.features}
        tensors[columnar.LIST_SIZE] = batch.sizes
        found = signature(**{name: tf.constant(values) for name, values in tensors.items()})
        scores: np.ndarray = found[serving.SCORES].numpy()
        return scores

    return score


def _read(files: Sequence[str], spec: FeatureSpec, config: ReportConfig) -> Iterator[Batch]:
    """Yields the first lists; of impressions, blocks with about the first documents."""
    lists = documents = 0
    for serialized in dataset.read(files).batch(1 if spec.impressions else _AT_ONCE):
        most = config.lists - lists
        parsed = columnar.parse(serialized[:most], spec.raw, labels=(spec.label,))
        sizes = parsed[spec.label].row_lengths().numpy()
        yield Batch(
            {f.name: _dense(parsed[f.name], f) for f in spec.raw},
            sizes,
            columnar.to_dense(parsed[spec.label], padding=-1).numpy(),
        )
        lists, documents = lists + len(sizes), documents + int(sizes.sum())
        if lists >= config.lists or (spec.impressions and documents >= config.documents):
            return


def _dense(column: tf.Tensor | tf.RaggedTensor, feature: Feature) -> np.ndarray:
    if feature.scope is Scope.CONTEXT:
        found: np.ndarray = column.numpy()
        return found
    padding = "" if column.dtype == tf.string else 0
    found = columnar.to_dense(column, padding=padding).numpy()
    return found[..., None] if feature.width == 1 else found


def _few(batches: Sequence[Batch], documents: int) -> list[Batch]:
    """Returns the first batches with so many documents, at least one."""
    found: list[Batch] = []
    for batch in batches:
        found.append(batch)
        if sum(int(b.sizes.sum()) for b in found) >= documents:
            break
    return found


def _compared(
    batch: Batch, scores: np.ndarray, before: np.ndarray, spec: FeatureSpec, by: Measure
) -> Iterator[ListFacts]:
    values, weights = by.by_list(batch, scores)
    others, _ = by.by_list(batch, before)
    for row in np.flatnonzero(weights > 0).tolist():
        name = _text(batch.columns[spec.list_id][row, 0]) if spec.list_id else ""
        yield ListFacts(
            name=name,
            size=int(batch.sizes[row]),
            candidate=float(values[row]),
            blessed=float(others[row]),
            ranked=_ranked(batch, row, scores, spec),
            ranked_before=_ranked(batch, row, before, spec),
        )


def _ranked(batch: Batch, row: int, scores: np.ndarray, spec: FeatureSpec) -> tuple[Ranked, ...]:
    real = scores[row, : batch.sizes[row]]
    order = np.argsort(-real, kind="stable")[:TOP].tolist()
    ids = batch.columns[spec.document_id][row, :, 0] if spec.document_id else None
    return tuple(
        Ranked(
            f"#{i + 1}" if ids is None else _text(ids[i]),
            float(batch.labels[row, i]),
            float(real[i]),
        )
        for i in order
    )


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def _importance(
    batches: Sequence[Batch], score: Score, spec: FeatureSpec, by: Measure, repeats: int
) -> list[Importance]:
    if not repeats:
        return []
    sign = 1.0 if by.metric.higher_is_better else -1.0
    base = by.overall(batches, [score(batch) for batch in batches])
    found = []
    for i, feature in enumerate(spec.features):
        losses = []
        for repeat in range(repeats):
            dealt = deal(batches, feature, np.random.default_rng([i, repeat]))
            losses.append(sign * (base - by.overall(dealt, [score(batch) for batch in dealt])))
        found.append(Importance(feature.name, float(np.mean(losses)), float(np.std(losses))))
    return sorted(found, key=lambda importance: -importance.loss)


def deal(batches: Sequence[Batch], feature: Feature, rng: np.random.Generator) -> list[Batch]:
    """Deals the values of a feature out anew: among all documents, or all lists of a context."""
    context = feature.scope is Scope.CONTEXT
    places = [np.ones(len(batch.sizes), bool) if context else batch.mask for batch in batches]
    values = [b.columns[feature.name][place] for b, place in zip(batches, places, strict=True)]
    dealt = rng.permutation(np.concatenate(values))
    ends = np.cumsum([len(part) for part in values])[:-1]
    found = []
    for batch, place, part in zip(batches, places, np.split(dealt, ends), strict=True):
        column = batch.columns[feature.name].copy()
        column[place] = part
        columns = {**batch.columns, feature.name: column}
        found.append(dataclasses.replace(batch, columns=columns))
    return found
