"""Runs that must not end with a published model, and one that must in spite of a kill."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from data import elwc_writer
from data import synthetic
from tests.e2e import runs

ROOT = Path(__file__).resolve().parents[2]


def write_lists(folder: Path, change: str) -> None:
    """Writes generated lists with something wrong in the training split."""
    for split in runs.SMALL:
        lists = synthetic.generate(synthetic.Synthetic(**runs.SMALL), split).lists
        values = dict(lists.values)
        if change == "shuffled labels" and split != "test":
            values["relevance"] = np.random.default_rng(7).permutation(values["relevance"])
        if change == "unknown brand" and split == "train":
            values["brand"] = values["brand"] + 1000
        changed = type(lists)(lists.ids, lists.origins, lists.sizes, values, lists.scopes)
        (folder / split).mkdir(parents=True)
        with tf.io.TFRecordWriter(str(folder / split / "lists"), "GZIP") as writer:
            for record in elwc_writer.from_lists(changed, synthetic.spec()):
                writer.write(record)


def config_for(folder: Path, change: str) -> Path:
    write_lists(folder / "logs", change)
    return runs.write_config(folder, generate=False)


def test_model_of_shuffled_labels_is_not_blessed(tmp_path: Path) -> None:
    config = config_for(tmp_path, "shuffled labels")
    ran = runs.command("run", "--config", str(config))
    assert ran.status == 3, ran.errors
    assert re.search(
        r"not blessed, not published:\n  ndcg@10: found 0\.\d{4}, expected at least 0\.6\n",
        ran.output,
    )
    assert not list((tmp_path / "models").iterdir())


def test_anomaly_stops_the_run_before_training(tmp_path: Path) -> None:
    config = config_for(tmp_path, "unknown brand")
    ran = runs.command("run", "--config", str(config))
    assert ran.status == 2
    assert ran.errors == (
        "error: the examples do not fit the schema: train: feature 'brand': Out-of-range values"
        " (Unexpectedly large value: 1049)\n"
    )
    assert "Transform" not in ran.output
    assert not list((tmp_path / "models").iterdir())


@pytest.fixture
def environment() -> dict[str, str]:
    return os.environ | {"PYTHONUNBUFFERED": "1"}


def test_killed_training_resumes(tmp_path: Path, environment: dict[str, str]) -> None:
    config = runs.write_config(tmp_path, train={"epochs": 60, "patience": 0})
    arguments = [sys.executable, "pipeline_runner.py", "run", "--config", str(config)]
    with subprocess.Popen(
        arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("epoch 3/"):
                process.send_signal(signal.SIGKILL)  # in the middle of epoch 4 or soon after
                break
    assert process.returncode == -signal.SIGKILL
    assert not list((tmp_path / "models").iterdir())
    ran = runs.command("run", "--config", str(config))
    assert ran.status == 0, ran.errors
    resumed = re.search(r"resuming after epoch (\d+)", ran.output)
    assert resumed
    assert int(resumed[1]) >= 3
    assert f"epoch {int(resumed[1]) + 1}/60" in ran.output
    assert "epoch 1/60" not in ran.output
    assert "Transform done: cached" in ran.output
    assert "published: version " in ran.output
