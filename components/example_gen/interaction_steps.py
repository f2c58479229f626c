"""The steps that make ranked lists of interactions; `interactions` puts them together."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam import pvalue

from components.example_gen import steps
from data.features import FeatureSpec
from data.features import Scope
from data.interactions import catalogue as catalogues
from data.interactions import filters
from data.interactions import given
from data.interactions import impressions as impressions_lib
from data.interactions import leaks
from data.interactions import lists as lists_lib
from data.interactions import shard as shards
from data.interactions import splitting
from data.interactions import tables
from data.interactions.catalogue import Catalogue
from data.interactions.filters import Refuse
from data.interactions.log import read_log
from data.interactions.options import InteractionOptions
from data.interactions.splitting import Divided
from data.interactions.splitting import Part
from data.interactions.tables import SideTable
from data.lists import Lists
from pipeline.examples import LOG
from pipeline.examples import TEST
from pipeline.examples import TRAIN
from pipeline.examples import VALIDATION
from pipeline.examples import ExamplesConfig

USERS, CANDIDATES = "users", "candidates"
"""What comes to a shard beside its interactions."""
PARTS = {TRAIN: Part.TRAIN, VALIDATION: Part.VALIDATION, TEST: Part.TEST}
"""The splits whose lists are users."""
OUTSIDE = "interactions outside the core dropped"
"""The counter of what the k-core leaves out."""

Numbered = tuple[int, Any]
"""Something of a shard, with the shard's number."""


@dataclasses.dataclass(frozen=True)
class Job:
    """What every step is told.

    Attributes:
      config: The logs.
      options: How they are divided.
      spec: The columns of the lists.
    """

    config: ExamplesConfig
    options: InteractionOptions
    spec: FeatureSpec

    def path(self, file: str) -> str:
        """Returns the path of a file beside the log."""
        return os.path.join(self.config.base, file)

    def step(self, function: Callable[..., Iterator[Any]]) -> beam.DoFn:
        """Returns `function(job, element, *side_inputs, refuse)` as a step."""
        return _Step(functools.partial(function, self), self.config.max_bad_share > 0)


class _Step(beam.DoFn):
    """A function that yields results and refuses what it must; refusals are an output."""

    def __init__(self, function: Callable[..., Iterator[Any]], allowed: bool) -> None:
        super().__init__()
        self._function, self._allowed = function, allowed

    def default_type_hints(self) -> None:
        """Returns none: Beam takes `*side_inputs` for one that is a tuple."""

    def process(self, element: Any, *side_inputs: Any) -> Iterator[Any]:
        refusals = steps.Refusals(self._allowed)
        for found in self._function(element, *side_inputs, refusals):
            yield found
            yield from refusals.drain()
        yield from refusals.drain()


def read(job: Job, path: str, refuse: Refuse) -> Iterator[Numbered]:
    """Reads a file; yields the interactions of each shard, batch by batch."""
    for batch in read_log(path, job.options, refuse):
        yield from shards.parts(batch, job.options.shards)


def items(job: Job, path: str, refuse: Refuse) -> Iterator[SideTable]:
    """Yields the file of items."""
    features = catalogues.side_features(job.spec, Scope.DOCUMENT, job.options.item_column)
    yield tables.read_items(path, job.options, features, refuse)


def users(job: Job, path: str, refuse: Refuse) -> Iterator[Numbered]:
    """Reads the file of users; yields each shard's."""
    features = catalogues.side_features(job.spec, Scope.CONTEXT, job.options.user_column)
    table = tables.read_users(path, job.options, features, refuse)
    for shard, rows in shards.positions(table.ids, job.options.shards):
        values = {name: column[rows] for name, column in table.values.items()}
        yield shard, SideTable(table.ids.take(pa.array(rows)), values, table.unknown)


def candidates(job: Job, path: str, refuse: Refuse) -> Iterator[Numbered]:
    """Reads the file of candidates; yields the lines of each shard's users."""
    for batch in tables.read_candidates(path, refuse):
        yield from shards.parts(batch, job.options.shards)


def gather(
    job: Job,
    element: tuple[int, Mapping[str, Iterable[pa.RecordBatch]]],
    known: pa.Array | None,
    refuse: Refuse,
) -> Iterator[Numbered]:
    """Yields a shard, after the filters that need no other; `known` are the items file's ids."""
    number, parts = element
    options = job.options
    log = [batch for name in (LOG, TRAIN) for batch in parts.get(name, ())]
    shard = shards.gather(log, parts.get(TEST, ()), layout=options.layout)
    shard = filters.sound(shard, options, job.spec, known, refuse, steps.count)
    steps.count(steps.INTERACTIONS, len(shard))
    shard = filters.distinct(shard, options.repeats, refuse, steps.count)
    shard = filters.with_value(shard, options.min_value, steps.count)
    shard = filters.with_label(shard, options, steps.count)
    name = "interactions of users below min_user dropped"
    yield number, filters.with_users(shard, options.min_user, name, steps.count)


