"""How interaction logs are read, filtered, split and turned into ranked lists."""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Iterator

from data.errors import InputError
from data.interactions.kinds import MOVIELENS
from data.interactions.kinds import TABLES
from data.interactions.kinds import CandidateKind
from data.interactions.kinds import CatalogueOf
from data.interactions.kinds import Labels
from data.interactions.kinds import Layout
from data.interactions.kinds import Repeats
from data.interactions.kinds import ShortUsers
from data.interactions.kinds import SplitRule
from data.interactions.kinds import UnknownItems


@dataclasses.dataclass(frozen=True)
class InteractionOptions:
    """The table `[examples.interactions]`.

    Attributes:
      layout: csv, parquet, ml-100k, ml-1m, ml-csv (ml-latest, ML-20M, 25M, 32M) or ncf.
      user: The column of user ids, and the name of the feature that holds them.
      item: The column of item ids, and the name of the feature that holds them. The MovieLens
        layouts call the two `user_id` and `movie_id`.
      value: csv, parquet: the column of ratings or amounts; empty: each interaction has value 1.
      time: csv, parquet: the column of times, numbers or (parquet) dates; empty: the order of the
        file is that of time.
      delimiter: csv: the character between two cells, of text beside parquet and ncf as well.
      users: The file of users below `base`, in the form of the layout; csv or parquet with a
        header for csv, parquet and ncf. Empty: none.
      items: The file of items below `base`, likewise.
      sides: The layout of the files of users and items, where it is another one than the log's.
      min_value: Interactions with a smaller value are left out.
      labels: implicit, graded or threshold.
      positive_from: threshold: the lowest value of label 1.
      negative_to: threshold: the highest value of label 0; what lies between is left out.
      repeats: Which of a user's repeated interactions with one item counts.
      min_user: Users with fewer interactions are left out.
      min_item: Items with fewer interactions are left out.
      core: Users and items are left out until each has so many interactions; 0: no k-core.
      core_rounds: The most rounds of that.
      short_users: What becomes of users with too few interactions to hold some out.
      unknown_items: What becomes of items that the items file does not have.
      catalogue: log or items: the items that can be recommended.
      split: leave_last_out, time, user or impression.
      user_features: impression: the features that the file of users has; MovieLens' are known.
      held_out: The interactions per user held out for test, and as many before for validation.
      validation_from: time: when validation begins.
      test_from: time: when test begins.
      validation_share: user: the per cent of users that validate, by the hash of the id;
        impression: that of interactions, by the hash of user, item and seed.
      test_share: user, impression: the per cent that test, likewise.
      recency: How much more a user's newer training interactions weigh: the weight, in the column
        that `features.weight` names, grows as this power of the place in the user's history.
      train_on_validation: Whether the validation interactions are trained on as well: once the
        settings are chosen.
      candidates: The number of negatives in a validation or test list.
      candidate_kind: uniform or popularity.
      candidates_file: A file below `base` with the negatives of the test lists, in lines of
        `(user,item)` and negatives parted by tabs.
      seed: Of the negatives, and of the division into impressions.
      shards: The parts, by hash of the user, that the log is worked on in; each must fit in memory.
    """

    layout: Layout = Layout.CSV
    user: str = "user_id"
    item: str = "item_id"
    value: str = ""
    time: str = ""
    delimiter: str = ","
    users: str = ""
    items: str = ""
    sides: Layout | None = None
    min_value: float | None = None
    labels: Labels = Labels.IMPLICIT
    positive_from: float | None = None
    negative_to: float | None = None
    repeats: Repeats = Repeats.LAST
    min_user: int = 1
    min_item: int = 1
    core: int = 0
    core_rounds: int = 20
    short_users: ShortUsers = ShortUsers.TRAIN
    unknown_items: UnknownItems = UnknownItems.REFUSE
    catalogue: CatalogueOf = CatalogueOf.LOG
    split: SplitRule = SplitRule.LEAVE_LAST_OUT
    user_features: tuple[str, ...] = ()
    held_out: int = 1
    validation_from: float = 0.0
    test_from: float = 0.0
    validation_share: int = 10
    test_share: int = 10
    recency: float = 0.0
    train_on_validation: bool = False
    candidates: int = 99
    candidate_kind: CandidateKind = CandidateKind.UNIFORM
    candidates_file: str = ""
    seed: int = 0
    shards: int = 16

    def __post_init__(self) -> None:
        for rules in (
            self._column_rules(),
            self._number_rules(),
            self._recency_rules(),
            self._split_rules(),
            self._label_rules(),
            self._impression_rules(),
        ):
            for rule, broken in rules:
                if broken:
                    raise InputError(rule)

    def _column_rules(self) -> Iterator[tuple[str, bool]]:
        for setting, found in (("user", self.user), ("item", self.item)):
            yield f"{setting}: the name of a column must not be empty", not found
        names = [name for name in (self.user, self.item, self.value, self.time) if name]
        twice = [name for name, count in collections.Counter(names).items() if count > 1]
        yield f"user, item, value, time: '{''.join(twice[:1])}' is named twice", bool(twice)
        layout = f"layout '{self.layout.value}'"
        yield from self._movielens_rules(layout)
        named = self.layout in TABLES
        for setting, found in (("value", self.value), ("time", self.time)):
            rule = f"{setting}: {layout} knows its columns itself, found '{found}'"
            yield rule, bool(found) and not named
        one = len(self.delimiter) == 1 and self.delimiter.isascii()
        yield f"delimiter: found '{self.delimiter}', expected one ASCII character", not one
        for setting, broken in (
            ("min_value", self.min_value is not None),
            (f"labels = '{self.labels.value}'", self.labels is not Labels.IMPLICIT),
        ):
            yield f"{setting}: needs 'value', the column of values", broken and not self.has_value

    def _movielens_rules(self, layout: str) -> Iterator[tuple[str, bool]]:
        sides = self.side_layout
        if self.sides is not None:
            rule = f"sides: found '{sides.value}', expected csv, parquet or a layout of MovieLens"
            yield rule, sides not in TABLES | MOVIELENS
        if self.layout not in MOVIELENS and sides in MOVIELENS:
            columns = f"sides: '{sides.value}' calls its columns 'user_id' and 'movie_id'"
            found = (self.user, self.item)
            yield f"{columns}, found {found}", found != ("user_id", "movie_id")
        without = sides is Layout.ML_CSV and bool(self.users)
        yield f"users: layout '{sides.value}' has no file of users, found '{self.users}'", without
        if self.layout not in MOVIELENS:
            return
        columns = f"{layout} calls its columns 'user_id' and 'movie_id'"
        yield f"user: {columns}, found '{self.user}'", self.user != "user_id"
        renamed = self.item not in ("item_id", "movie_id")
        yield f"item: {columns}, found '{self.item}'", renamed

    def _number_rules(self) -> Iterator[tuple[str, bool]]:
        for setting, found, least in (
            ("min_user", self.min_user, 1),
            ("min_item", self.min_item, 1),
            ("core", self.core, 0),
            ("core_rounds", self.core_rounds, 1),
            ("held_out", self.held_out, 1),
            ("validation_share", self.validation_share, 1),
            ("test_share", self.test_share, 1),
            ("candidates", self.candidates, 1),
            ("seed", self.seed, 0),
            ("shards", self.shards, 1),
        ):
            yield f"{setting} must be at least {least}, found {found}", found < least
        for setting, number in (
            ("min_value", self.min_value or 0.0),
            ("validation_from", self.validation_from),
            ("test_from", self.test_from),
        ):
            yield f"{setting} must be a finite number, found {number}", not math.isfinite(number)

    def _recency_rules(self) -> Iterator[tuple[str, bool]]:
        sound = 0 <= self.recency < math.inf
        yield f"recency must be 0 or more, found {self.recency}", not sound

    def _split_rules(self) -> Iterator[tuple[str, bool]]:
        users = self.split is SplitRule.USER and self.train_on_validation
        yield "train_on_validation is not for split = 'user', whose users are apart", users
        held = self.validation_share + self.test_share
        shares = f"validation_share and test_share must leave users to train on, found {held} %"
        yield shares, held >= 100
        timed = self.split is SplitRule.TIME
        yield "split = 'time': needs 'time', the column of times", timed and not self.has_time
        ordered = self.validation_from < self.test_from
        order = f"found {self.validation_from} and {self.test_from}"
        yield f"validation_from must be before test_from, {order}", timed and not ordered
        for setting, found in (
            ("validation_from", self.validation_from),
            ("test_from", self.test_from),
        ):
            yield f"{setting} is for split = 'time', found {found}", not timed and found != 0
        listed = self.catalogue is CatalogueOf.ITEMS
        yield "catalogue = 'items': needs 'items', the file of items", listed and not self.items

    def _label_rules(self) -> Iterator[tuple[str, bool]]:
        low, high = self.negative_to, self.positive_from
        bounds = low is not None and high is not None
        wanted = self.labels is Labels.THRESHOLD
        together = "positive_from, negative_to: both are needed for labels = 'threshold'"
        yield f"{together}, and for none else", wanted != bounds or (low is None) != (high is None)
        if low is None or high is None:
            return
        finite = math.isfinite(low) and math.isfinite(high)
        order = f"negative_to must be below positive_from, found {low} and {high}"
        yield order, not (finite and low < high)

    def _impression_rules(self) -> Iterator[tuple[str, bool]]:
        wanted = self.split is SplitRule.IMPRESSION
        without = "labels = 'threshold' are for split = 'impression'; a list is made of positives"
        yield without, self.labels is Labels.THRESHOLD and not wanted
        yield "user_features is for split = 'impression'", bool(self.user_features) and not wanted
        if not wanted:
            return
        for setting in ("held_out", "recency", "candidates", "candidate_kind", "candidates_file"):
            default = type(self).__dataclass_fields__[setting].default
            broken = vars(self)[setting] != default
            yield f"{setting}: split = 'impression' makes no lists; leave it out", broken

    @property
    def side_layout(self) -> Layout:
        """How the files of users and items are written."""
        return self.sides or self.layout

    @property
    def user_column(self) -> str:
        """The name of the column, and of the feature, of user ids."""
        return "user_id" if self.layout in MOVIELENS else self.user

    @property
    def item_column(self) -> str:
        """The name of the column, and of the feature, of item ids."""
        return "movie_id" if self.layout in MOVIELENS else self.item

    @property
    def has_value(self) -> bool:
        """Whether the log has values."""
        return self.layout not in TABLES or bool(self.value)

    @property
    def has_time(self) -> bool:
        """Whether the log has times; the lines of the NCF layout may lack them."""
        return self.layout not in TABLES or bool(self.time)
