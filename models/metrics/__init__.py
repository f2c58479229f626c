"""Ranking metrics, defined once for training, evaluation, gates and reports.

`evaluate` computes any number of metrics over a batch of ranked lists; a `MetricContract` states
every convention on which ranking systems differ, and `PRESETS` holds the contracts of the systems
that a number may have to be compared with. `evaluate_full` does the same over a whole catalogue,
and `evaluate_documents` has the metrics over documents, such as AUC and log loss.
"""

from models.metrics.checks import check_pipeline_metrics
from models.metrics.contract import PRESETS
from models.metrics.contract import Discount
from models.metrics.contract import Empty
from models.metrics.contract import EmptyWeight
from models.metrics.contract import Gain
from models.metrics.contract import MetricContract
from models.metrics.contract import Ties
from models.metrics.contract import preset
from models.metrics.documents import Gathered
from models.metrics.documents import evaluate_documents
from models.metrics.evaluate import evaluate
from models.metrics.evaluate import mean_metrics
from models.metrics.full import disagreement
from models.metrics.full import evaluate_full
from models.metrics.names import DOCUMENT
from models.metrics.names import FULL
from models.metrics.names import PROBABILITY
from models.metrics.names import SUBTOPIC
from models.metrics.names import UNCUT
from models.metrics.names import Kind
from models.metrics.names import Metric
from models.metrics.names import parse_metric

__all__ = [
    "DOCUMENT",
    "FULL",
    "PRESETS",
    "PROBABILITY",
    "SUBTOPIC",
    "UNCUT",
    "Discount",
    "Empty",
    "EmptyWeight",
    "Gain",
    "Gathered",
    "Kind",
    "Metric",
    "MetricContract",
    "Ties",
    "check_pipeline_metrics",
    "disagreement",
    "evaluate",
    "evaluate_documents",
    "evaluate_full",
    "mean_metrics",
    "parse_metric",
    "preset",
]
