"""Training on interactions: one list per positive, its negatives drawn anew in each epoch.

Importing this package loads no TensorFlow; `catalogue` and `batches` are imported by name.
"""

from data.sampling.options import NegativeKind
from data.sampling.options import Negatives

__all__ = ["NegativeKind", "Negatives"]
