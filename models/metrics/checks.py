"""Which metrics a pipeline can compute of its data and its model."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator

from data.errors import InputError
from data.features import FeatureSpec
from models.metrics.names import DOCUMENT
from models.metrics.names import PROBABILITY
from models.metrics.names import SUBTOPIC
from models.metrics.names import Kind
from models.metrics.names import Metric
from models.metrics.names import parse_metric


def check_pipeline_metrics(
    names: Iterable[str], *, features: FeatureSpec, probabilities: bool
) -> None:
    """Refuses the metrics that a pipeline cannot compute, with `InputError`.

    Args:
        names: the metrics that its configuration names.
        features: the columns of its data.
        probabilities: whether its model's scores are probabilities.

    >>> from data.features import Feature
    >>> spec = FeatureSpec((Feature("price"),), weight="importance")
    >>> names = ["ndcg@10", "weighted_ndcg@10", "log_loss"]
    >>> check_pipeline_metrics(names, features=spec, probabilities=True)
    """
    for metric in map(parse_metric, names):
        for reason, broken in _rules(metric, features, probabilities):
            if broken:
                raise InputError(f"evaluation.metrics: {metric.name!r} {reason}")


def _rules(
    metric: Metric, features: FeatureSpec, probabilities: bool
) -> Iterator[tuple[str, bool]]:
    yield (
        "needs a label for each subtopic; a pipeline's documents have one label",
        metric.kind in SUBTOPIC,
    )
    yield "needs features.weight", metric.weighted and not features.weight
    known = ", ".join(kind.value for kind in Kind if kind in DOCUMENT)
    yield (
        f"compares the documents of a list, and impressions have none; expected one of {known}",
        features.impressions and metric.kind not in DOCUMENT,
    )
    yield (
        "needs scores that are probabilities; set train.loss to 'sigmoid_cross_entropy_loss' and"
        " train.loss_options.probabilities to true",
        metric.kind in PROBABILITY and not probabilities,
    )
