"""Ranked lists from logs of interactions: the part of ExampleGen's pipeline that makes them.

An element is a batch of interactions, then all of a shard's, then a batch of lists. A shard holds
the whole history of its users, so what is decided user by user needs no more than that; what needs
the whole log (how often an item comes) is counted shard by shard and added up.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
from apache_beam import pvalue

from components.example_gen import interaction_steps as work
from components.example_gen import steps
from data.errors import InputError
from data.features import FeatureSpec
from data.interactions import filters
from data.interactions import given
from data.interactions import impressions
from pipeline.examples import CATALOGUE
from pipeline.examples import LOG
from pipeline.examples import ExamplesConfig

_OUTPUTS = (steps.REFUSED, *work.PARTS)


class _Flow:
    """The pipeline as it is put together; keeps the outputs of refusals."""

    def __init__(self, pipeline: beam.Pipeline, job: work.Job) -> None:
        self.pipeline, self.job = pipeline, job
        self.refused: list[beam.PCollection] = []

    def apply(
        self,
        source: beam.PCollection,
        name: str,
        function: Callable[..., Iterator[Any]],
        *sides: beam.PCollection,
    ) -> pvalue.DoOutputsTuple:
        """Returns the outputs of a step; each side input is one element."""
        step = beam.ParDo(self.job.step(function), *map(pvalue.AsSingleton, sides))
        found = source | name >> step.with_outputs(*_OUTPUTS, main=steps.LISTS)
        self.refused.append(found[steps.REFUSED])
        return found

    def do(
        self,
        source: beam.PCollection,
        name: str,
        function: Callable[..., Iterator[Any]],
        *sides: beam.PCollection,
    ) -> beam.PCollection:
        """Returns the one output of a step."""
        return self.apply(source, name, function, *sides)[steps.LISTS]

    def file(self, kind: str, name: str, function: Callable[..., Iterator[Any]]) -> Any:
        """Reads a file beside the log; gives nothing if there is none."""
        paths = [self.job.path(name)] if name else []
        source = self.pipeline | f"Path[{kind}]" >> beam.Create(paths)
        return self.do(source, f"Read[{kind}]", function)


def splits(
    pipeline: beam.Pipeline,
    config: ExamplesConfig,
    spec: FeatureSpec,
    patterns: Mapping[str, Sequence[str]],
) -> tuple[dict[str, beam.PCollection], list[beam.PCollection]]:
    """Makes ranked lists of logs of interactions.

    Args:
      pipeline: The pipeline to extend.
      config: The logs.
      spec: The columns of the lists.
      patterns: The patterns of the files, `log` or both `train` and `test`.

    Returns:
      The serialized examples of each split, and the outputs of texts about what was refused.
    """
    options = config.interactions
    if options is None:
        raise InputError("examples.format 'interactions' needs the table 'interactions'")
    by_user = impressions.of_lists(spec, options) if spec.impressions else spec
    flow = _Flow(pipeline, work.Job(config, options, by_user))
    nothing = pipeline | "NoItems" >> beam.Create([None])
    items = flow.file("items", options.items, work.items) if options.items else nothing
    known = items | "ItemIds" >> beam.Map(lambda table: None if table is None else table.ids)
    shards = _filtered(_gathered(flow, patterns, known), flow)
    divided = flow.do(shards, "Divide", work.divide)
    lines = flow.file(work.CANDIDATES, options.candidates_file, work.candidates)
    catalogue = _catalogue(flow, divided, lines, items, known)
    users = flow.file(work.USERS, options.users, work.users)
    parts = {
        LOG: divided,
        work.USERS: users,
        work.CANDIDATES: lines,
    } | "GroupParts" >> beam.CoGroupByKey()
    if spec.impressions:
        make = functools.partial(work.impressions, spec=spec)
        rows = flow.apply(parts, "Impressions", make, catalogue)
        made = {split: rows[split] for split in work.PARTS}
    else:
        lists = flow.apply(parts, "Lists", work.lists, catalogue)
        made = {split: lists[split] for split in work.PARTS}
        made[CATALOGUE] = flow.do(catalogue, "CatalogueLists", work.catalogue_lists)
    return _encoded(flow, made, spec), flow.refused


def _encoded(
    flow: _Flow, made: Mapping[str, beam.PCollection], spec: FeatureSpec
) -> dict[str, beam.PCollection]:
    """Returns the serialized examples of each split's batches."""
    config = flow.job.config
    examples = {}
    for name, batches in made.items():
        encoded = batches | f"Encode[{name}]" >> beam.ParDo(
            steps.Encode(spec, config.lists, name, config.max_bad_share > 0)
        ).with_outputs(steps.REFUSED, steps.IDS, main=steps.EXAMPLES)
        examples[name] = encoded[steps.EXAMPLES]
        flow.refused.append(encoded[steps.REFUSED])
    return examples


def _gathered(
    flow: _Flow, patterns: Mapping[str, Sequence[str]], known: beam.PCollection
) -> beam.PCollection:
    """Returns the shards, after the filters that need no more than one of them."""
    parts = {
        name: flow.do(steps.paths(flow.pipeline, name, of_spans), f"Read[{name}]", work.read)
        for name, of_spans in patterns.items()
    }
    return flow.do(parts | "GroupUsers" >> beam.CoGroupByKey(), "Gather", work.gather, known)


def _filtered(shards: beam.PCollection, flow: _Flow) -> beam.PCollection:
    """Returns the shards after the filters that need to know how often an item comes."""
    options = flow.job.options
    if options.min_item > 1:
        name = "interactions with items below min_item dropped"
        shards = _frequent(shards, flow, "MinItem", options.min_item, name)
    if not options.core:
        return shards
    for turn in range(options.core_rounds):  # a pipeline has no loop that ends by itself
        label = f"Core{turn + 1}"
        active = functools.partial(work.active, least=options.core)
        shards = flow.do(shards, f"{label}Users", active)
        shards = _frequent(shards, flow, f"{label}Items", options.core, work.OUTSIDE)
    return flow.do(shards, "CoreFound", work.core_found)


def _frequent(
    shards: beam.PCollection, flow: _Flow, label: str, least: int, name: str
) -> beam.PCollection:
    counts = (
        shards
        | f"{label}OfShards" >> beam.MapTuple(lambda _, shard: filters.item_counts(shard))
        | f"{label}Sum" >> beam.CombineGlobally(filters.add_counts)
    )
    keep = functools.partial(work.keep_frequent, least=least, name=name)
    return flow.do(shards, label, keep, counts)


def _catalogue(
    flow: _Flow,
    divided: beam.PCollection,
    lines: beam.PCollection,
    items: beam.PCollection,
    known: beam.PCollection,
) -> beam.PCollection:
    """Returns the one catalogue."""
    counts = (
        divided
        | "TrainingItems"
        >> beam.MapTuple(lambda _, part: filters.item_counts(part.shard, part.trained))
        | "Popularity" >> beam.CombineGlobally(filters.add_counts)
    )
    more = (
        lines
        | "CandidateItems" >> beam.MapTuple(lambda _, batch: given.items(batch))
        | "AllCandidateItems" >> beam.CombineGlobally(given.distinct)
    )
    return flow.do(counts, "Catalogue", work.build_catalogue, more, items, known)
