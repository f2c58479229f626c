"""Interaction logs: who did what with which item and when, and what is known of both.

Importing this package loads no TensorFlow.
"""

from data.interactions.options import CandidateKind
from data.interactions.options import CatalogueOf
from data.interactions.options import InteractionOptions
from data.interactions.options import Labels
from data.interactions.options import Layout
from data.interactions.options import Repeats
from data.interactions.options import ShortUsers
from data.interactions.options import SplitRule
from data.interactions.options import UnknownItems

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
