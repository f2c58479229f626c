"""TF-Ranking's losses by their names, alone or in weighted sums, with their options.

`build` makes a Keras loss. Some losses want several scores per document: `n_outputs` says how many
a model has to give, and `to_scores` turns them into the one that documents are ranked by.
"""

from models.losses.checks import check
from models.losses.heads import n_outputs
from models.losses.heads import to_scores
from models.losses.names import NAMES
from models.losses.names import POINTWISE
from models.losses.names import parse
from models.losses.options import Discount
from models.losses.options import Gain
from models.losses.options import LambdaWeight
from models.losses.options import LossOptions
from models.losses.ranking_loss import RankingLoss
from models.losses.ranking_loss import build

__all__ = [
    "NAMES",
    "POINTWISE",
    "Discount",
    "Gain",
    "LambdaWeight",
    "LossOptions",
    "RankingLoss",
    "build",
    "check",
    "n_outputs",
    "parse",
    "to_scores",
]
