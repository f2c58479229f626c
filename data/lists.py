"""Ranked lists in memory, between the readers of raw logs and the wire format.

Values are flat: a document column holds one row per document, list after list, and `sizes` says
where one list ends and the next begins. Nothing here is done document by document.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from data.features import DType
from data.features import FeatureSpec
from data.features import Scope

ARROW_TYPES = {DType.FLOAT: pa.float32(), DType.INT: pa.int64(), DType.STRING: pa.binary()}

PADDING = {DType.STRING: b"", DType.INT: -1}
"""What fills a document's row when it has fewer values than the column is wide."""

BLOCK = 1024
"""The most impressions that are stored as one list."""

_Item = typing.TypeVar("_Item")


@dataclasses.dataclass(frozen=True)
class Places(Sequence[str]):
    """Where rows were read; the texts are made when they are asked for.

    >>> list(Places("train.csv", "row", np.array([3, 5])))
    ['train.csv: row 3', 'train.csv: row 5']

    Attributes:
      file: The file.
      unit: What a row is called: "row" or "line".
      numbers: `[n]` the numbers of the rows, from 1, int64.
    """

    file: str
    unit: str
    numbers: np.ndarray

    def __len__(self) -> int:
        return len(self.numbers)

    @typing.overload
    def __getitem__(self, index: int) -> str: ...
    @typing.overload
    def __getitem__(self, index: slice) -> Places: ...
    def __getitem__(self, index: int | slice) -> str | Places:
        if isinstance(index, slice):
            return dataclasses.replace(self, numbers=self.numbers[index])
        return f"{self.file}: {self.unit} {self.numbers[index]}"

    def select(self, mask: np.ndarray) -> Places:
        """Returns the places where `mask` (`[n]`, bool) holds."""
        return dataclasses.replace(self, numbers=self.numbers[mask])


@dataclasses.dataclass(frozen=True)
class Lists:
    """A batch of `n` ranked lists; impressions are lists of one document without an id.

    Attributes:
      ids: `[n]` list ids.
      origins: `[n]` where each list was read: file and record, for messages.
      sizes: `[n]` numbers of documents, int64.
      values: For each column `[n, width]` (context) or `[sum(sizes), width]` (document).
      scopes: The scope of each column.
    """

    ids: Sequence[bytes]
    origins: Sequence[str]
    sizes: np.ndarray
    values: Mapping[str, np.ndarray]
    scopes: Mapping[str, Scope]

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def list_of_document(self) -> np.ndarray:
        """`[sum(sizes)]` the index of the list that each document belongs to."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    def keep_documents(self, mask: np.ndarray) -> Lists:
        """Returns the lists with only the documents where `mask` (`[sum(sizes)]`, bool) holds."""
        if mask.all():
            return self
        sizes = np.bincount(self.list_of_document, weights=mask, minlength=len(self))
        values = {
            name: column[mask] if self.scopes[name] is Scope.DOCUMENT else column
            for name, column in self.values.items()
        }
        return dataclasses.replace(self, sizes=sizes.astype(np.int64), values=values)

    def keep_lists(self, mask: np.ndarray) -> Lists:
        """Returns only the lists where `mask` (`[n]`, bool) holds."""
        if mask.all():
            return self
        documents = np.repeat(mask, self.sizes)
        values = {
            name: column[documents if self.scopes[name] is Scope.DOCUMENT else mask]
            for name, column in self.values.items()
        }
        return Lists(
            ids=_kept(self.ids, mask),
            origins=_kept(self.origins, mask),
            sizes=self.sizes[mask],
            values=values,
            scopes=self.scopes,
        )


def _kept(items: Sequence[_Item], mask: np.ndarray) -> Sequence[_Item]:
    if isinstance(items, Places):
        return typing.cast(Sequence[_Item], items.select(mask))
    return [item for item, kept in zip(items, mask, strict=True) if kept]


def scopes(spec: FeatureSpec) -> dict[str, Scope]:
    """Returns the scope of every stored column; label, tasks and weight belong to documents."""
    found = {feature.name: feature.scope for feature in spec.raw}
    return found | dict.fromkeys(spec.label_columns, Scope.DOCUMENT)


def dtypes(spec: FeatureSpec) -> dict[str, DType]:
    """Returns the type of every stored column; label, tasks and weight are floats."""
    found = {feature.name: feature.dtype for feature in spec.raw}
    return found | dict.fromkeys(spec.label_columns, DType.FLOAT)


def to_arrow(lists: Lists, spec: FeatureSpec) -> pa.RecordBatch:
    """Returns the batch with one row per list and one variable-length column per feature."""
    arrays, names = [], []
    for name, dtype in sorted(dtypes(spec).items()):
        column = lists.values[name]
        width = column.shape[1]
        per_list = lists.sizes if lists.scopes[name] is Scope.DOCUMENT else np.ones(len(lists))
        offsets = np.concatenate([[0], np.cumsum(per_list * width)]).astype(np.int32)
        flat = pa.array(column.reshape(-1), type=ARROW_TYPES[dtype])
        arrays.append(pa.ListArray.from_arrays(pa.array(offsets), flat))
        names.append(name)
    return pa.RecordBatch.from_arrays(arrays, names)


def merge(parts: Sequence[Lists]) -> Lists:
    """Returns one batch with the lists of all parts, in order."""
    first = parts[0]
    return Lists(
        ids=[x for part in parts for x in part.ids],
        origins=[x for part in parts for x in part.origins],
        sizes=np.concatenate([part.sizes for part in parts]),
        values={n: np.concatenate([part.values[n] for part in parts]) for n in first.values},
        scopes=first.scopes,
    )


def to_blocks(lists: Lists) -> Lists:
    """Returns impressions as lists of at most `BLOCK` documents, about as many in each."""
    rows = int(lists.sizes.sum())
    number = -(-rows // BLOCK)
    bounds = np.linspace(0, rows, number + 1).astype(np.int64)
    return Lists(
        ids=[b""] * number,
        origins=[lists.origins[int(first)] for first in bounds[:-1]],
        sizes=np.diff(bounds),
        values=lists.values,
        scopes=lists.scopes,
    )
