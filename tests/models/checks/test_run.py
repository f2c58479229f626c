"""All checks of one exported model: what is asked, measured and refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from data import elwc_writer
from data import plain
from models import checks
from models import serving
from models.checks import ChecksConfig
from models.checks import Result
from models.checks.config import NAMES
from models.serving import SPEC_FILE
from tests.models.checks import broken
from tests.samples import draw
from tests.samples import requests

QUICK: dict[str, Any] = {"requests": 5, "sizes": (2,)}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return broken.export(tmp_path_factory.mktemp("sound") / "1")


def test_a_sound_model_is_measured(sound: Path) -> None:
    config = ChecksConfig(sizes=(2, 20), requests=10, max_p99_ms=60_000, max_mb=100)
    result = checks.check(sound, broken.lists(), config)
    assert result.failures == ()
    assert result.lists == len(broken.SIZES)
    assert result.signatures == ("columnar", "predict", "raw", "regress", "serving_default")
    assert [found.documents for found in result.latencies] == [2, 20]
    assert all(0 < found.p50_ms <= found.p99_ms for found in result.latencies)
    size = sum(path.stat().st_size for path in sound.rglob("*") if path.is_file())
    assert result.size_mb == pytest.approx(size / 1e6, abs=1e-3)
    assert result.memory_mb >= 0
    assert plain.from_json(Result, plain.to_json(result)) == result


def log(path: Path, sizes: tuple[int, ...] = (2, 120, 1)) -> list[str]:
    """Writes requests; returns their files."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in requests(draw(sizes, seed=4)):
            writer.write(record)
    return [str(path)]


def test_logged_requests_are_asked_as_they_were(sound: Path, tmp_path: Path) -> None:
    files = log(tmp_path / "requests")
    result = checks.check(sound, broken.lists(), ChecksConfig(**QUICK), files)
    assert (result.failures, result.logged) == ((), 3)
    (tmp_path / "bad").write_bytes(b"no requests")
    bad = [str(tmp_path / "bad")]
    [line] = checks.check(sound, broken.lists(), ChecksConfig(**QUICK), bad).failures
    assert line.startswith(f"logged: {tmp_path / 'bad'}: ")


class OtherPredict(broken.OtherSignature):
    """Requests have other scores than stored lists."""

    other = serving.PREDICT


def test_other_scores_for_logged_requests_are_found(tmp_path: Path) -> None:
    skip = dict.fromkeys(set(NAMES) - {"logged"}, "looked at elsewhere")
    config, (file,) = ChecksConfig(skip=skip, **QUICK), log(tmp_path / "requests")
    other = broken.export(tmp_path / "1", kind=OtherPredict)
    [line] = checks.check(other, broken.lists(), config, [file]).failures
    assert line.startswith(f"logged: 'predict': {file}: record 1: place 1: found ")
    wanting = broken.export(tmp_path / "2", broken.nan_below_zero)
    [line] = checks.check(wanting, broken.lists(), config, [file]).failures
    assert line.startswith(f"logged: {file}: record ")
    assert line.endswith(": a score is no finite number")


def test_what_is_skipped_is_not_asked_and_told(tmp_path: Path) -> None:
    model = broken.export(tmp_path / "1", broken.by_position)
    reasons = {"permutation": "positions are known", "signatures": "regress knows none"}
    result = checks.check(model, broken.lists(), ChecksConfig(skip=reasons, **QUICK))
    assert result.failures == ()
    assert result.skipped == reasons


def test_an_oversized_model_is_refused(tmp_path: Path) -> None:
    model = broken.export(tmp_path / "1", weights=500_000)
    [line] = checks.check(model, broken.lists(), ChecksConfig(max_mb=1, **QUICK)).failures
    assert line.startswith("size: found 2.")
    assert line.endswith(" MB on disk, expected at most 1")


def test_a_slow_model_is_refused(tmp_path: Path) -> None:
    model = broken.export(tmp_path / "1", broken.slow)
    skip = dict.fromkeys(NAMES, "looked at elsewhere")
    config = ChecksConfig(max_p99_ms=5, skip=skip, **QUICK)
    [line] = checks.check(model, broken.lists(), config).failures
    assert line.startswith("latency: a request of 2 documents: found p99 ")
    assert line.endswith(" ms, expected at most 5")


def test_a_request_to_warm_up_that_is_refused_is_named(tmp_path: Path) -> None:
    strange = elwc_writer.encode({}, [{}], {})
    model = broken.export(tmp_path / "1", warmup=(strange,))
    [line] = checks.check(model, broken.lists(), ChecksConfig(**QUICK)).failures
    assert line.startswith("warmup: request 3: 'predict' gives no answer: ")


def test_without_lists_nothing_is_blessed(sound: Path) -> None:
    result = checks.check(sound, [], ChecksConfig(**QUICK))
    assert result.failures == ("there are no lists to ask about",)


def test_what_cannot_be_loaded_is_refused(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_text("no graph")
    [line] = checks.check(tmp_path, broken.lists(), ChecksConfig(**QUICK)).failures
    assert line.startswith(f"load: {tmp_path}: cannot be loaded: ")


def test_a_model_without_its_columns_is_refused(tmp_path: Path) -> None:
    model = broken.export(tmp_path / "1")
    (model / "assets.extra" / SPEC_FILE).unlink()
    [line] = checks.check(model, broken.lists(), ChecksConfig(**QUICK)).failures
    assert line.startswith("load: ")
    assert line.endswith(f"{SPEC_FILE}: cannot be read: No such file or directory")
