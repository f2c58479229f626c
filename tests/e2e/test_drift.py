"""A day whose data drifted is not trained on, and what is served stays."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from components import baseline
from pipeline import decode
from pipeline import ledger
from pipeline import runs as run_reports
from tests.e2e import days
from tests.e2e import runs

LIMITS = {"numeric": 0.15, "label": 0.15, "lists": 0.5, "columns": {"price": 0.1}}


def test_a_day_that_drifted_is_refused(tmp_path: Path) -> None:
    table = days.config(
        tmp_path,
        train={"epochs": 1},
        evaluation={"min_lists": 2, "thresholds": {"ndcg@5": {"at_least": 0.1}}},
        drift=LIMITS,
    )
    path, world = tmp_path / "days.toml", days.World(lists=120)
    path.write_text(runs.to_toml(table))
    config = decode.load(str(path))

    days.write(tmp_path / "logs", world, 1)
    ran = runs.command("run", "--config", str(path))
    assert ran.status == 0, ran.output + ran.errors
    served = baseline.latest(config.push.base)
    assert served is not None
    first = "the examples fit the schema; no version was served: nothing to compare with"
    assert f"ExampleValidator: {first}" in run_reports.explain(config)

    rows = days.write(tmp_path / "logs", world, 2)
    frame = pd.read_csv(rows)
    frame["price"] *= 20  # cents for euros
    frame.to_csv(rows, index=False)
    ran = runs.command("run", "--config", str(path))
    assert ran.status == 2
    expected = "the examples drifted: train: feature 'price' drifted: Jensen-Shannon divergence 0."
    end = f" from the data of version {served.version}, allowed 0.1"
    (line,) = (line for line in ran.errors.splitlines() if expected in line)
    assert line.endswith(end)
    assert line.count("drifted: train:") == 1
    assert expected in run_reports.explain(config)
    assert baseline.latest(config.push.base) == served
    assert ledger.trained(config) == {1: 0}
