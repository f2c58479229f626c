"""The closed sets of choices about interaction logs."""

from __future__ import annotations

import enum


class Layout(str, enum.Enum):
    """How a log of interactions and its side files are written."""

    CSV = "csv"
    """Text with a header, under any column names."""
    PARQUET = "parquet"
    """Parquet tables, under any column names."""
    ML_100K = "ml-100k"
    """`u.data`, `u.user`, `u.item` with `u.genre` beside it."""
    ML_1M = "ml-1m"
    """`ratings.dat`, `users.dat` and `movies.dat`, cells parted by `::`; so has ML-10M."""
    ML_CSV = "ml-csv"
    """`ratings.csv` and `movies.csv` of ml-latest, ML-20M, ML-25M and ML-32M."""
    NCF = "ncf"
    """Lines of user, item, rating and perhaps time, parted by tabs, without a header."""


TABLES = frozenset({Layout.CSV, Layout.PARQUET})
"""The layouts whose columns have any names."""

MOVIELENS = frozenset({Layout.ML_100K, Layout.ML_1M, Layout.ML_CSV})
"""The layouts whose columns are called `user_id`, `movie_id`, `rating` and `timestamp`."""


class SplitRule(str, enum.Enum):
    """Which interactions are held out."""

    LEAVE_LAST_OUT = "leave_last_out"
    """The last ones of each user, by time."""
    TIME = "time"
    """Those from a point in time on."""
    USER = "user"
    """Those of a share of the users."""
    IMPRESSION = "impression"
    """A share of all, at random; each interaction is an impression, no list is made."""


class Labels(str, enum.Enum):
    """The label of an interaction."""

    IMPLICIT = "implicit"
    """1, whatever the value."""
    GRADED = "graded"
    """The value."""
    THRESHOLD = "threshold"
    """1 for high values and 0 for low ones; those between are left out."""


class Repeats(str, enum.Enum):
    """Which of a user's repeated interactions with one item counts."""

    LAST = "last"
    FIRST = "first"
    REFUSE = "refuse"


class ShortUsers(str, enum.Enum):
    """What becomes of a user with too few interactions to hold some out."""

    TRAIN = "train"
    """All are trained on."""
    DROP = "drop"
    REFUSE = "refuse"


class UnknownItems(str, enum.Enum):
    """What becomes of an interaction with an item that the items file does not have."""

    REFUSE = "refuse"
    DEFAULT = "default"
    """The item's features have their defaults."""


class CatalogueOf(str, enum.Enum):
    """Which items make the catalogue."""

    LOG = "log"
    """Those of the interactions that were kept."""
    ITEMS = "items"
    """Those of the items file as well."""


class CandidateKind(str, enum.Enum):
    """How the negatives of an evaluation list are drawn."""

    UNIFORM = "uniform"
    POPULARITY = "popularity"
    """In proportion to the number of training interactions."""
