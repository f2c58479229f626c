"""Every metric there is, and lists to compute it from; metrics of subtopics get labels for them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from models.metrics import DOCUMENT
from models.metrics import SUBTOPIC
from models.metrics import UNCUT
from models.metrics import Kind
from models.metrics import Metric
from models.metrics import MetricContract
from models.metrics import evaluate

Array = NDArray[np.float32]
LISTWISE = [kind for kind in Kind if kind not in DOCUMENT]
"""The kinds over lists."""
FLAT = [kind for kind in LISTWISE if kind not in SUBTOPIC]
"""The kinds of one label a document."""


def cuts(kinds: Iterable[Kind], *topns: int, weighted: bool = False) -> list[Metric]:
    """Returns each kind without a cut and, where it takes one, with each of these."""
    return [
        Metric(kind, topn, weighted)
        for kind in kinds
        for topn in ((None,) if kind in UNCUT else (None, *topns))
    ]


def by_subtopic(labels: ArrayLike) -> Array:
    """Makes labels for three subtopics, 0 or 1, of graded ones; -1 where those are negative."""
    grades = np.asarray(labels)[..., None]
    covers = np.concatenate([grades >= 1, (grades == 2) | (grades == 0.5), grades == 4], axis=-1)
    return np.where(grades < 0, -1, covers).astype(np.float32)


def labels_for(metric: Metric, labels: ArrayLike) -> ArrayLike:
    """Returns the labels, by subtopic for a metric that needs it."""
    return by_subtopic(labels) if metric.kind in SUBTOPIC else labels


def measure(
    metric: Metric,
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    contract: MetricContract,
    mask: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Evaluates one metric of graded labels."""
    return evaluate(
        scores,
        labels_for(metric, labels),
        metrics=[metric],
        mask=mask,
        contract=contract,
        weights=weights,
    )
