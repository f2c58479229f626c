"""The Beam pipeline of ExampleGen.

An element is a batch of lists, never a document. Files are read in parallel, each in bounded
memory; rows of one list that lie apart are brought together by its id. Impressions are written as
they are read; lists are mixed first, by TFX.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import json
import os
import re
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
from apache_beam.runners.runner import PipelineResult
from google.protobuf import wrappers_pb2
from tfx.components.example_gen import base_example_gen_executor
from tfx.components.example_gen import utils
from tfx.dsl.io import fileio as tfx_fileio
from tfx.proto import example_gen_pb2
from tfx.types import Artifact
from tfx.types import artifact_utils
from tfx.types import standard_component_specs
from tfx.utils import io_utils
from tfx.utils import proto_utils

from components.example_gen import interactions
from components.example_gen import portions
from components.example_gen import steps
from components.example_gen.writing import WriteBlocks
from data import plain
from data.errors import InputError
from data.features import FeatureSpec
from data.lists import Lists
from data.readers import Format
from pipeline.examples import ExamplesConfig
from pipeline.spans import Span

REPORT = "ingestion.json"
"""The file beside the examples with what was read, dropped and refused."""
SPANS, PLAN = "spans", "plan"
"""The properties of the examples with the spans that were read, as JSON, and with the reason."""
UNFINISHED = "unfinished"
"""The folder beside the examples with files that are being written."""


@dataclasses.dataclass(frozen=True)
class Job:
    """What the workers need.

    Attributes:
      config: The raw logs.
      spec: Their columns.
      code: A fingerprint of the code, for the cache.
      files: Fingerprints of files that TFX takes none of: those of list sizes, of users and items,
        and of all spans but the newest.
      spans: The spans that are read, oldest first; none for logs without spans.
      why: Why these spans are read, in a sentence.
    """

    config: ExamplesConfig
    spec: FeatureSpec
    code: str = ""
    files: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()
    why: str = ""


class Executor(base_example_gen_executor.BaseExampleGenExecutor):
    """Reads raw logs into columnar examples."""

    _pipeline: beam.Pipeline
    _output: Artifact
    _refused_prefix: str

    def GetInputSourceToExamplePTransform(self) -> beam.PTransform:  # noqa: N802  TFX's name
        """Not used: splits are made by list id, after reading."""
        raise NotImplementedError

    def Do(  # noqa: N802  TFX's name
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the pipeline; raises InputError where too much of the input is bad."""
        self._output = artifact_utils.get_single_instance(
            output_dict[standard_component_specs.EXAMPLES_KEY]
        )
        uri = str(self._output.uri)
        _clear(uri)
        self._refused_prefix = os.path.join(uri, "refused")
        try:
            with clear_errors():
                super().Do(input_dict, output_dict, exec_properties)
        finally:
            if tfx_fileio.exists(unfinished := os.path.join(uri, UNFINISHED)):
                tfx_fileio.rmtree(unfinished)
        job = job_of(exec_properties)
        try:
            report = summarize(self._pipeline.result, job.config)
        except InputError as error:
            raise InputError(f"{error}{self._first_refused()}") from None
        io_utils.write_string_file(os.path.join(uri, REPORT), json.dumps(report, indent=2))

    def _first_refused(self) -> str:
        for path in sorted(tfx_fileio.glob(f"{self._refused_prefix}*")):
            with tfx_fileio.open(path) as file:
                for line in file:
                    return f"; the first: {line.strip()}"
        return ""

    def GenerateExamplesByBeam(  # noqa: N802  TFX's name
        self, pipeline: beam.Pipeline, exec_properties: dict[str, Any]
    ) -> dict[str, beam.PCollection]:
        """Returns the serialized examples of each split that is yet to be mixed and written."""
        self._pipeline = pipeline
        job = job_of(exec_properties)
        # TFX named the patterns, and knows none that is divided beside one that is not.
        self._output.split_names = artifact_utils.encode_split_names(list(job.config.split_names))
        self._tell_of(job)
        patterns = {
            name: [
                os.path.join(job.config.base, part)
                for part in portions.all_filled(pattern, job.spans)
            ]
            for name, pattern in job.config.splits.items()
        }
        if job.config.format is Format.INTERACTIONS:
            examples, refused = interactions.splits(pipeline, job.config, job.spec, patterns)
        else:
            examples, refused = _examples(pipeline, job, patterns)
        _ = (
            refused
            | "Refused" >> beam.Flatten()
            | "WriteRefused" >> beam.io.WriteToText(self._refused_prefix, ".txt")
        )
        if not job.spec.impressions:
            return examples
        unfinished = os.path.join(self._output.uri, UNFINISHED)
        for name, part in examples.items():
            folder = artifact_utils.get_split_uri([self._output], name)
            _ = part | f"WriteBlocks[{name}]" >> WriteBlocks(folder, os.path.join(unfinished, name))
        return {}

    def _tell_of(self, job: Job) -> None:
        """Notes the spans where ML Metadata keeps them."""
        if not job.spans:
            return
        spans = [[found.span, found.version] for found in job.spans]
        self._output.set_string_custom_property(SPANS, json.dumps(spans))
        self._output.set_string_custom_property(PLAN, job.why)
        self._output.set_int_custom_property(utils.SPAN_PROPERTY_NAME, job.spans[-1].span)
        self._output.set_int_custom_property(utils.VERSION_PROPERTY_NAME, job.spans[-1].version)


def _clear(uri: str) -> None:
    """Removes what an attempt that was killed left in the same folder."""
    for left in [*tfx_fileio.glob(os.path.join(uri, "Split-*")), os.path.join(uri, UNFINISHED)]:
        if tfx_fileio.exists(left):
            tfx_fileio.rmtree(left)


