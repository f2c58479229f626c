"""The steps of ExampleGen's pipeline: functions of batches of lists."""

from __future__ import annotations

import bisect
import dataclasses
import functools
import itertools
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

import apache_beam as beam
import numpy as np
from apache_beam.io import fileio
from tfx_bsl.coders import example_coder

from data import checks
from data import hashing
from data import policies
from data import readers
from data.errors import InputError
from data.features import FeatureSpec
from data.features import Scope
from data.lists import Lists
from data.lists import Places
from data.lists import merge
from data.lists import to_arrow
from data.lists import to_blocks
from data.readers import files
from pipeline.examples import TRAIN
from pipeline.examples import ExamplesConfig

LISTS, REFUSED, BROKEN, EXAMPLES, IDS = "lists", "refused", "broken", "examples", "ids"
"""The outputs of the steps."""
INTERACTIONS = "interactions"
"""The counter of the interactions that were read."""
NAMESPACE = "ranking"
"""The namespace of the counters."""


def count(name: str, number: int) -> None:
    """Adds to a counter of the run."""
    beam.metrics.Metrics.counter(NAMESPACE, name).inc(int(number))


def paths(pipeline: beam.Pipeline, name: str, patterns: Sequence[str]) -> beam.PCollection:
    """Returns the paths of the files of a split."""
    return (
        pipeline
        | f"Pattern[{name}]" >> beam.Create(patterns)
        | f"Match[{name}]" >> fileio.MatchAll()
        | f"Path[{name}]" >> beam.Map(lambda match: match.path)
        | f"Spread[{name}]" >> beam.Reshuffle()
    )


class Refusals:
    """Collects refusals of one call; the first ends the run where none is allowed."""

    def __init__(self, allowed: bool) -> None:
        self._allowed = allowed
        self.found: list[readers.Refusal] = []

    def __call__(self, refusal: readers.Refusal) -> None:
        """Counts and keeps a refusal; raises InputError with its text where none is allowed."""
        if not self._allowed:
            raise InputError(str(refusal))
        count(REFUSED, 1)
        self.found.append(refusal)

    def drain(self) -> Iterator[beam.pvalue.TaggedOutput]:
        """Yields the texts, and the ids of the lists that are no longer whole."""
        found, self.found = self.found, []
        for refusal in found:
            yield beam.pvalue.TaggedOutput(REFUSED, str(refusal))
            if refusal.list_id:
                yield beam.pvalue.TaggedOutput(BROKEN, refusal.list_id)


class Read(beam.DoFn):
    """From a file's path to batches of sound lists."""

    def __init__(self, config: ExamplesConfig, spec: FeatureSpec) -> None:
        super().__init__()
        self._config, self._spec = config, spec

    def process(self, path: str) -> Iterator[Any]:
        """Yields the lists of a file, and what was refused of which lists."""
        refusals = Refusals(self._config.max_bad_share > 0)
        config = self._config
        for lists in readers.read(
            path, format=config.format, spec=self._spec, options=config.options, refuse=refusals
        ):
            sound = checks.check(lists, self._spec, refusals)
            yield from refusals.drain()
            if len(sound):
                yield sound
        yield from refusals.drain()


class Encode(beam.DoFn):
    """From batches of lists to examples, after the policies of their split.

    Lists are cut or left out for training only: evaluation sees every list whole.
    """

    def __init__(
        self, spec: FeatureSpec, policy: policies.ListPolicy, split: str, allowed: bool
    ) -> None:
        super().__init__()
        if split != TRAIN:
            keep = policies.NoRelevant.KEEP
            policy = dataclasses.replace(policy, max_list_size=0, no_relevant=keep)
        self._spec, self._policy, self._split, self._allowed = spec, policy, split, allowed

    def process(self, lists: Lists) -> Iterator[Any]:
        """Yields serialized examples, list ids, and what was refused."""
        refusals = Refusals(self._allowed)
        kept = policies.apply(lists, self._policy, self._spec, refusals, self._tally)
        yield from refusals.drain()
        if not len(kept):
            return
        count(LISTS, len(kept))
        self._tally("lists", len(kept))
        self._tally("documents", kept.sizes.sum())
        if self._spec.impressions:
            yield from _encoder().encode(to_arrow(to_blocks(kept), self._spec))
            return
        if self._split == TRAIN:
            relevant = policies.has_relevant(kept, self._spec)
            self._tally(policies.NO_RELEVANT, len(kept) - relevant.sum())
        yield from _encoder().encode(to_arrow(kept, self._spec))
        for key in kept.ids:
            yield beam.pvalue.TaggedOutput(IDS, key)

    def _tally(self, name: str, number: int) -> None:
        count(f"{self._split} {name}", number)


