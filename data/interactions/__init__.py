"""Interaction logs: who did what with which item and when, and what is known of both.

Importing this package loads no TensorFlow.
"""

from data.interactions.kinds import CandidateKind
from data.interactions.kinds import CatalogueOf
from data.interactions.kinds import Labels
from data.interactions.kinds import Layout
from data.interactions.kinds import Repeats
from data.interactions.kinds import ShortUsers
from data.interactions.kinds import SplitRule
from data.interactions.kinds import UnknownItems
from data.interactions.options import InteractionOptions

__all__ = [
    "CandidateKind",
    "CatalogueOf",
    "InteractionOptions",
    "Labels",
    "Layout",
    "Repeats",
    "ShortUsers",
    "SplitRule",
    "UnknownItems",
]
