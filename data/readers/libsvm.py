"""LibSVM and SVMrank text: `label qid:Q index:value ... # comment`, one document per line.

Arrow parses the pairs of a block of lines at once; only a block with a bad line is read again in
Python, to say what is wrong with it.
"""

from __future__ import annotations

import codecs
import dataclasses
import re
from collections.abc import Iterable
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from data.features import DType
from data.features import FeatureSpec
from data.lists import Lists
from data.readers import columns
from data.readers import files
from data.readers import pairs
from data.readers import runs
from data.readers import sizes
from data.readers.options import ReadOptions
from data.readers.options import Refusal
from data.readers.options import shown

_BLOCK = 4 << 20
"""How many bytes of whole lines are parsed at a time."""

_DOCUMENT_ID = re.compile(rb"docid\s*=\s*(\S+)")
"""Where LETOR's files keep the document: in the comment, as in `#docid = GX008-86 inc = 1`."""


def read(
    path: str, *, spec: FeatureSpec, options: ReadOptions, refuse: runs.Refuse
) -> Iterator[Lists]:
    """Reads LibSVM text; indices may be sparse and in any order.

    An absent index takes the feature's default, else 0. A document id is read from a comment
    with `docid = ...`, else it is empty.
    """
    table = pairs.Table(path, spec, options)
    batches = _batches(path, spec, options, refuse, table)
    return runs.group(batches, path=path, unit="line", spec=spec, refuse=refuse, once=True)


@dataclasses.dataclass
class _Block:
    """Lines, taken apart."""

    numbers: list[int] = dataclasses.field(default_factory=list)
    labels: list[bytes] = dataclasses.field(default_factory=list)
    ids: list[bytes] = dataclasses.field(default_factory=list)
    pairs: list[bytes] = dataclasses.field(default_factory=list)
    documents: list[bytes] = dataclasses.field(default_factory=list)


def _batches(
    path: str, spec: FeatureSpec, options: ReadOptions, refuse: runs.Refuse, table: pairs.Table
) -> Iterator[runs.Rows]:
    counted = sizes.Sizes(path, options.query_suffix) if options.query_suffix else None
    done = 0
    reached = files.explained(path, "line", lambda: done)
    with reached, files.open_text(path, "LibSVM text") as file:
        while lines := file.readlines(_BLOCK):
            for start in range(0, len(lines), runs.MAX_ROWS):
                some = lines[start : start + runs.MAX_ROWS]
                block = _Block()
                for number, reason in _take_apart(block, some, done + 1, counted):
                    refuse(Refusal(path, f"line {number}", reason))
                done += len(some)
                yield _rows(block, spec, table)
    if counted:
        counted.finish()


def _take_apart(
    block: _Block, lines: Iterable[bytes], first: int, counted: sizes.Sizes | None
) -> Iterator[tuple[int, str]]:
    """Fills the block; yields the lines that belong to no list."""
    for number, line in enumerate(lines, first):
        text, _, comment = line.partition(b"#")
        words = text.split(None, 1 if counted else 2)
        if not words:
            continue
        if number == 1:
            words[0] = words[0].removeprefix(codecs.BOM_UTF8)
        if counted:
            words.insert(1, b"qid:" + counted.next_id())
        if len(words) == 1:
            yield number, f"found only {shown(words[0])}, expected 'label qid:...'"
            continue
        if not words[1].startswith(b"qid:") or len(words[1]) == len(b"qid:"):
            yield number, f"found {shown(words[1])}, expected 'qid:...'"
            continue
        block.numbers.append(number)
        block.labels.append(words[0])
        block.ids.append(words[1][len(b"qid:") :])
        block.pairs.append(words[2] if len(words) > 2 else b"")
        block.documents.append(comment)


def _rows(block: _Block, spec: FeatureSpec, table: pairs.Table) -> runs.Rows:
    values, reasons = table.parse(block.pairs)
    labels, bad = columns.parse_numbers(pa.array(block.labels, pa.binary()), DType.FLOAT)
    reasons |= {i: f"label: {reason}" for i, reason in bad.items()}
    with np.errstate(over="ignore"):  # Too large for 32 bits is infinite, which is refused later.
        values[spec.label] = labels.astype(np.float32).reshape(-1, 1)
    ids = runs.objects(block.ids)
    if spec.list_id:
        values[spec.list_id] = ids.reshape(-1, 1)
    if spec.document_id:
        found = (_DOCUMENT_ID.search(comment) for comment in block.documents)
        names = runs.objects(match.group(1) if match else b"" for match in found)
        values[spec.document_id] = names.reshape(-1, 1)
    return runs.Rows(ids, np.array(block.numbers, dtype=np.int64), values, reasons)
