"""Logged requests are compared with the training examples, in the words of drift."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components import drift
from components import skew
from components.statistics import Statistics
from data.errors import InputError
from pipeline.drift import DriftConfig
from tests.components import days
from tests.components.described import describe
from tests.samples import draw
from tests.samples import requests
from tests.samples import stored


@pytest.fixture(scope="module")
def training() -> Statistics:
    lists = draw(days.SIZES, spec=days.SPEC, seed=1)
    return describe(stored(lists, days.SPEC), days.SPEC)


def log(folder: Path, change: days.Change = lambda lists: None, name: str = "1.gz") -> str:
    """Writes requests; returns their pattern."""
    lists = draw(days.SIZES, spec=days.SPEC, seed=2)
    change(lists)
    folder.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / name), "GZIP") as writer:
        for request in requests(lists, days.SPEC):
            writer.write(request)
    return str(folder / "*")


def limits(pattern: str) -> DriftConfig:
    return DriftConfig(
        numeric=0.1, categorical=0.1, unseen=0.1, missing=0.1, label=0.1, requests=pattern
    )


def test_requests_like_the_examples_pass_and_are_told(training: Statistics, tmp_path: Path) -> None:
    config = limits(log(tmp_path / "logged"))
    skewed, nearest, told = skew.look(config, days.SPEC, training, required=True)
    assert skewed == []
    # Six features, three columns of values, two whose defaults are seen; no label
    assert told == "11 figures of 300 with the training examples: all as allowed"
    assert all(line.startswith("requests: feature '") for line in nearest)
    assert all(" the training examples" in line for line in nearest)


def test_requests_of_another_kind_are_named(training: Statistics, tmp_path: Path) -> None:
    config = limits(log(tmp_path / "logged", days.shift))
    (line,), _, _ = skew.look(config, days.SPEC, training, required=True)
    assert line.startswith("requests: feature 'price' drifted: Jensen-Shannon divergence 0.")
    assert line.endswith(" from the training examples, allowed 0.1")


def test_the_newest_files_are_looked_at(
    training: Statistics, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(skew, "MOST", 200)
    log(tmp_path / "logged", days.shift, "1.gz")
    config = limits(log(tmp_path / "logged", name="2.gz"))
    skewed, _, told = skew.look(config, days.SPEC, training, required=True)
    assert (skewed, told.split(" with")[0]) == ([], "11 figures of 200")


def test_before_anything_is_served_there_may_be_none(training: Statistics, tmp_path: Path) -> None:
    config = limits(str(tmp_path / "*.gz"))
    told = skew.look(config, days.SPEC, training, required=False)
    assert told == ([], [], "none were logged yet")
    with pytest.raises(InputError) as caught:
        skew.look(config, days.SPEC, training, required=True)
    assert str(caught.value) == f"drift.requests: no file matches '{tmp_path}/*.gz'"


def test_both_are_told_of_together(tmp_path: Path) -> None:
    version = days.publish(tmp_path)
    config = limits(log(tmp_path / "logged"))
    drifted, told = days.look(tmp_path, config, change=days.shift)
    assert [line.partition(" drifted")[0] for line in drifted] == [
        "train: feature 'price'",
        "requests: feature 'price'",
    ]
    assert f"version {version}" in told[drift.COMPARED]
    assert told[drift.REQUESTS].startswith("11 figures of 300 ")
    assert np.char.startswith(told[drift.EVIDENCE].splitlines(), "requests: ").sum() == 5
