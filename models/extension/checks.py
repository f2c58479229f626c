"""Whether a model, its data set and its losses fit each other."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from data.errors import InputError
from data.errors import did_you_mean
from models import losses
from models.metrics import Metric
from models.objective import by_task


def first_batch(
    name: str, dataset: tf.data.Dataset, *, weighted: bool = False
) -> tuple[Any, dict[str, Any]]:
    """Returns the inputs of a batch, and its labels by task.

    Args:
      name: What the dataset is for.
      dataset: Batches.
      weighted: Whether it must have weights.

    Raises:
      InputError: There is no batch, or it has no weights.
    """
    batch = next(iter(dataset), None)
    if batch is None:
        raise InputError(f"the {name} dataset has no lists")
    if weighted and len(batch) < 3:
        raise InputError(f"use_weighted_metrics: the {name} dataset has no weights")
    return batch[0], by_task(batch[1])


def check_inputs(model: tf.keras.Model, inputs: Mapping[str, Any]) -> None:
    """Raises InputError unless the model is functional and the dataset has its inputs."""
    check_functional(model)
    for name in model.input_names:
        if name not in inputs:
            near = did_you_mean(name, inputs)
            raise InputError(f"the dataset has no '{name}', an input of the model.{near}")


def check_functional(model: tf.keras.Model) -> None:
    """Raises InputError for a model without inputs of its own, such as a subclassed one."""
    if not model.inputs:
        raise InputError(
            f"the model '{model.name}' is not functional; make one of it:"
            " tf.keras.Model(inputs, model(inputs))"
        )


def check_metrics(metrics: Sequence[Any]) -> Sequence[Metric]:
    """Returns the metrics; raises InputError for one that is not ours."""
    for metric in metrics:
        if not isinstance(metric, Metric):
            raise InputError(
                "metrics: expected those of models.metrics, such as parse_metric('ndcg@5'), found a"
                f" {type(metric).__name__}"
            )
    return metrics


def check_tasks(
    logits: Any,
    labels: Any,
    loss: str | Mapping[str, str],
    main: str,
    options: losses.LossOptions | None = None,
) -> None:
    """Raises InputError unless model, labels and losses are of the same tasks, and `main` is one.

    With the options of the losses, the number of logits is checked as well.
    """
    texts = by_task(loss)
    for what, found in (("logits", by_task(logits)), ("labels", by_task(labels))):
        if {*found} != {*texts}:
            raise InputError(
                f"{what}: expected those of {_shown(texts)}, as there are losses;"
                f" found {_shown(found)}"
            )
    if main not in texts:
        tasks = _shown(texts) if any(texts) else "none"
        raise InputError(f"best_exporter_metric: no task '{main}', expected {tasks}")
    if options is None:
        return
    for task, text in texts.items():
        shape = by_task(logits)[task].shape
        wanted, n = losses.n_outputs(text, options), shape[2] if shape.rank > 2 else 1
        if n != wanted:
            of = f" of '{task}'" if task else ""
            raise InputError(f"logits{of}: {text} needs {wanted} for each document, found {n}")


def _shown(tasks: Mapping[str, Any]) -> str:
    return ", ".join(sorted(tasks)) if any(tasks) else "one label"
