"""Ranks documents with a published model, without a server.

The model's `predict` signature answers the same requests here as behind TensorFlow Serving.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import os
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from data import elwc
from data import plain
from data import storage
from data.errors import InputError
from data.features import FeatureSpec
from data.requests import read_requests
from data.storage import AnyPath
from models import files
from models import serving
from models import versions

_BATCH_SIZE = 32

Request = tuple[str, bytes]
"""Where a request stands, and the serialized ELWC."""


@dataclasses.dataclass(frozen=True)
class RankedDocument:
    """A document at its place.

    Attributes:
      position: The place in the ranking, from 1.
      score: The model's score.
      index: The place in the request, from 1.
      document_id: Its id; None if the spec names no column for it.
    """

    position: int
    score: float
    index: int
    document_id: str | None


@dataclasses.dataclass(frozen=True)
class RankedList:
    """The documents of one request, best first.

    Attributes:
      origin: Where the request stands: file and line or record.
      list_id: The list's id; None if the spec names no column for it.
      size: The number of documents in the request.
      documents: The first of them, or all; equal scores keep the order of the request.
    """

    origin: str
    list_id: str | None
    size: int
    documents: tuple[RankedDocument, ...]


def rank(
    model: str | os.PathLike[str], path: str | os.PathLike[str], *, top: int | None = None
) -> Iterator[RankedList]:
    """Ranks the requests of a file; the model is loaded at once, the file read as needed.

    Args:
      model: A SavedModel's folder, or the store whose newest live version is wanted.
      path: JSON lines or ELWC TFRecord: see `data.requests`.
      top: How many documents to return per list; all if None.

    Raises:
      InputError: The model cannot be used, or a request is wrong.
    """
    if top is not None and top < 1:
        raise InputError(f"top: found {top}, expected at least 1")
    loaded = _Model(*load(model, serving.PREDICT))
    requests = read_requests(storage.at(path), loaded.spec)
    return (
        ranked
        for batch in iter(lambda: list(itertools.islice(requests, _BATCH_SIZE)), [])
        for ranked in _rank_batch(batch, loaded, top)
    )


@dataclasses.dataclass(frozen=True)
class _Model:
    spec: FeatureSpec
    predict: Any

    @functools.cached_property
    def identify(self) -> Any:
        """Reads the id columns and the numbers of documents, also where a list has none."""
        columns = self.spec.identifiers

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def parse(serialized: tf.Tensor) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
            return elwc.parse_flat(serialized, columns)

        return parse


def load(model: str | os.PathLike[str], signature: str) -> tuple[FeatureSpec, Any]:
    """Returns the spec of a SavedModel, or of a store's newest live version, and a signature.

    Raises:
      InputError: The model cannot be loaded, or has no such signature.
    """
    folder = newest(storage.at(model))
    return read_spec(folder), _load(folder, signature)


def newest(folder: AnyPath) -> AnyPath:
    """Returns the SavedModel's folder: this one, or a store's newest live version.

    Raises:
      InputError: There is none.
    """
    candidates = [folder, *(v.path for v in versions.versions(folder) if v.live)]
    with files.reading(folder):
        for candidate in candidates:
            if (candidate / "saved_model.pb").is_file():
                return candidate
    raise InputError(f"{folder}: found no SavedModel, expected one or a folder of versions")


def read_spec(folder: AnyPath) -> FeatureSpec:
    """Returns the columns that a SavedModel reads.

    Raises:
      InputError: It does not say.
    """
    path = folder / serving.EXTRA / serving.SPEC_FILE
    try:
        return plain.from_json(FeatureSpec, path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path}: found no JSON: {error}") from error


def signatures(folder: AnyPath) -> Mapping[str, Any]:
    """Returns the signatures of a SavedModel by name.

    Raises:
      InputError: It cannot be loaded.
    """
    try:
        found: Mapping[str, Any] = tf.saved_model.load(str(folder)).signatures
    except (OSError, ValueError, tf.errors.OpError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{folder}: cannot be loaded: {reason}") from error
    return found


def _load(folder: AnyPath, signature: str) -> Any:
    known = signatures(folder)
    if signature not in known:
        found = ", ".join(sorted(known)) or "none"
        raise InputError(f"{folder}: found signatures: {found}; expected '{signature}'")
    return known[signature]


def _rank_batch(batch: Sequence[Request], model: _Model, top: int | None) -> Iterator[RankedList]:
    serialized = tf.constant([request for _, request in batch])
    try:
        scores = model.predict(examples=serialized)[serving.SCORES].numpy()
        rows, sizes = model.identify(serialized)
    except REFUSALS as error:
        if len(batch) > 1:  # one of them is at fault; alone, it can be named
            for one in batch:
                yield from _rank_batch([one], model, top)
            return
        raise refused(batch[0][0], error) from error
    list_ids = _texts(rows, model.spec.list_id, len(batch))
    document_ids = _texts(rows, model.spec.document_id, int(tf.reduce_sum(sizes)))
    start = 0
    for (origin, _), list_id, row, size in zip(
        batch, list_ids, scores, sizes.numpy().tolist(), strict=True
    ):
        _check(origin, row, size)
        names = document_ids[start : start + size]
        yield RankedList(origin, list_id, size, _order(row[:size], names, top))
        start += size


REFUSALS = (tf.errors.InvalidArgumentError, tf.errors.DataLossError, UnicodeDecodeError)
"""What a signature raises when a request is wrong."""


def refused(origin: str, error: Exception) -> InputError:
    """Returns one of these errors as the user's mistake."""
    reason = "it is no ExampleListWithContext of the model's columns"
    if isinstance(error, tf.errors.OpError):  # else the text quotes the record's bytes
        reason = _reason(error.message)
    return InputError(f"{origin}: the model refused the request: {reason}")


