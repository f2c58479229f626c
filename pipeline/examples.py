"""The raw logs in the configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from data.errors import InputError
from data.features import ACROSS_LIST
from data.features import DType
from data.features import FeatureSpec
from data.features import Scope
from data.interactions import impressions
from data.interactions.catalogue import POPULARITY
from data.interactions.kinds import Labels
from data.interactions.kinds import SplitRule
from data.interactions.options import InteractionOptions
from data.policies import ListPolicy
from data.readers import Format
from data.readers import ReadOptions
from data.synthetic import Synthetic
from pipeline.spans import SpansConfig
from pipeline.spans import asked

TRAIN, VALIDATION, TEST = "train", "validation", "test"
"""The names of splits that mean something to the pipeline."""
CATALOGUE = "catalogue"
"""The split that holds all items, where lists are made of interactions."""
LOG = "log"
"""The pattern of interactions that are yet to be divided."""
SPAN = "span"
"""The parameter of a run on a cluster that names a span."""


def _has_span(pattern: str) -> bool:
    return "{SPAN" in pattern or "{YYYY}" in pattern


@dataclasses.dataclass(frozen=True)
class ExamplesConfig:
    """The raw logs.

    Attributes:
      format: elwc, libsvm, csv, parquet, criteo or interactions.
      base: The folder of the files.
      splits: Split names and file patterns below `base`; `{SPAN}`, `{VERSION}` and
        `{YYYY}-{MM}-{DD}` stand for the number, version or day of a span of the logs.
      hash_splits: Split names and shares: a list goes to a split by the hash of its id, an
        impression by that of its file's name and row. Divided is the one pattern of `splits` or,
        beside others, the one of `train`.
      span: The spans to train on, numbers or days, such as `18`, `2026-11-20`, `18..20, 22:1`;
        empty for what `spans` says or, without it, the newest.
      spans: How training follows the spans, run by run.
      max_bad_share: The share of records that may be refused before the run stops.
      options: How the format is read.
      lists: What is done about long lists, duplicates and labels.
      interactions: How a log of interactions is read and divided; `splits` then names one pattern,
        `log`, or two, `train` and `test`.
      synthetic: Lists to generate into `base` first.
    """

    format: Format
    base: str
    splits: dict[str, str]
    hash_splits: dict[str, int] = dataclasses.field(default_factory=dict)
    span: str = ""
    spans: SpansConfig | None = None
    max_bad_share: float = 0.0
    options: ReadOptions = ReadOptions()
    lists: ListPolicy = ListPolicy()
    interactions: InteractionOptions | None = None
    synthetic: Synthetic | None = None

    def __post_init__(self) -> None:
        for rule, broken in self._rules():
            if broken:
                raise InputError(rule)
        if self.interactions:
            return
        names = sorted(self.split_names)
        if not {TRAIN, VALIDATION} <= set(names):
            raise InputError(f"splits must include '{TRAIN}' and '{VALIDATION}', found {names}")
        if self.hash_splits and len(self.splits) > 1 and TRAIN not in self.splits:
            raise InputError(
                f"hash_splits divides the one pattern of splits, or '{TRAIN}' among several;"
                f" found {sorted(self.splits)}"
            )
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(f"'{twice[0]}' is named in splits and in hash_splits")

    def _rules(self) -> Iterator[tuple[str, bool]]:
        patterns = list(self.splits.values())
        yield "splits must name at least one pattern", not patterns
        yield "splits: a pattern is empty", "" in patterns
        yield "splits: two splits have the same pattern", len(set(patterns)) < len(patterns)
        for name in (*self.splits, *self.hash_splits):
            sound = name.replace("_", "").replace("-", "").isalnum()
            yield f"split name '{name}' must be letters, digits, '-' or '_'", not sound
        for name, share in self.hash_splits.items():
            yield f"hash_splits: {name} must be at least 1, found {share}", share < 1
        bad_share = not 0 <= self.max_bad_share < 1
        yield f"max_bad_share must be in [0, 1), found {self.max_bad_share}", bad_share
        wanted = bool(asked(self.span)) or self.spans is not None
        yield "spans need '{SPAN}' or a date in every pattern", wanted and not self.has_spans
        marker = self.spans.marker if self.spans else ""
        spanless = bool(marker) and not _has_span(marker)
        yield f"spans.marker needs '{{SPAN}}' or a date, found '{marker}'", spanless
        generated = self.synthetic is not None and self.format is not Format.ELWC
        yield "synthetic lists are written as 'elwc'", generated
        yield from self._interaction_rules()

    def _interaction_rules(self) -> Iterator[tuple[str, bool]]:
        wanted = self.format is Format.INTERACTIONS
        apart = wanted != (self.interactions is not None)
        yield "format 'interactions' and the table 'interactions' go together", apart
        if self.interactions is None:
            return
        names = sorted(self.splits)
        sound = names in ([LOG], [TEST, TRAIN])
        yield (
            f"splits of interactions are '{LOG}', or '{TRAIN}' and '{TEST}'; found {names}",
            (not sound),
        )
        divided = self.interactions.split is not SplitRule.LEAVE_LAST_OUT and names != [LOG]
        yield f"interactions.split '{self.interactions.split.value}' divides one '{LOG}'", divided
        given = "interactions are divided by interactions.split, not by 'hash_splits'"
        yield given, bool(self.hash_splits)
        yield "'lists' is for logs of lists, not for interactions", self.lists != ListPolicy()
        yield "'options' is for logs of lists, not for interactions", self.options != ReadOptions()

    @property
    def has_spans(self) -> bool:
        """Whether the logs come in spans: numbered or dated portions."""
        return all(map(_has_span, self.splits.values()))

    @property
    def has_days(self) -> bool:
        """Whether these are days."""
        return all("{YYYY}" in pattern for pattern in self.splits.values())

    @property
    def divided(self) -> str:
        """The name of the split whose lists `hash_splits` divides; empty if none is."""
        if not self.hash_splits:
            return ""
        return TRAIN if TRAIN in self.splits else next(iter(self.splits))

    @property
    def split_names(self) -> tuple[str, ...]:
        """All splits."""
        if self.interactions:
            return (TRAIN, VALIDATION, TEST, *([CATALOGUE] if self.has_catalogue else []))
        return (*self.hash_splits, *(name for name in self.splits if name != self.divided))

    @property
    def evaluation_split(self) -> str:
        """The split that judges the model: test, or validation where there is none."""
        return TEST if TEST in self.split_names else VALIDATION

    @property
    def learned_splits(self) -> tuple[str, ...]:
        """The splits that the Trainer reads."""
        return (*self.training_splits, VALIDATION)

    @property
    def training_splits(self) -> tuple[str, ...]:
        """Those of them that it trains on."""
        return (TRAIN, CATALOGUE) if self.has_catalogue else (TRAIN,)

    @property
    def has_catalogue(self) -> bool:
        """Whether the logs are interactions that become lists of the items of a catalogue."""
        options = self.interactions
        return options is not None and options.split is not SplitRule.IMPRESSION

    def require(self, features: FeatureSpec) -> None:
        """Raises InputError where the logs cannot have these features."""
        self.lists.require(features)
        if features.impressions or self.format is Format.CRITEO:
            self._require_impressions(features)
        else:
            self._require_ids(features)
        if features.tasks and self.format is Format.LIBSVM:
            raise InputError(
                "features.tasks: the format 'libsvm' has one label per document, found"
                f" {', '.join(features.tasks)} beside it"
            )
        if self.interactions is not None:
            self._require_interactions(self.interactions, features)

    def _require_ids(self, features: FeatureSpec) -> None:
        if self.interactions is not None and not self.has_catalogue:
            raise InputError(
                "examples.interactions.split 'impression' needs features.impressions = true"
            )
        if self.format in (Format.CSV, Format.PARQUET) and not features.list_id:
            raise InputError(
                f"examples.format '{self.format.value}' needs features.list_id: rows make lists by"
                " it; with features.impressions = true each row stands for itself"
            )
        if self.hash_splits and not features.list_id:
            raise InputError("examples.hash_splits needs features.list_id: lists are split by it")

    def _require_impressions(self, features: FeatureSpec) -> None:
        if not features.impressions:
            raise InputError("examples.format 'criteo' needs features.impressions = true")
        if self.has_catalogue:
            raise InputError(
                "features.impressions: examples.interactions makes lists; expected split ="
                " 'impression'"
            )
        if self.format in (Format.ELWC, Format.LIBSVM):
            raise InputError(
                f"features.impressions: the format '{self.format.value}' holds lists; expected csv,"
                " parquet or criteo"
            )

    def _require_interactions(self, options: InteractionOptions, features: FeatureSpec) -> None:
        if features.impressions:
            if options.labels is Labels.IMPLICIT:
                raise InputError(
                    "examples.interactions.split 'impression' needs labels = 'graded' or"
                    " 'threshold': impressions differ by their labels"
                )
            by_user = impressions.of_lists(features, options)
            self._require_columns(options, by_user)
            return
        if not (features.list_id and features.document_id):
            raise InputError(
                "examples.interactions needs features.list_id and features.document_id: the"
                " user's id and the item's"
            )
        for feature in features.features:
            if not ACROSS_LIST.isdisjoint(feature.transform):
                raise InputError(
                    f"feature '{feature.name}': items are transformed once for all lists; no step"
                    " may look across the list"
                )
        self._require_columns(options, features)

    def _require_columns(self, options: InteractionOptions, features: FeatureSpec) -> None:
        if options.recency and not features.weight:
            raise InputError(
                "examples.interactions.recency needs features.weight, the name of the column that"
                " it fills"
            )
        own = {
            Scope.CONTEXT: (options.user_column, "users", options.users),
            Scope.DOCUMENT: (options.item_column, "items", options.items),
        }
        for feature in features.features:
            name, setting, file = own[feature.scope]
            popularity = feature.scope is Scope.DOCUMENT and feature.name == POPULARITY
            number = feature.dtype is not DType.STRING
            if popularity and not (number and feature.width == 1):
                raise InputError(f"feature '{feature.name}': it is one number; set dtype and width")
            if feature.name == name and (feature.width > 1 or feature.default is not None):
                raise InputError(
                    f"feature '{feature.name}': an id is one value, and never missing; set width"
                    " = 1 and no default"
                )
            if feature.name != name and not popularity and not file:
                raise InputError(
                    f"feature '{feature.name}': its values come from a file; name it in"
                    f" examples.interactions.{setting}"
                )
