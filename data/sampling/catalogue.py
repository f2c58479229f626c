"""The catalogue: every item with its transformed columns, and what each user has of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from data.transformed import TransformedSpec


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """All items that can be ranked.

    Attributes:
      ids: `[n_items]` the items' ids, string, in ascending order.
      columns: The transformed document columns by name, `[n_items, width]`.
    """

    ids: tf.Tensor
    columns: dict[str, tf.Tensor]

    @property
    def size(self) -> int:
        """The number of items."""
        return int(self.ids.shape[0])


def load(files: Sequence[str], transformed: TransformedSpec) -> Catalogue:
    """Reads the transformed lists of the catalogue.

    Raises:
      InputError: There is no item, or an item is there twice.
    """
    raise NotImplementedError


def history(
    files: Sequence[str], transformed: TransformedSpec, catalogue: Catalogue
) -> tuple[tf.Tensor, tf.RaggedTensor]:
    """Reads what each user has in the training lists.

    Returns:
      `[n_users]` user ids, string, and `[n_users, (n)]` places in the catalogue, int32, in the
      order of the lists.

    Raises:
      InputError: An item of a list is not in the catalogue.
    """
    raise NotImplementedError
