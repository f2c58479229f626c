"""Generated click logs in Criteo's form, whose best prediction is known.

The logit of a click adds up what the integers, the categories and two pairs of categories are
worth:

  logit = bias + sum_j w_j log(1 + |I_j|) + sum_j e_j(C_j) + e(C_1, C_2) + e(C_6, C_9)

The worth of a category is a normal number that a hash of it gives, so that no table is needed
however many categories there are. How often a category comes follows Zipf's law: the k-th most
frequent one in proportion to `log(1 + 1/k)`, which is about `1/k`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data import hashing
from data.errors import InputError
from data.readers.criteo import CATEGORIES
from data.readers.criteo import INTEGERS
from data.readers.criteo import LABEL

BATCH = 1 << 16
"""The rows that are generated at a time."""

CARDINALITIES = (
    *(1460, 583, 10_131_227, 2_202_608, 305, 24, 12_517, 633, 3, 93_145, 5683, 8_351_593, 3194),
    *(27, 14_992, 5_461_306, 10, 5652, 2173, 4, 7_046_547, 18, 15, 286_181, 105, 142_572),
)
"""The numbers of categories in the log of Criteo's challenge."""

_PAIRS = ((0, 1), (5, 8))
_NEGATIVE = 1
"""The integer that may be negative, as `I2` is."""
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


@dataclasses.dataclass(frozen=True)
class SyntheticClicks:
    """What is generated.

    Attributes:
      rows: The number of impressions.
      cardinalities: The number of categories of each of the 26 columns.
      missing: The share of cells that are missing, in each column but the label.
      bias: Of the logit; the default gives about one click in four.
      part: Another part has other rows, but a click depends on the same.
      seed: Fixes everything.
    """

    rows: int
    cardinalities: tuple[int, ...] = CARDINALITIES
    missing: float = 0.1
    bias: float = -1.5
    part: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise InputError(f"rows must be at least 1, found {self.rows}")
        if len(self.cardinalities) != len(CATEGORIES) or min(self.cardinalities) < 1:
            raise InputError(
                f"cardinalities: expected {len(CATEGORIES)} positive numbers, found"
                f" {list(self.cardinalities)}"
            )
        if not 0 <= self.missing < 1:
            raise InputError(f"missing must be in [0, 1), found {self.missing}")


@dataclasses.dataclass(frozen=True)
class Clicks:
    """A batch of `n` impressions.

    Attributes:
      label: `[n]` int64, 0 or 1.
      probability: `[n]` float64, that of label 1: no prediction is better.
      integers: `[n, 13]` int64.
      categories: `[n, 26]` int64, from 0 for the most frequent one.
      missing: `[n, 39]` bool: the cells that the log lacks, integers first.
    """

    label: np.ndarray
    probability: np.ndarray
    integers: np.ndarray
    categories: np.ndarray
    missing: np.ndarray


def generate(config: SyntheticClicks) -> Iterator[Clicks]:
    """Yields the impressions in batches; more rows begin with the same ones."""
    for number in range(-(-config.rows // BATCH)):
        rng = np.random.default_rng([config.seed, config.part, number])
        yield _batch(config, rng, min(BATCH, config.rows - number * BATCH))


def _batch(config: SyntheticClicks, rng: np.random.Generator, rows: int) -> Clicks:
    # Whole batches are drawn, so that the last one begins as a longer one does.
    columns = np.arange(len(INTEGERS))
    scale = rng.normal(1 + columns % 4, 1.5, (BATCH, len(INTEGERS)))
    integers = np.floor(np.exp(np.minimum(scale, 15))).astype(np.int64)
    integers[:, _NEGATIVE] -= 3
    uniform = rng.random((BATCH, len(CATEGORIES)))
    most = np.log1p(np.array(config.cardinalities, np.float64))
    categories = np.floor(np.exp(uniform * most)).astype(np.int64) - 1
    missing = rng.random((BATCH, len(INTEGERS) + len(CATEGORIES))) < config.missing
    logit = _logit(config, integers, categories, missing)
    probability = 1 / (1 + np.exp(-logit))
    label = (rng.random(BATCH) < probability).astype(np.int64)
    parts = (label, probability, integers, categories, missing)
    return Clicks(*(part[:rows] for part in parts))


def _logit(
    config: SyntheticClicks, integers: np.ndarray, categories: np.ndarray, missing: np.ndarray
) -> np.ndarray:
    """Returns `[n]`: what is missing is worth nothing."""
    weights = 0.15 * np.cos(np.arange(len(INTEGERS)))
    known = np.where(missing[:, : len(INTEGERS)], 0, np.log1p(np.abs(integers)) - 2)
    logit = config.bias + known @ weights
    absent = missing[:, len(INTEGERS) :]
    for column in range(len(CATEGORIES)):
        worth = _worth(config.seed, column, categories[:, column])
        logit += np.where(absent[:, column], 0, 0.25 * worth)
    for first, second in _PAIRS:
        key = categories[:, first] * (1 << 24) + categories[:, second]
        worth = _worth(config.seed, len(CATEGORIES) + first, key)
        logit += np.where(absent[:, first] | absent[:, second], 0, 0.5 * worth)
    return logit


def _worth(seed: int, column: int, keys: np.ndarray) -> np.ndarray:
    """Returns a normal number for each key `[n]`, always the same (Box and Muller, 1958)."""
    start = np.uint64(seed * 1000 + column) << np.uint64(48)
    random = hashing.mix(hashing.mix(keys.astype(np.uint64) + start))
    first, second = hashing.uniform(random), hashing.uniform(hashing.mix(random))
    return np.sqrt(-2 * np.log1p(-first)) * np.cos(2 * np.pi * second)


def write(config: SyntheticClicks, path: Path) -> None:
    """Writes a log as Criteo published its own: 40 cells parted by tabs, no header.

    A name that ends in `.gz` gives a gzip file.
    """
    kind = "gzip" if path.suffix == ".gz" else None
    with pa.output_stream(str(path), compression=kind) as sink:
        for batch in generate(config):
            cells = [column.cast(pa.string()) for column in to_arrow(batch).columns]
            lines = pc.binary_join_element_wise(
                *cells, "\t", null_handling="replace", null_replacement=""
            )
            sink.write(("\n".join(lines.to_pylist()) + "\n").encode())


def to_arrow(clicks: Clicks) -> pa.RecordBatch:
    """Returns the 40 columns: label, integers and categories as texts of 8 hexadecimal digits."""
    columns = {LABEL: pa.array(clicks.label)}
    for i, name in enumerate(INTEGERS):
        columns[name] = pa.array(clicks.integers[:, i], mask=clicks.missing[:, i])
    for i, name in enumerate(CATEGORIES):
        absent = clicks.missing[:, len(INTEGERS) + i]
        columns[name] = _hexadecimal(clicks.categories[:, i], i, absent)
    return pa.RecordBatch.from_pydict(columns)


def _hexadecimal(categories: np.ndarray, column: int, absent: np.ndarray) -> pa.Array:
    """Returns the names of categories `[n]`: 32 bits of a hash of the column and the category."""
    start = np.uint64(column) << np.uint64(40)
    names = hashing.mix(categories.astype(np.uint64) + start) >> np.uint64(32)
    shifts = np.arange(28, -1, -4).astype(np.uint64)
    digits = _HEX[(names[:, np.newaxis] >> shifts) & np.uint64(15)]
    texts = digits.view("S8")[:, 0]
    return pa.array(texts.astype("U8"), mask=absent)
