"""Generated click logs: reproducible, of Criteo's form, and predictable as far as they say."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from data import synthetic_clicks
from data.errors import InputError
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Transform
from data.readers import Format
from data.readers import read
from data.readers.criteo import CATEGORIES
from data.readers.criteo import INTEGERS
from data.synthetic_clicks import CARDINALITIES
from data.synthetic_clicks import Clicks
from data.synthetic_clicks import SyntheticClicks
from data.synthetic_clicks import generate
from data.synthetic_clicks import to_arrow
from data.synthetic_clicks import write

ROWS = 4000


def whole(config: SyntheticClicks) -> Clicks:
    batches = [vars(batch) for batch in generate(config)]
    return Clicks(**{name: np.concatenate([b[name] for b in batches]) for name in batches[0]})


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic_clicks, "BATCH", 1500)


@pytest.fixture
def clicks() -> Clicks:
    return whole(SyntheticClicks(ROWS))


def test_more_rows_begin_with_the_same_ones(clicks: Clicks) -> None:
    fewer = whole(SyntheticClicks(2000))
    for field in dataclasses.fields(Clicks):
        first = vars(clicks)[field.name][:2000]
        np.testing.assert_array_equal(vars(fewer)[field.name], first)


@pytest.mark.parametrize("change", [{"part": 1}, {"seed": 1}])
def test_parts_and_seeds_differ(clicks: Clicks, change: dict[str, int]) -> None:
    other = whole(SyntheticClicks(ROWS, **change))  # type: ignore[arg-type]
    assert not np.array_equal(other.categories, clicks.categories)


def test_labels_follow_their_probabilities(clicks: Clicks) -> None:
    p = clicks.probability
    spread = np.sqrt((p * (1 - p)).sum())
    assert clicks.label.sum() == pytest.approx(p.sum(), abs=4 * spread)
    high = p > np.median(p)
    assert clicks.label[high].mean() > 2 * clicks.label[~high].mean()
    assert 0.1 < clicks.label.mean() < 0.4


def test_categories_follow_zipfs_law(clicks: Clicks) -> None:
    """The k-th comes in proportion to `log(1 + 1/k)`."""
    for column in (4, 8, 16):
        size = CARDINALITIES[column]
        share = np.log1p(1 / np.arange(1, size + 1)) / np.log1p(size)
        assert share.sum() == pytest.approx(1)
        found = np.bincount(clicks.categories[:, column], minlength=size) / ROWS
        np.testing.assert_allclose(found, share, atol=4 * np.sqrt(0.25 / ROWS))
    assert (clicks.categories < np.array(CARDINALITIES)).all()


def test_cells_are_missing_and_some_integers_negative(clicks: Clicks) -> None:
    assert clicks.missing.mean() == pytest.approx(0.1, abs=0.01)
    assert not whole(SyntheticClicks(100, missing=0.0)).missing.any()
    lowest = clicks.integers.min(axis=0)
    assert lowest.tolist() == [-3 if name == "I2" else 0 for name in INTEGERS]


@pytest.mark.parametrize("name", ["day.tsv", "day.tsv.gz"])
def test_a_file_is_read_as_it_was_written(tmp_path: Path, name: str) -> None:
    config = SyntheticClicks(ROWS)
    write(config, tmp_path / name)
    spec = FeatureSpec(
        (
            Feature("I*", members="1..13", dtype=DType.INT, default=-99),
            Feature(
                "C*", members="1..26", dtype=DType.STRING, transform=(Transform.VOCABULARY,),
                default="",
            ),
        ),
        impressions=True,
    )  # fmt: skip

    def refuse(refusal: object) -> None:
        raise AssertionError(refusal)

    path = str(tmp_path / name)
    batches = list(read(path, format=Format.CRITEO, spec=spec, refuse=refuse))
    clicks = whole(config)
    found = {n: np.concatenate([b.values[n] for b in batches])[:, 0] for n in batches[0].values}
    np.testing.assert_array_equal(found["label"], clicks.label)
    integers = np.where(clicks.missing[:, :13], -99, clicks.integers)
    for i, column in enumerate(INTEGERS):
        np.testing.assert_array_equal(found[column], integers[:, i])
    texts = to_arrow(clicks)
    for column in CATEGORIES:
        expected = [text or "" for text in texts[column].to_pylist()]
        assert [text.decode() for text in found[column]] == expected
    kinds = {len(np.unique(found[column])) for column in ("C6", "C9")}
    assert kinds == {24 + 1, 3 + 1}  # a category has one name, and a missing one none


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rows": 0}, "rows must be at least 1, found 0"),
        ({"missing": 1.0}, r"missing must be in \[0, 1\), found 1\.0"),
        ({"cardinalities": (3,)}, r"cardinalities: expected 26 positive numbers, found \[3\]"),
    ],
)
def test_settings_out_of_range(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}$"):
        SyntheticClicks(**{"rows": 5, **settings})  # type: ignore[arg-type]
