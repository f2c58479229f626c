"""An exported model as clients ask it: the same lists through each of its signatures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from data import columnar
from data import elwc_writer
from data.errors import InputError
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.lists import Lists
from data.lists import dtypes
from data.lists import scopes
from models import recommend
from models import serving

LONGEST = 100
"""What is asked about of a longer list: its first documents."""

Tensors = dict[str, tf.Tensor]
Encode = Callable[[Lists, FeatureSpec], Tensors]
"""Makes the inputs of a signature of lists."""


def read(serialized: Sequence[bytes], spec: FeatureSpec) -> Lists:
    """Returns stored lists as requests have them, without labels and without what `LONGEST` cuts.

    Args:
      serialized: `tf.Example`s.
      spec: Their columns.
    """
    parsed = columnar.parse(tf.constant(list(serialized), tf.string), spec.raw)
    scope_of, values = scopes(spec), {}
    sizes = np.ones(len(serialized), np.int64)
    for feature in spec.raw:
        column = parsed[feature.name]
        if feature.scope is Scope.DOCUMENT:
            sizes = column.row_lengths().numpy()
            column = columnar.to_rows(column, feature.width)
        values[feature.name] = column.numpy()
    places = [f"list {i + 1} ({size} documents)" for i, size in enumerate(sizes.tolist())]
    lists = Lists([b""] * len(sizes), places, sizes, values, scope_of)
    return lists.keep_documents(_position(lists) < LONGEST)


def _position(lists: Lists) -> np.ndarray:
    """Returns the place of each document in its list, from 0."""
    starts = np.cumsum(lists.sizes) - lists.sizes
    return np.arange(int(lists.sizes.sum())) - np.repeat(starts, lists.sizes)


def turned(lists: Lists, order: np.ndarray) -> Lists:
    """Returns the lists with their documents in another order, `[sum(sizes)]` places before."""
    values = {
        name: column[order] if lists.scopes[name] is Scope.DOCUMENT else column
        for name, column in lists.values.items()
    }
    return dataclasses.replace(lists, values=values)


def of_size(lists: Lists, size: int) -> Lists:
    """Returns one list of the first context and so many of the documents, repeated as needed."""
    values = {
        name: np.resize(column, (size, column.shape[1]))
        if lists.scopes[name] is Scope.DOCUMENT
        else column[:1]
        for name, column in lists.values.items()
    }
    return Lists(lists.ids[:1], ["the request"], np.array([size]), values, lists.scopes)


def elwc(lists: Lists, spec: FeatureSpec) -> Tensors:
    """Returns what signatures of ELWC requests take."""
    return {"examples": tf.constant(list(elwc_writer.from_lists(lists, spec, labels=False)))}


def stored(lists: Lists, spec: FeatureSpec) -> Tensors:
    """Returns what signatures of stored lists take."""
    types, starts, found = dtypes(spec), np.cumsum(lists.sizes) - lists.sizes, []
    for i, (start, size) in enumerate(zip(starts, lists.sizes, strict=True)):
        values = {
            name: column[start : start + size].ravel().tolist()
            if lists.scopes[name] is Scope.DOCUMENT
            else column[i].tolist()
            for name, column in lists.values.items()
        }
        found.append(elwc_writer.example(values, types))
    return {"examples": tf.constant(found, tf.string)}


def one_by_one(lists: Lists, spec: FeatureSpec) -> Tensors:
    """Returns stored lists of one document, which the signature of single documents takes."""
    values = {
        name: column
        if lists.scopes[name] is Scope.DOCUMENT
        else np.repeat(column, lists.sizes, axis=0)
        for name, column in lists.values.items()
    }
    n = int(lists.sizes.sum())
    return stored(Lists([b""] * n, [""] * n, np.ones(n, np.int64), values, lists.scopes), spec)


def raw(lists: Lists, spec: FeatureSpec, *, padding: int = 0) -> Tensors:
    """Returns what the signature of raw tensors takes.

    Args:
      lists: The lists.
      spec: Their columns.
      padding: How many places more than the longest list needs; what is in places without a
        document is then the values of real ones, else nothing.
    """
    longest = int(lists.sizes.max()) + padding
    real = np.arange(longest) < lists.sizes[:, None]
    found: Tensors = {columnar.LIST_SIZE: tf.constant(lists.sizes, tf.int64)}
    for feature in spec.features:
        column = lists.values[feature.name]
        if feature.scope is Scope.DOCUMENT:
            column = _padded(column, feature, real, junk=bool(padding))
        dtype = columnar.TF_DTYPES[feature.dtype]
        found[serving.tensor_name(feature.name)] = tf.constant(column.tolist(), dtype)
    return found


def _padded(rows: np.ndarray, feature: Feature, real: np.ndarray, *, junk: bool) -> np.ndarray:
    shape = (*real.shape, feature.width)
    if junk:
        dense = np.resize(rows, shape)
    else:
        dense = np.full(shape, b"" if rows.dtype == object else 0, rows.dtype)
    dense[real] = rows
    return dense


def users(lists: Lists, spec: FeatureSpec) -> Tensors:
    """Returns what `recommend_raw` takes of contexts."""
    return {
        serving.tensor_name(feature.name): tf.constant(
            lists.values[feature.name].tolist(), columnar.TF_DTYPES[feature.dtype]
        )
        for feature in spec.raw
        if feature.scope is Scope.CONTEXT
    }


FORMS: Mapping[str, Encode] = {
    serving.PREDICT: elwc,
    tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY: elwc,
    serving.COLUMNAR: stored,
    serving.RAW: raw,
    serving.EXPLAIN: elwc,
    serving.PER_DOCUMENT: one_by_one,
    recommend.EVALUATE: stored,
}
"""By signature that scores documents, what it takes."""
REQUIRED = (serving.PREDICT, serving.COLUMNAR, serving.RAW)
"""The signatures that every model has."""


@dataclasses.dataclass(frozen=True)
class Served:
    """A loaded model.

    Attributes:
      signatures: Its signatures by name.
      spec: The columns that it reads.
    """

    signatures: Mapping[str, Any]
    spec: FeatureSpec

    @property
    def scoring(self) -> tuple[str, ...]:
        """The signatures that score the documents of a request."""
        return tuple(name for name in FORMS if name in self.signatures)

    def ask(self, name: str, inputs: Tensors) -> dict[str, np.ndarray]:
        """Returns the outputs of a signature.

        Raises:
          InputError: It gives none.
        """
        try:
            return {n: tensor.numpy() for n, tensor in self.signatures[name](**inputs).items()}
        except (tf.errors.OpError, TypeError, ValueError) as error:
            text = error.message if isinstance(error, tf.errors.OpError) else str(error)
            reason = text.partition("\n\t [[")[0].strip().rpartition("\n")[2]
            raise InputError(f"'{name}' gives no answer: {reason}") from error

    def scores(self, name: str, lists: Lists, encode: Encode | None = None) -> list[np.ndarray]:
        """Returns the scores of the documents of each list, by one call of a signature.

        Args:
          name: The signature.
          lists: The lists.
          encode: Makes its inputs; as `FORMS` says if None.

        Raises:
          InputError: It gives none.
        """
        inputs = (encode or FORMS[name])(lists, self.spec)
        sizes = lists.sizes.tolist()
        output = "outputs" if name == serving.PER_DOCUMENT else serving.SCORES
        answer = self.ask(name, inputs)
        if output not in answer:
            raise InputError(f"'{name}' has no output '{output}', only {', '.join(answer)}")
        found = answer[output]
        if name == serving.PER_DOCUMENT:
            sound = found.shape == (sum(sizes),)
        else:
            sound = found.ndim == 2 and len(found) == len(sizes) and found.shape[1] >= max(sizes)
        if not sound:
            raise InputError(f"'{name}' gives {found.shape} scores for lists of {sizes} documents")
        if name == serving.PER_DOCUMENT:
            return np.split(found, np.cumsum(sizes)[:-1])
        return [row[:size] for row, size in zip(found, sizes, strict=True)]
