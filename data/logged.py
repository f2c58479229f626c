"""Logged requests: TFRecord files of ExampleListWithContext with what a model was asked."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from collections.abc import Sequence
from typing import NoReturn

import numpy as np
import tensorflow as tf

from data import readers
from data import storage
from data.errors import InputError
from data.features import FeatureSpec
from data.lists import Lists
from data.lists import merge
from data.readers import Format
from data.readers import Refusal
from data.requests import read_requests


def files(pattern: str, *, required: bool) -> list[str]:
    """Returns the files that fit a pattern, the last one by name first, but for empty ones.

    Raises:
      InputError: There must be one, and is none.
    """
    found = sorted(filter(_has_content, tf.io.gfile.glob(pattern)), reverse=True)
    if required and not found:
        raise InputError(f"drift.requests: no file matches '{pattern}'")
    return found


def _has_content(path: str) -> bool:
    try:
        return bool(tf.io.gfile.stat(path).length)
    except tf.errors.NotFoundError:  # by now
        return False


def read(paths: Sequence[str], spec: FeatureSpec, most: int) -> Lists:
    """Returns the first requests of the files.

    Args:
      paths: The files.
      spec: The columns of requests.
      most: How many are read.

    Raises:
      InputError: A request is bad, or there is none.
    """
    parts, left = [], most
    for part in _batches(paths, spec):
        parts.append(part.keep_lists(np.arange(len(part)) < left))
        left -= len(part)
        if left <= 0:
            break
    if not parts:
        raise InputError(f"{paths[0]}: found no request")
    return merge(parts)


def records(paths: Sequence[str], spec: FeatureSpec, most: int) -> list[bytes]:
    """Returns these requests as they were logged, in the same order."""
    found = (read_requests(storage.at(path), spec) for path in paths)
    return [record for _, record in itertools.islice(itertools.chain.from_iterable(found), most)]


def _batches(paths: Sequence[str], spec: FeatureSpec) -> Iterator[Lists]:
    for path in paths:
        yield from readers.read(path, format=Format.ELWC, spec=spec, refuse=_refuse)


def _refuse(refusal: Refusal) -> NoReturn:
    raise InputError(str(refusal))