def job_of(exec_properties: Mapping[str, Any]) -> Job:
    """Returns what the node was built with."""
    custom = example_gen_pb2.CustomConfig()
    proto_utils.json_to_proto(exec_properties[standard_component_specs.CUSTOM_CONFIG_KEY], custom)
    text = wrappers_pb2.StringValue()
    custom.custom_config.Unpack(text)
    return plain.from_json(Job, text.value)


def _examples(
    pipeline: beam.Pipeline, job: Job, patterns: Mapping[str, Sequence[str]]
) -> tuple[dict[str, beam.PCollection], list[beam.PCollection]]:
    """Returns the serialized examples of each split, and what was refused."""
    examples, refused = {}, []
    for pattern_name, of_spans in patterns.items():
        # Apart, since rows with one id in two spans are two lists.
        read = [_read(pipeline, f"{pattern_name} {p}", p, job) for p in of_spans]
        refused += [found[steps.REFUSED] for found in read]
        lists = [found[steps.LISTS] for found in read] | f"Spans[{pattern_name}]" >> beam.Flatten()
        for name, part in _divide(lists, pattern_name, job).items():
            encoded = part | f"Encode[{name}]" >> beam.ParDo(
                steps.Encode(job.spec, job.config.lists, name, job.config.max_bad_share > 0)
            ).with_outputs(steps.REFUSED, steps.BROKEN, steps.IDS, main=steps.EXAMPLES)
            examples[name] = encoded
            refused.append(encoded[steps.REFUSED])
    _refuse_shared_lists({name: part[steps.IDS] for name, part in examples.items()}, job)
    return {name: part[steps.EXAMPLES] for name, part in examples.items()}, refused


def _read(pipeline: beam.Pipeline, name: str, pattern: str, job: Job) -> Any:
    lists = steps.paths(pipeline, name, [pattern]) | f"Read[{name}]" >> beam.ParDo(
        steps.Read(job.config, job.spec)
    ).with_outputs(steps.REFUSED, steps.BROKEN, main=steps.LISTS)
    if job.spec.impressions or job.config.format not in (Format.CSV, Format.PARQUET):
        return lists
    parts = {
        steps.LISTS: lists[steps.LISTS] | f"ById[{name}]" >> beam.FlatMap(steps.by_id),
        steps.BROKEN: lists[steps.BROKEN] | f"Broken[{name}]" >> beam.Map(lambda key: (key, True)),
    }
    merged = (
        parts
        | f"Group[{name}]" >> beam.CoGroupByKey()
        | f"Merge[{name}]"
        >> beam.ParDo(steps.Merge(job.config.max_bad_share > 0)).with_outputs(
            steps.REFUSED, steps.BROKEN, main=steps.LISTS
        )
    )
    refused = lists[steps.REFUSED], merged[steps.REFUSED]
    return {
        steps.LISTS: merged[steps.LISTS],
        steps.REFUSED: refused | f"AllRefused[{name}]" >> beam.Flatten(),
    }


def _divide(lists: beam.PCollection, name: str, job: Job) -> dict[str, beam.PCollection]:
    shares = job.config.hash_splits
    if name != job.config.divided:
        return {name: lists}
    choose: Callable[..., Iterator[Lists]] = steps.select
    if job.spec.impressions:
        choose = functools.partial(steps.select_rows, seed=job.config.lists.seed)
    return {
        split: lists
        | f"Select[{split}]" >> beam.FlatMap(functools.partial(choose, shares=shares, split=split))
        for split in shares
    }


def _refuse_shared_lists(ids: dict[str, beam.PCollection], job: Job) -> None:
    if not job.spec.list_id or len(ids) < 2:
        return
    named = [
        part | f"Name[{name}]" >> beam.Map(lambda key, split: (key, split), split=name)
        for name, part in ids.items()
    ]
    _ = (
        named
        | "AllIds" >> beam.Flatten()
        | "SplitsOfId" >> beam.CombinePerKey(lambda splits: ",".join(sorted(set(splits))))
        | "RefuseShared" >> beam.MapTuple(steps.refuse_shared)
    )


def summarize(result: PipelineResult, config: ExamplesConfig) -> dict[str, int]:
    """Returns the counts of a run by name; raises InputError where too many were refused."""
    counts = collections.Counter[str]()
    for counter in result.metrics().query()["counters"]:  # one for each step that counts
        if counter.key.metric.namespace == steps.NAMESPACE:
            counts[counter.key.metric.name] += int(counter.result or 0)  # of 0 some tell None
    refused = counts[steps.REFUSED]
    kept = counts[steps.INTERACTIONS if config.interactions else steps.LISTS]
    if refused > config.max_bad_share * (refused + kept):
        raise InputError(
            f"examples: {refused} of {refused + kept} records were refused, more than the share of"
            f" {config.max_bad_share:g} that examples.max_bad_share allows"
        )
    for split in config.split_names:
        if not counts[f"{split} lists"]:
            raise InputError(f"examples: split '{split}' has no lists")
    return {name: number for name, number in sorted(counts.items()) if number}


@contextlib.contextmanager
def clear_errors() -> Iterator[None]:
    """Gives an InputError raised in a Beam worker back as it was.

    Beam adds the name of the step to its text, and some runners make it a text in another error.
    """
    try:
        yield
    except Exception as error:  # of any type, by the runner's choice
        text = str(error) if isinstance(error, InputError) else _reported(str(error))
        if not text:
            raise
        raise InputError(text.split(" [while running ")[0]) from None


def _reported(text: str) -> str:
    found = re.findall(rf"{InputError.__name__}: ([^\n]+)", text)
    return found[0] if found else ""