def active(job: Job, element: Numbered, refuse: Refuse, *, least: int) -> Iterator[Numbered]:
    """Leaves out users with fewer interactions than `least`."""
    del job, refuse
    number, shard = element
    yield number, filters.with_users(shard, least, OUTSIDE, steps.count)


def keep_frequent(
    job: Job, element: Numbered, counts: pa.Table, refuse: Refuse, *, least: int, name: str
) -> Iterator[Numbered]:
    """Leaves out items with fewer interactions than `least` in the whole log."""
    del job, refuse
    number, shard = element
    yield number, filters.with_items(shard, counts, least, name, steps.count)


def core_found(job: Job, element: Numbered, refuse: Refuse) -> Iterator[Numbered]:
    """Raises InputError where the rounds for the k-core were too few."""
    del refuse
    number, shard = element
    yield number, filters.require_core(shard, job.options)


def divide(job: Job, element: Numbered, refuse: Refuse) -> Iterator[Numbered]:
    """Divides a shard; raises InputError where a split knows what it must not know."""
    number, shard = element
    divided = splitting.divide(shard, job.options, TEST in job.config.splits, refuse, steps.count)
    leaks.check(divided, job.options)
    yield number, divided


def build_catalogue(
    job: Job,
    counts: pa.Table,
    more: pa.Array,
    items: SideTable | None,
    known: pa.Array | None,
    refuse: Refuse,
) -> Iterator[Catalogue]:
    """Yields the catalogue of the items counted and of `more`, the ids of given candidates."""
    del refuse
    more = given.usable(more, known, job.options, job.spec)
    yield catalogues.build(counts, more, items, job.options, job.spec)


def catalogue_lists(job: Job, catalogue: Catalogue, refuse: Refuse) -> Iterator[Lists]:
    """Yields the lists that hold the catalogue."""
    del refuse
    yield from catalogues.to_lists(catalogue, job.spec)


def lists(
    job: Job,
    element: tuple[int, Mapping[str, Iterable[Any]]],
    catalogue: Catalogue,
    refuse: Refuse,
) -> Iterator[pvalue.TaggedOutput]:
    """Yields the lists of a shard, each batch for its split."""
    parts, options, spec = element[1], job.options, job.spec
    for divided in parts[LOG]:
        table = next(iter(parts[USERS]), None)
        shard = divided.shard
        own = catalogues.side_columns(shard.users, table, options.user_column, Scope.CONTEXT, spec)
        for split, part in PARTS.items():
            documents = _documents(job, divided, part, parts[CANDIDATES], catalogue, refuse)
            for batch in lists_lib.to_lists(documents, shard, catalogue, own, spec):
                yield pvalue.TaggedOutput(split, batch)


def impressions(
    job: Job,
    element: tuple[int, Mapping[str, Iterable[Any]]],
    catalogue: Catalogue,
    refuse: Refuse,
    *,
    spec: FeatureSpec,
) -> Iterator[pvalue.TaggedOutput]:
    """Yields the interactions of a shard as rows with the columns of `spec`, split by split."""
    del refuse
    number, parts = element
    for divided in parts[LOG]:
        users, name = divided.shard.users, job.options.user_column
        table = next(iter(parts[USERS]), None)
        own = catalogues.side_columns(users, table, name, Scope.CONTEXT, job.spec)
        for split, part in PARTS.items():
            rows = divided.trained if part is Part.TRAIN else divided.part == part
            found = lists_lib.positives(divided, rows, catalogue, job.options)
            for batch in impressions_lib.to_rows(found, catalogue, own, f"shard {number}", spec):
                yield pvalue.TaggedOutput(split, batch)


def _documents(
    job: Job,
    divided: Divided,
    part: Part,
    lines: Iterable[pa.RecordBatch],
    catalogue: Catalogue,
    refuse: Refuse,
) -> lists_lib.Documents:
    options = job.options
    if part is Part.TRAIN:
        return lists_lib.trained(divided, catalogue, options)
    if part is Part.TEST and options.candidates_file:
        path = job.path(options.candidates_file)
        return given.lists(divided, list(lines), path, catalogue, options, refuse, steps.count)
    return lists_lib.drawn(divided, part, catalogue, options)
