"""A perfect hash: each key of a fixed set has a slot of its own, found without a search.

Belazzougui, Botelho, Dietzfelbinger, "Hash, Displace, and Compress", ESA 2009. Keys fall into small
buckets; from the largest on, each bucket takes the first seed that sends all its keys to slots that
are still free. A lookup reads the seed of a key's bucket, and then the key of the slot it is sent
to, which alone decides whether the key is one of the set. The seeds are few enough to stay in a
processor's cache.

NumPy finds the seeds and TensorFlow applies them, alike on any machine: integers are multiplied
modulo 2^64, and doubles are rounded after each operation. A lookup's time goes by the number of
operations, two nanoseconds or so for a key each; to look at a double as an integer takes none.
"""

from __future__ import annotations

import itertools

import numpy as np
import tensorflow as tf

from models.sparse.rows import HOST
from models.sparse.rows import gathered

NOBODY = 0
"""The slot that no key has."""
BUCKET = 2.5
"""The keys of a bucket, on average. Keys in a pattern may fill all buckets alike: larger ones would
hardly find as many free slots at the end."""
LOAD = 0.97
"""The share of the slots that keys have."""
SEEDS = 2**16


class PerfectHash(tf.Module):
    """The slots of a set of keys; the same keys always get the same slots.

    Attributes:
      n_slots: The slots there are, that of nobody among them, and those that no key got.

    Args:
      keys: `[n_keys]` int64, each once.
    """

    def __init__(self, keys: np.ndarray) -> None:
        super().__init__("perfect_hash")
        self._buckets, self._places = (int(len(keys) / share) | 1 for share in (BUCKET, LOAD))
        self.n_slots = 1 + self._places
        for attempt in itertools.count():
            drawn = np.random.default_rng(attempt).integers(-(2**63), 2**63, size=2)
            self._factors = (drawn | 1).tolist()
            hashes, buckets = self._hashes(tf.constant(keys, tf.int64))
            seeds = self._search(hashes.numpy(), buckets.numpy())
            if seeds is not None:
                break
        with tf.device(HOST):
            self.seeds = tf.Variable(seeds, trainable=False, name="seeds")
            slots = np.zeros(self.n_slots, np.int64)
            slots[self._sent_to(hashes, buckets)] = keys
            self.keys = tf.Variable(slots, trainable=False, name="keys")

    def slots(self, keys: tf.Tensor) -> tf.Tensor:
        """Returns the slots of keys, int64: of others that of nobody, or one that no key got.

        Args:
          keys: `[n_keys]` int64.
        """
        slots = self._sent_to(*self._hashes(keys))
        # As `tf.equal`, which takes twice as long.
        differs = tf.cast(tf.bitwise.bitwise_xor(gathered(self.keys, slots), keys), tf.bool)
        return tf.where(differs, tf.constant(NOBODY, slots.dtype), slots)

    def _hashes(self, keys: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns hashes that show nothing of a pattern among the keys, and buckets."""
        products = keys * self._factors[0]
        places = _scaled(products, self._buckets)
        # Low bits have to depend on the high ones: the high bits are the low ones of the double.
        hashes = tf.bitwise.bitwise_xor(products, tf.bitcast(places, tf.int64))
        return hashes, _counted(places, self._buckets)

    def _sent_to(self, hashes: tf.Tensor, buckets: tf.Tensor) -> tf.Tensor:
        # As doubles their bits are high ones, which few sets of keys have all alike.
        seeds = tf.bitcast(tf.cast(gathered(self.seeds, buckets), tf.float64), tf.int64)
        moved = tf.bitwise.bitwise_xor(hashes, seeds) * self._factors[1]
        return _counted(_scaled(moved, self._places), self._places, NOBODY + 1)

    def _search(self, hashes: np.ndarray, buckets: np.ndarray) -> np.ndarray | None:
        """Returns the seed of each bucket, none where there is a bucket that no seed suits."""
        order = np.argsort(buckets, kind="stable")
        sizes = np.bincount(buckets, minlength=self._buckets)
        starts = np.cumsum(sizes) - sizes
        found = np.zeros(self._buckets, np.uint16)
        taken = _Taken(self._places, self._factors[1])
        for size in range(sizes.max(), 0, -1):
            left = np.flatnonzero(sizes == size)
            keys = hashes[order[starts[left] + np.arange(size)[:, np.newaxis]]]
            for seed in range(SEEDS):
                if not left.size:
                    break
                suited = taken.take(keys, np.float64(seed).view(np.int64))
                if suited.size:
                    found[left[suited]] = seed
                    left, keys = np.delete(left, suited), np.delete(keys, suited, axis=1)
            if left.size:
                return None
        return found


class _Taken:
    """The slots that are taken while seeds are sought, counted from 0."""

    def __init__(self, slots: int, factor: int) -> None:
        self._slots, self._factor = slots, factor
        self._taken = np.zeros(slots, bool)
        self._claims = np.zeros(slots, np.int32)

    def take(self, keys: np.ndarray, seed: np.int64) -> np.ndarray:
        """Takes the slots of buckets that can have them all; returns the numbers of these buckets.

        Args:
          keys: `[size, n_buckets]`, the hashes of their keys.
          seed: The bits of the seed.
        """
        suited, slots = np.arange(keys.shape[1]), np.empty([0, keys.shape[1]], np.int64)
        for hashes in keys:
            # As `_scaled`: one step of TensorFlow takes as long as many small ones of NumPy.
            numbers = (hashes[suited] ^ seed) * self._factor
            wanted = (numbers * (self._slots / 2**64)).astype(np.int64) + self._slots // 2
            free = ~self._taken[wanted]
            suited, slots = suited[free], np.vstack([slots[:, free], wanted[free]])
        claims = np.arange(slots.size, dtype=np.int32).reshape(slots.shape)
        self._claims[slots] = claims
        alone = (self._claims[slots] == claims).all(axis=0)
        self._taken[slots[:, alone]] = True
        return suited[alone]


def _scaled(numbers: tf.Tensor, count: int) -> tf.Tensor:
    """Returns for 64-bit numbers doubles from -count/2 to count/2."""
    return tf.cast(numbers, tf.float64) * (count / 2**64)


def _counted(places: tf.Tensor, count: int, first: int = 0) -> tf.Tensor:
    """Returns for these doubles `count` whole numbers from the first on, if `count` is odd."""
    return tf.cast(places, tf.int64) + (count // 2 + first)