@functools.lru_cache
def _encoder() -> example_coder.RecordBatchToExamplesEncoder:
    return example_coder.RecordBatchToExamplesEncoder()


def by_id(lists: Lists) -> Iterator[tuple[bytes, Lists]]:
    """Yields each list (or run of rows of a list) by itself, with its id."""
    stops = np.cumsum(lists.sizes)
    for index, key in enumerate(lists.ids):
        row = slice(index, index + 1)
        documents = slice(stops[index] - lists.sizes[index], stops[index])
        values = {
            name: column[documents if lists.scopes[name] is Scope.DOCUMENT else row]
            for name, column in lists.values.items()
        }
        yield (
            key,
            Lists([key], lists.origins[row], lists.sizes[row], values, lists.scopes),
        )


class Merge(beam.DoFn):
    """From all runs of rows with one id to one list; a list of which a run is missing is left out.

    An element is the id with its `LISTS` and, for each refusal, one of `BROKEN`.
    """

    def __init__(self, allowed: bool) -> None:
        super().__init__()
        self._allowed = allowed

    def process(self, element: tuple[bytes, Mapping[str, Iterable[Any]]]) -> Iterator[Any]:
        """Yields the list, or why it is refused."""
        key, parts = element
        runs = list(parts[LISTS])
        if any(True for _ in parts[BROKEN]):
            count("lists left out because rows of theirs were refused", bool(runs))
            return
        refusals = Refusals(self._allowed)
        yield from merge_runs(key, runs, refusals)
        yield from refusals.drain()


def merge_runs(
    key: bytes, runs: Iterable[Lists], refuse: Callable[[readers.Refusal], None]
) -> Iterator[Lists]:
    """Yields one list of all runs of rows with its id, in the order of the files.

    It is refused where they differ in a context column.
    """
    merged = merge(sorted(runs, key=lambda run: files.natural(run.origins[0])))
    context = {}
    for name, scope in merged.scopes.items():
        if scope is Scope.CONTEXT:
            context[name] = merged.values[name][:1]
            differs = (merged.values[name] != context[name]).any(axis=1)
            if differs.any():
                reason = (
                    f"column '{name}' of list '{key.decode(errors='replace')}' differs from"
                    f" {merged.origins[0]}; expected one value per list"
                )
                refuse(readers.Refusal.at(merged.origins[int(differs.argmax())], reason, key))
                return
    yield dataclasses.replace(
        merged,
        ids=[key],
        origins=merged.origins[:1],
        sizes=merged.sizes.sum(keepdims=True),
        values={**merged.values, **context},
    )


def select(lists: Lists, shares: Mapping[str, int], split: str) -> Iterator[Lists]:
    """Yields the lists whose id falls to a split: the same id, the same split, on any machine."""
    bounds = list(itertools.accumulate(shares.values()))
    names = list(shares)
    buckets = (hashing.bucket(key, bounds[-1]) for key in lists.ids)
    chosen = np.array([names[bisect.bisect(bounds, bucket)] == split for bucket in buckets])
    if chosen.any():
        yield lists.keep_lists(chosen)


def select_rows(lists: Lists, shares: Mapping[str, int], split: str, seed: int) -> Iterator[Lists]:
    """Yields the impressions that fall to a split by the hash of file name, row and seed.

    What is read from a file is the same on any machine, in any folder, zipped or not.
    """
    places = lists.origins
    if not isinstance(places, Places):
        raise TypeError(f"impressions have places, found {type(places)}")
    name = PurePosixPath(places.file).name.removesuffix(".gz").encode()
    start = hashing.seeds([name], b"%d:" % seed)[0]
    buckets = hashing.uniform(hashing.mix(start + places.numbers.astype(np.uint64)))
    bounds = np.cumsum(list(shares.values()))
    found = np.searchsorted(bounds, buckets * bounds[-1], side="right")
    chosen = found == list(shares).index(split)
    if chosen.any():
        yield lists.keep_lists(chosen)


def refuse_shared(key: bytes, splits: str) -> None:
    """Raises InputError where a list is in more than one split."""
    if "," in splits:
        raise InputError(
            f"examples: list '{key.decode(errors='replace')}' is in the splits"
            f" {splits.replace(',', ' and ')}; expected each list in one split"
        )
