"""TFRecord files of ExampleListWithContext: one list per record, decoded in batches by TensorFlow.

A batch that fails is decoded record by record; the records that fail alone are the bad ones.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from data.errors import InputError
from data.features import FeatureSpec
from data.lists import Lists
from data.lists import scopes
from data.readers import elwc_decoder
from data.readers import elwc_records
from data.readers import files
from data.readers import runs
from data.readers.options import ReadOptions
from data.readers.options import Refusal

_MAX_BYTES = 32 << 20
"""The size of the records that are decoded together."""


def read(
    path: str, *, spec: FeatureSpec, options: ReadOptions, refuse: runs.Refuse
) -> Iterator[Lists]:
    """Reads ELWC records.

    Label, tasks, weight and ids may be stored as other types than the spec has for them, as long
    as one file has one type; the first record that holds them tells.
    """
    del options  # ELWC has one spelling.
    decoder = elwc_decoder.Decoder(spec)
    first = 1
    for records in _batches(path):
        if first == 1:
            decoder.learn(records)
        yield from _decode(decoder, records, spec, path, first, refuse)
        first += len(records)


def _decode(
    decoder: elwc_decoder.Decoder,
    records: list[bytes],
    spec: FeatureSpec,
    path: str,
    first: int,
    refuse: runs.Refuse,
) -> Iterator[Lists]:
    places = list(range(len(records)))
    decoded = decoder.try_decode(records)
    if decoded is None and decoder.learn(records):
        decoded = decoder.try_decode(records)
    if decoded is None:
        places = [i for i in places if decoder.try_decode(records[i : i + 1])]
        for i in sorted(set(range(len(records))) - set(places)):
            reason = elwc_records.explain(records[i], decoder.features)
            refuse(Refusal(path, f"record {first + i}", reason))
        decoded = decoder.try_decode([records[i] for i in places]) if places else None
    if decoded is None:
        return
    values, sizes = decoded
    ids = values[spec.list_id][:, 0].tolist() if spec.list_id else [b""] * len(places)
    origins = [f"{path}: record {first + i}" for i in places]
    yield Lists(ids, origins, sizes.astype(np.int64), values, scopes(spec))


def _batches(path: str) -> Iterator[list[bytes]]:
    """Yields the file's records, a few at a time."""
    compression = "GZIP" if files.is_gzip(path) else ""
    dataset = tf.data.TFRecordDataset([path], compression_type=compression)
    done = 0
    try:
        for batch in dataset.batch(runs.MAX_LISTS).as_numpy_iterator():
            yield from _portions(batch.tolist())
            done += len(batch)
    except tf.errors.OpError as error:
        for _ in dataset.skip(done).apply(tf.data.experimental.ignore_errors()):
            done += 1
        raise InputError(
            f"{path}: not a TFRecord file, or a damaged one: cannot be read after record {done}"
        ) from error


def _portions(records: list[bytes]) -> Iterator[list[bytes]]:
    start, size = 0, 0
    for i, record in enumerate(records):
        size += len(record)
        if size > _MAX_BYTES and i > start:
            yield records[start:i]
            start, size = i, len(record)
    yield records[start:]