def _reason(message: str) -> str:
    """Returns the one line of TensorFlow's message that says what is wrong, not where."""
    return message.partition("\n\t [[")[0].strip().rpartition("\n")[2]


def _check(origin: str, scores: np.ndarray, size: int) -> None:
    if not size:
        raise InputError(f"{origin}: found no documents, expected at least one")
    if size > len(scores):
        raise InputError(f"{origin}: found {size} documents, the model scores {len(scores)}")
    if not np.isfinite(scores[:size]).all():
        raise InputError(f"{origin}: the model gave a score that is not a finite number")


def _texts(rows: dict[str, tf.Tensor], name: str, n: int) -> list[str | None]:
    if not name:
        return [None] * n
    return [value.decode(errors="replace") for value in rows[name].numpy()[:, 0]]


def _order(
    scores: np.ndarray, document_ids: Sequence[str | None], top: int | None
) -> tuple[RankedDocument, ...]:
    order = np.argsort(-scores, kind="stable")[:top].tolist()
    return tuple(
        RankedDocument(position, float(scores[place]), place + 1, document_ids[place])
        for position, place in enumerate(order, start=1)
    )


def render(ranked: RankedList) -> str:
    """Returns the list as a table.

    >>> best, other = RankedDocument(1, 2.5, 2, "d7"), RankedDocument(2, -1.0, 1, "d3")
    >>> print(render(RankedList("requests.jsonl: line 1", "q1", 3, (best, other))))
    q1: 2 of 3 documents
       1     2.5000  d7
       2    -1.0000  d3
    """
    title = ranked.list_id or ranked.origin
    lines = [f"{title}: {len(ranked.documents)} of {ranked.size} documents"]
    for document in ranked.documents:
        name = document.document_id or f"document {document.index}"
        lines.append(f"{document.position:4} {document.score:10.4f}  {name}")
    return "\n".join(lines)


def to_json(ranked: RankedList) -> str:
    """Returns the list as one line of JSON: the fields of `RankedList` and `RankedDocument`."""
    return json.dumps(dataclasses.asdict(ranked), ensure_ascii=False)
