"""A model's metrics over a whole data set: every list once, one pass for all figures."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from models.metrics import DOCUMENT
from models.metrics import Gathered
from models.metrics import Metric
from models.metrics import MetricContract
from models.metrics import evaluate
from models.metrics.batch import to_batch
from models.objective import Objective
from models.objective import by_task
from models.objective import total_loss

LOSS = "loss"
"""The name of the validation loss among the metrics."""

ToScores = Callable[[tf.Tensor, str], tf.Tensor]
"""From logits and the name of their label to scores `[batch_size, list_size]`."""
Sums: TypeAlias = tf.Tensor
"""`[2, n_figures]`: values times what they count, and what they count."""
Rows: TypeAlias = list[list[tf.Tensor]]
"""For each label `[n_documents]` scores, labels and, where they are needed, weights."""


def unchanged(logits: tf.Tensor, task: str) -> tf.Tensor:
    """Returns the logits: they are scores."""
    del task
    return logits


def validator(
    model: tf.keras.Model,
    batches: tf.data.Dataset,
    metrics: Sequence[Metric],
    contract: MetricContract,
    *,
    objective: Objective | None = None,
    main: str = "",
    to_scores: ToScores = unchanged,
) -> Callable[[], dict[str, float]]:
    """Returns a function that evaluates the model as it stands.

    Args:
      model: Maps model inputs to logits, or to those of each label by its name.
      batches: `(inputs, labels)`, or with weights of lists or documents, which weighted metrics
        and the loss need; every list once and whole.
      metrics: The metrics to compute, of each label.
      contract: Their conventions.
      objective: Adds `loss`, in whose mean a batch counts as it has lists.
      main: The label whose metrics have their plain names; those of others are `label/ndcg@5`.
      to_scores: Makes scores of logits.
    """
    tasks = list(by_task(batches.element_spec[1]))
    prefixes = ["" if task in ("", main) else f"{task}/" for task in tasks]
    by_list = [metric for metric in metrics if metric.kind not in DOCUMENT]
    by_document = [metric for metric in metrics if metric.kind in DOCUMENT]
    weighted = any(metric.weighted for metric in by_document)
    names = [prefix + metric.name for prefix in prefixes for metric in by_list]
    names += [LOSS] if objective else []

    @tf.function(input_signature=batches.element_spec)  # traced once, whatever the lengths
    def step(inputs: Any, labels: Any, weights: tf.Tensor | None = None) -> tuple[Sums, Rows]:
        logits = by_task(model(inputs, training=False))
        sums, rows = [tf.zeros([2, 0])], []
        for task, label in by_task(labels).items():
            if not metrics:
                continue  # the loss is all that is asked for
            scores = to_scores(logits[task], task)
            if by_list:
                values, counts = evaluate(
                    scores, label, metrics=by_list, contract=contract, weights=weights
                )
                sums.append(tf.reduce_sum(tf.stack([values * counts, counts]), axis=1))
            if by_document:
                batch = to_batch(scores, label, None, weights if weighted else None)
                columns = (batch.scores, batch.labels, batch.weights)
                rows.append([tf.boolean_mask(c, batch.mask) for c in columns if c is not None])
        if objective:
            loss = total_loss(objective, labels, logits, weights)
            n = tf.cast(tf.shape(next(iter(logits.values())))[0], loss.dtype)
            sums.append(tf.cast([[loss * n], [n]], sums[0].dtype))
        return tf.concat(sums, axis=1), rows  # [2, n_figures]

    def run() -> dict[str, float]:
        gathered = [Gathered(by_document, contract) for _ in prefixes]
        total = np.zeros([2, len(names)])
        for batch in batches:
            sums, rows = step(*batch)
            total += sums.numpy()
            for documents, columns in zip(gathered, rows, strict=False):
                documents.add(*(column.numpy() for column in columns))
        found = _means(names, total)
        for prefix, documents in zip(prefixes, gathered, strict=True):
            values = zip(by_document, documents.values(), strict=True)
            found |= {prefix + metric.name: value for metric, value in values}
        return found

    return run


def _means(names: Sequence[str], sums: np.ndarray) -> dict[str, float]:
    total, weight = sums
    means = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
    return dict(zip(names, means.tolist(), strict=True))
