"""Statistics of columns, and their drift."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv

from components.report import columns
from components.statistics import FILE
from components.statistics import Statistics


def statistics(*, shift: float, n: int = 400) -> Statistics:
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "price": rng.normal(size=n) + shift,
            "noise": rng.normal(size=n),
            "device": rng.choice(["phone", "desk"], n, p=[0.75, 0.25]),
            "clicks": rng.integers(0, 4, n),
        }
    )
    return tfdv.generate_statistics_from_dataframe(frame)


@pytest.fixture(scope="module")
def both() -> dict[str, Statistics]:
    return {"train": statistics(shift=0.0), "test": statistics(shift=2.0, n=100)}


def test_columns_say_what_is_in_them(both: dict[str, Statistics]) -> None:
    found = columns.describe(both, train="train", other="test")
    assert found[0].name == "price"  # which drifted most
    by_name = {column.name: column for column in found}
    price = by_name["price"].splits
    assert (price["train"].values, price["test"].values) == (400, 100)
    assert price["test"].mean == pytest.approx(2.0, abs=0.4)
    assert price["train"].low is not None
    assert price["train"].low < -1 < 1 < (price["train"].high or 0.0)
    assert sum(bar.share for bar in price["train"].bars) == pytest.approx(1.0)
    device = by_name["device"].splits["train"]
    assert (device.unique, set(device.top)) == (2, {"phone", "desk"})
    assert device.top["phone"] > device.top["desk"]
    left = columns.describe(both, train="train", other="test", ids={"price", "device"})
    assert {column.name for column in left} == {"noise", "clicks"}
    assert by_name["clicks"].splits["train"].zeros == pytest.approx(0.25, abs=0.1)


def test_drift_from_elsewhere_is_added(both: dict[str, Statistics]) -> None:
    described = columns.describe({"train": both["train"]}, train="train", other="test")
    assert all(column.drift == {} for column in described)
    found = columns.with_drift(described, both["train"], both["test"])
    by_name = {column.name: column.drift for column in found}
    assert by_name["price"].keys() == {columns.PREVIOUS}
    assert by_name["price"][columns.PREVIOUS] > by_name["noise"][columns.PREVIOUS]


def test_splits_without_statistics_are_left_out(
    both: dict[str, Statistics], tmp_path: Path
) -> None:
    (tmp_path / "Split-train").mkdir()
    (tmp_path / "Split-train" / FILE).write_bytes(both["train"].SerializeToString())
    assert columns.read(str(tmp_path), ["train", "catalogue"]) == {"train": both["train"]}
