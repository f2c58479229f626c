"""The main job from logs to a published model, and what one does with it afterwards."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import input_pb2

from data import columnar
from data import elwc
from data import synthetic
from models import serving
from pipeline import decode
from tests.e2e import runs
from tests.e2e.conftest import Demo

NODES = (
    "RankingExampleGen",
    "StatisticsGen",
    "RankingSchema",
    "ExampleValidator",
    "Transform",
    "Trainer",
    "LatestBlessedModel",
    "Evaluator",
    "ServingChecks",
    "Pusher",
    "RunReport",
)


def published(demo: Demo) -> Path:
    (version,) = [path for path in demo.models.iterdir() if path.name.isdecimal()]
    return version


def test_run_publishes_a_blessed_model_and_says_so(demo: Demo) -> None:
    assert demo.ran.status == 0, demo.ran.errors
    for node in NODES:
        assert f"\n{node} " in demo.ran.output
    assert "blessed: every threshold holds" in demo.ran.output
    assert re.search(r"served: \d+\.\d MB; 99 of 100 requests within ", demo.ran.output)
    assert f"published: version {published(demo).name} in " in demo.ran.output
    assert "gain 2^l-1, discount 1/log2(1+rank), ties worst, empty lists 0" in demo.ran.output


def test_manifest_tells_data_metrics_and_configuration(demo: Demo) -> None:
    manifest = json.loads((published(demo) / "manifest.json").read_text())
    assert set(manifest["data"]["splits"]) == {"train", "validation", "test"}
    assert manifest["metrics"]["values"]["ndcg@10"] > 0.6
    assert manifest["config"]["model"]["family"] == "dnn"


def test_lists_that_come_out_are_those_that_went_in(demo: Demo) -> None:
    (examples,) = (demo.folder / "run/artifacts/RankingExampleGen/examples").iterdir()
    spec = synthetic.spec()
    for split, size in runs.SMALL.items():
        logs = tf.data.TFRecordDataset(
            sorted(map(str, (demo.folder / "logs" / split).glob("*"))), "GZIP"
        )
        stored = tf.data.TFRecordDataset(
            sorted(map(str, (examples / f"Split-{split}").glob("*"))), "GZIP"
        )
        before = elwc.parse(next(iter(logs.batch(size))), spec.raw)
        after = columnar.parse(next(iter(stored.batch(size))), spec.raw)
        order = [np.argsort(lists["query_id"].numpy()[:, 0]) for lists in (before, after)]
        for name in before:
            for a, b in zip(*_rows([before[name], after[name]], order), strict=True):
                np.testing.assert_array_equal(a, b)


def _rows(columns: list[tf.Tensor], orders: list[np.ndarray]) -> list[list[np.ndarray]]:
    return [
        [column[i].numpy() for i in order] for column, order in zip(columns, orders, strict=True)
    ]


def test_signatures_score_alike(demo: Demo) -> None:
    model = tf.saved_model.load(str(published(demo)))
    (logs,) = (demo.folder / "logs/test").glob("*")
    requests = next(iter(tf.data.TFRecordDataset(str(logs), "GZIP").batch(80)))
    (examples,) = (demo.folder / "run/artifacts/RankingExampleGen/examples").iterdir()
    (stored,) = (examples / "Split-test").glob("*")
    lists = next(iter(tf.data.TFRecordDataset(str(stored), "GZIP").batch(80)))
    by_elwc = model.signatures[serving.PREDICT](examples=requests)[serving.SCORES].numpy()
    by_columns = model.signatures[serving.COLUMNAR](examples=lists)[serving.SCORES].numpy()
    ids = [elwc.parse(requests, synthetic.spec().identifiers)["query_id"].numpy()[:, 0]]
    ids.append(columnar.parse(lists, synthetic.spec().identifiers)["query_id"].numpy()[:, 0])
    np.testing.assert_allclose(
        by_elwc[np.argsort(ids[0])], by_columns[np.argsort(ids[1])], atol=1e-5
    )
    for index in range(0, 80, 16):
        alone = model.signatures[serving.PREDICT](examples=requests[index : index + 1])
        size = alone[serving.SCORES].shape[1]
        np.testing.assert_allclose(alone[serving.SCORES][0], by_elwc[index, :size], atol=1e-5)


def test_keys_have_the_rows_that_training_gave_them(demo: Demo) -> None:
    assert "  category: 40 of 60 rows" in demo.ran.output
    model = tf.saved_model.load(str(published(demo)))
    (logs,) = (demo.folder / "logs/test").glob("*")
    (record,) = tf.data.TFRecordDataset(str(logs), "GZIP").take(1).as_numpy_iterator()
    request = input_pb2.ExampleListWithContext.FromString(record)
    document = request.examples[0]
    del request.examples[:]
    for category in (b"category00", b"category01", b"never seen", b"nor this"):
        document.features.feature["category"].bytes_list.value[:] = [category]
        request.examples.append(document)
    answer = model.signatures[serving.PREDICT](examples=tf.constant([request.SerializeToString()]))
    first, second, *unknown = answer[serving.SCORES][0].numpy()
    assert unknown[0] == pytest.approx(unknown[1], abs=1e-5)
    assert min(abs(first - second), *(abs(known - unknown[0]) for known in (first, second))) > 1e-3


def test_warmup_requests_are_answered(demo: Demo) -> None:
    from tensorflow_serving.apis import prediction_log_pb2

    model = tf.saved_model.load(str(published(demo)))
    warmup = published(demo) / serving.EXTRA / serving.WARMUP_FILE
    for record in tf.data.TFRecordDataset(str(warmup)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        examples = tf.make_ndarray(request.inputs["examples"])
        scores = model.signatures[request.model_spec.signature_name](examples=tf.constant(examples))
        assert np.isfinite(scores[serving.SCORES]).all()


def test_score_ranks_a_file_of_requests(demo: Demo) -> None:
    (logs,) = (demo.folder / "logs/test").glob("*")
    ran = runs.command("score", "--model", str(demo.models), "--input", str(logs), "--json")
    assert ran.status == 0, ran.errors
    ranked = [json.loads(line) for line in ran.output.splitlines()]
    assert len(ranked) == runs.SMALL["test"]
    scores = [document["score"] for document in ranked[0]["documents"]]
    assert scores == sorted(scores, reverse=True)


def test_second_run_uses_the_cache_and_publishes_nothing_new(demo: Demo) -> None:
    before = published(demo)
    ran = runs.command("run", "--config", str(demo.config))
    assert ran.status == 0, ran.errors
    for node in ("RankingExampleGen", "StatisticsGen", "Transform", "Trainer"):
        assert f"{node} done: cached" in ran.output
    assert "nodes were cached" in ran.output
    assert f"not published again: version {before.name} is the same model" in ran.output
    assert published(demo) == before


def test_versions_are_listed_and_rolled_back(demo: Demo) -> None:
    version = published(demo).name
    listed = runs.command("versions", "--config", str(demo.config))
    assert listed.output.startswith(f"{version}  live")
    ran = runs.command("rollback", "--models", str(demo.models))
    message = f"models: nothing to go back to in '{demo.models}'; live versions: {version}"
    assert (ran.status, ran.errors) == (2, f"error: {message}\n")


def test_a_model_that_fails_a_check_is_not_published(demo: Demo) -> None:
    text = demo.config.read_text() + "\n[serving.checks]\nmax_mb = 0.001\n"
    config = demo.folder / "small.toml"
    config.write_text(text)
    before = published(demo)
    ran = runs.command("run", "--config", str(config))
    assert ran.status == 3, ran.errors
    assert "Trainer done: cached" in ran.output
    found = re.search(
        r"not blessed, not published:\n  size: found \d\.\d+ MB on disk, expected at most 0\.001\n",
        ran.output,
    )
    assert found, ran.output
    assert published(demo) == before


def test_demonstration_describes_the_generated_lists() -> None:
    config = decode.load("synthetic")
    assert config.features == synthetic.spec()
    assert config.examples.synthetic == synthetic.Synthetic()


@pytest.mark.parametrize("name", sorted(decode.shipped()))
def test_shipped_configurations_are_sound(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKING_DATA", "data")
    assert decode.load(name).pipeline.name
