"""Readers of raw logs: one file -> batches of ranked lists, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping

from data.features import FeatureSpec
from data.lists import Lists
from data.readers import criteo
from data.readers import libsvm
from data.readers import tables
from data.readers.options import Format
from data.readers.options import ReadOptions
from data.readers.options import Refusal
from data.readers.options import Repeated

__all__ = ["READERS", "Format", "ReadOptions", "Refusal", "Repeated", "read"]


def _elwc(
    path: str, *, spec: FeatureSpec, options: ReadOptions, refuse: Callable[[Refusal], None]
) -> Iterator[Lists]:
    from data.readers import elwc  # TensorFlow is loaded for this format only.

    return elwc.read(path, spec=spec, options=options, refuse=refuse)


DEFAULTS = ReadOptions()

READERS: Mapping[Format, Callable[..., Iterator[Lists]]] = {
    Format.ELWC: _elwc,
    Format.LIBSVM: libsvm.read,
    Format.CSV: tables.read_csv,
    Format.PARQUET: tables.read_parquet,
    Format.CRITEO: criteo.read,
}


def read(
    path: str,
    *,
    format: Format,
    spec: FeatureSpec,
    options: ReadOptions = DEFAULTS,
    refuse: Callable[[Refusal], None],
) -> Iterator[Lists]:
    """Reads a file of ranked lists.

    A list with a bad record is left out whole. A row that belongs to no list is left out alone.
    In CSV and Parquet each run of rows with one list id is a list, so that a list whose rows lie
    apart comes in several parts. An impression is a list of one document without an id.

    Args:
      path: A local path or a URI such as `gs://bucket/file`; gzip is recognised by its content.
      format: How the file is written.
      spec: The columns to read.
      options: How the format is spelled.
      refuse: Is told about each record that is left out.

    Yields:
      Batches of at most 64 lists, or 20,000 impressions, with every column of the spec, and as
      float32 the label (NaN where it is missing), the tasks (-1 where they are missing) and the
      weight (1).

    Raises:
      InputError: The file cannot be read, or not to its end.
    """
    yield from READERS[format](path, spec=spec, options=options, refuse=refuse)
