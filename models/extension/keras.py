"""The names of `models.extension` where TF-Ranking has them, such as `keras.model.DNNScorer`.

Either module has all of them.
"""

from models import extension as model
from models import extension as pipeline

__all__ = ["model", "pipeline"]
