"""Logged requests: which files, how many, and what is no request."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from data import logged
from data.errors import InputError
from tests.samples import SPEC
from tests.samples import draw
from tests.samples import requests


def log(path: Path, seed: int, *more: bytes) -> str:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for request in (*more, *requests(draw((3, 1, 5), seed=seed))):
            writer.write(request)
    return str(path)


def test_the_last_file_comes_first(tmp_path: Path) -> None:
    assert logged.files(str(tmp_path / "*"), required=False) == []
    paths = [log(tmp_path / f"{day}", day) for day in (1, 2)]
    (tmp_path / "3").touch()  # nothing was logged yet
    found = logged.files(str(tmp_path / "*"), required=True)
    assert found == paths[::-1]
    lists = logged.read(found, SPEC, 4)
    assert lists.sizes.tolist() == [3, 1, 5, 3]
    assert lists.origins[0] == f"{paths[1]}: record 1"
    assert logged.records(found, SPEC, 4) == [
        *requests(draw((3, 1, 5), seed=2)),
        requests(draw((3, 1, 5), seed=1))[0],
    ]
    second = draw((3, 1, 5), seed=2)
    assert (lists.values["price"][:9] == second.values["price"]).all()


def test_a_bad_request_is_named(tmp_path: Path) -> None:
    path = log(tmp_path / "1", 1, b"no request")
    with pytest.raises(InputError, match=f"^{path}: record 1: "):
        logged.read([path], SPEC, 10)


def test_files_without_a_request_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "1"
    with tf.io.TFRecordWriter(str(path), "GZIP"):
        pass
    with pytest.raises(InputError) as caught:
        logged.read([str(path)], SPEC, 10)
    assert str(caught.value) == f"{path}: found no request"
