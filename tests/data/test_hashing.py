"""Hashes: even, and the same wherever they are taken."""

from __future__ import annotations

import hashlib

import numpy as np

from data import hashing

KEYS = [b"key %d" % i for i in range(4000)]


def test_buckets_are_even_and_those_of_sha_256() -> None:
    found = [hashing.bucket(key, 8) for key in KEYS]
    assert found[0] == int.from_bytes(hashlib.sha256(KEYS[0]).digest()[:8], "big") % 8
    assert np.abs(np.bincount(found) - 500).max() < 100


def test_seeds_differ_by_key_and_salt() -> None:
    one, other = (hashing.seeds(KEYS, salt) for salt in (b"1:", b"2:"))
    assert one.dtype == np.uint64
    assert len(set(one.tolist()) | set(other.tolist())) == 2 * len(KEYS)
    assert hashing.seeds(KEYS[5:6], b"1:")[0] == one[5]


def test_mixed_numbers_are_even_in_every_bit() -> None:
    mixed = hashing.mix(np.arange(4000).astype(np.uint64))
    bits = (mixed[:, np.newaxis] >> np.arange(64).astype(np.uint64)) & np.uint64(1)
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.04
    assert len(set(mixed.tolist())) == 4000
