"""Batches of training lists: a positive and the negatives that are drawn for it."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from data.dataset import Counts
from data.sampling.catalogue import Catalogue
from data.sampling.options import Negatives
from data.transformed import TransformedSpec


def count(files: Sequence[str], transformed: TransformedSpec, *, per_positive: int = 0) -> Counts:
    """Counts the training lists that the positives make: an epoch sees each positive once.

    Raises:
      InputError: There is no positive.
    """
    raise NotImplementedError


def training(
    files: Sequence[str],
    transformed: TransformedSpec,
    catalogue: Catalogue,
    negatives: Negatives,
    *,
    batch_size: int,
    static: bool,
    seed: int,
    shard: tuple[int, int] = (1, 0),
    first_epoch: int | tf.Tensor = 0,
) -> tf.data.Dataset:
    """Training batches without end: lists of a positive and the negatives drawn for it.

    Raises:
      InputError: There is no positive, or one is not in the catalogue.
    """
    raise NotImplementedError
