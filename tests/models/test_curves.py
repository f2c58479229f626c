"""The curves of an additive model, and how they are written."""

from __future__ import annotations

import csv
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from data.errors import InputError
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.lists import Lists
from data.transformed import NUMERIC
from models import curves
from models import drawing
from models import serving
from models.curves import Curve
from models.curves import Point
from tests.samples import HASH
from tests.samples import Transformed
from tests.samples import draw
from tests.samples import requests
from tests.samples import transformed_spec

SPEC = FeatureSpec(
    (
        Feature("x", width=2),
        Feature("kind", **HASH | {"buckets": 997}),
        Feature("sign", scope=Scope.CONTEXT),
    )
)
SIZES = (40,) * 40  # more than one batch
NUMBER = Curve("a<b", 2.0, (Point(0.0, -1.0, -2.0, 0.5, 3), Point(5000.0, 2.0, 1.0, 3.0, 4)))
ID = Curve("kind", 1.0, (Point("re&d", 1.5, 1.0, 2.0, 5), Point("blue", -0.5, -0.5, -0.5, 1)))


class Additive(tf.keras.Model):
    """`10 x[0] + sign * x[1] + 2 * [kind is bike]`."""

    explained = ("x[0]", "x[1]", "kind")

    def sub_scores(self, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        x = inputs[NUMERIC[Scope.DOCUMENT]]
        sign = inputs[NUMERIC[Scope.CONTEXT]]
        bike = inputs["kind"] == 1 + tf.strings.to_hash_bucket_fast(b"bike", 997)
        return tf.stack(
            [10 * x[..., 0], sign * x[..., 1], 2 * tf.cast(bike[..., 0], tf.float32)], axis=2
        )

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        return tf.reduce_sum(self.sub_scores(inputs), axis=2)


def drawn() -> Lists:
    lists = draw(SIZES, spec=SPEC)
    lists.values["sign"][:, 0] = np.resize([-1.0, 1.0], len(SIZES))
    return lists


def save_requests(path: Path, records: list[bytes]) -> Path:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("additive") / "1"
    servable = serving.Servable(Additive(), Transformed(SPEC), transformed_spec(SPEC))
    serving.export(servable, folder, warmup=[])
    return folder


@pytest.fixture(scope="module")
def measured(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Curve]:
    path = save_requests(tmp_path_factory.mktemp("requests") / "r", requests(drawn(), SPEC))
    found = curves.measure(model, path)
    spreads = [curve.spread for curve in found]
    assert spreads == sorted(spreads, reverse=True)
    return {curve.feature: curve for curve in found}


def test_a_number_has_a_point_for_each_quantile(measured: dict[str, Curve]) -> None:
    curve, x = measured["x[0]"], drawn().values["x"][:, 0]
    assert len(curve.points) == curves.BINS
    assert sum(point.documents for point in curve.points) == sum(SIZES)
    assert {point.documents for point in curve.points} <= {39, 40, 41}
    values = [float(point.value) for point in curve.points]
    assert values == sorted(values)
    assert [point.sub_score for point in curve.points] == pytest.approx(
        [10 * value for value in values], rel=1e-4
    )
    assert curve.points[0].low == pytest.approx(10 * x.min())
    assert curve.points[-1].high == pytest.approx(10 * x.max())
    assert curve.spread == pytest.approx(10 * x.std(), rel=1e-4)


def test_the_band_shows_what_the_context_does(measured: dict[str, Curve]) -> None:
    last, highest = measured["x[1]"].points[-1], drawn().values["x"][:, 1].max()
    assert last.high == pytest.approx(highest, rel=0.2)
    assert last.low == pytest.approx(-highest, rel=0.2)
    assert abs(last.sub_score) < highest / 2


def test_an_id_has_a_point_for_each_value(measured: dict[str, Curve]) -> None:
    points = measured["kind"].points
    assert points[0].value == "bike"
    assert {str(point.value): point.sub_score for point in points} == {
        "bike": 2.0, "red": 0.0, "lamp": 0.0, "grün": 0.0,
    }  # fmt: skip
    count = int((drawn().values["kind"] == b"bike").sum())
    assert points[0].documents == count


def test_few_values_have_a_point_each(model: Path, tmp_path: Path) -> None:
    lists = draw((3, 2), spec=SPEC)
    lists.values["x"][:, 0] = [1, 2, 2, 1, 7]
    found = curves.measure(model, save_requests(tmp_path / "r", requests(lists, SPEC)))
    [curve] = [curve for curve in found if curve.feature == "x[0]"]
    assert [(p.value, p.sub_score, p.documents) for p in curve.points] == [
        (1.0, 10.0, 2),
        (2.0, 20.0, 2),
        (7.0, 70.0, 1),
    ]


def test_what_cannot_be_measured_is_refused(model: Path, tmp_path: Path) -> None:
    path = save_requests(tmp_path / "r", [*requests(drawn(), SPEC)[:2], b"\x0a\x03abc"])
    with pytest.raises(InputError, match=rf"^{path}: record 3: the model refused the request: "):
        curves.measure(model, path)
    empty = save_requests(tmp_path / "e", requests(draw((0,), spec=SPEC), SPEC))
    with pytest.raises(InputError, match=rf"^{empty}: found no documents, expected at least one$"):
        curves.measure(model, empty)


def test_a_table_has_a_row_for_each_point(tmp_path: Path) -> None:
    drawing.write([NUMBER, ID], tmp_path / "c.csv")
    with (tmp_path / "c.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["feature", "value", "sub_score", "low", "high", "documents"]
    assert rows[1] == ["a<b", "5000.0", "2.0", "1.0", "3.0", "4"]
    assert rows[2] == ["kind", "re&d", "1.5", "1.0", "2.0", "5"]
    assert len(rows) == 4


def test_a_page_draws_every_feature_in_its_frame() -> None:
    text = drawing.page([NUMBER, ID, Curve("one", 0.0, (Point(1.0, 0.0, 0.0, 0.0, 1),))])
    assert "a&lt;b" in text
    assert "re&amp;d: 1.5, 5 documents" in text
    assert "5000 (logarithmic)" in text
    drawings = [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", text)]
    assert len(drawings) == 3
    [line] = drawings[0].findall("polyline")
    ends = [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]
    assert [x for x, _ in ends] == [0, 300]
    assert [y for _, y in ends] == pytest.approx([130 * 4 / 5, 130 * 1 / 5], abs=0.1)
    assert [float(bar.attrib["width"]) for bar in drawings[1].findall("rect")] == [225, 75]


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"c\.png: found '\.png', expected \.html or \.csv$"):
        drawing.write([NUMBER], tmp_path / "c.png")
    with pytest.raises(InputError, match=r"c\.csv: cannot be written: No such file or directory$"):
        drawing.write([NUMBER], tmp_path / "nowhere" / "c.csv")
