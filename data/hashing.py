"""Hashes that are the same on any machine and in any later run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np


def bucket(key: bytes, total: int) -> int:
    """Returns the bucket, from 0 to `total - 1`, that a key falls to (SHA-256)."""
    return int.from_bytes(hashlib.sha256(key).digest()[:8], "big") % total


def seeds(keys: Iterable[bytes], salt: bytes) -> np.ndarray:
    """Returns for each key a 64-bit number, `[n]` uint64, another one with another salt.

    >>> seeds([b"a", b"b"], b"1:") == seeds([b"a", b"c"], b"1:")
    array([ True, False])
    """
    digests = (hashlib.blake2b(salt + key, digest_size=8).digest() for key in keys)
    return np.array([int.from_bytes(digest, "little") for digest in digests], np.uint64)


def mix(keys: np.ndarray) -> np.ndarray:
    """Scrambles 64-bit integers (the output function of SplitMix64, Steele et al., 2014).

    Counted up from a seed, `mix(seed + 0), mix(seed + 1), ...` are random numbers.
    """
    keys = keys * np.uint64(0x9E3779B97F4A7C15)
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


def uniform(random: np.ndarray) -> np.ndarray:
    """Returns numbers from 0 to below 1, float64, from 64 random bits each."""
    return (random >> np.uint64(12)) * 2.0**-52
