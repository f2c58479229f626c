"""A model that goes on from another scores as that one did, and its optimizer goes on as well."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data.embedding import Full
from data.features import Feature
from data.features import FeatureSpec
from data.storage import RemotePath
from models import registry
from models.dnn import DnnRanker
from models.losses import LossOptions
from models.sparse.contents import Owner
from models.sparse.of_model import tables_of
from models.strategy import DistributionConfig
from models.strategy import Strategy
from models.training.optimizers import OptimizerConfig
from models.training.optimizers import Schedule
from models.training.warm import NewRows
from models.training.warm import WarmStartConfig
from models.warm.record import Parts
from tests.models.families import LEARNING
from tests.models.warming import NEW
from tests.models.warming import OLD
from tests.models.warming import PLAIN
from tests.models.warming import RICH
from tests.models.warming import SHARED
from tests.models.warming import Vocabularies
from tests.models.warming import compiled
from tests.models.warming import from_model
from tests.models.warming import inputs
from tests.models.warming import made_job
from tests.models.warming import rows

MIRRORED = DistributionConfig(Strategy.MIRRORED, devices=2)
COMPOSITE = {"embedding_optimizer": OptimizerConfig("adagrad", learning_rate=0.1)}


def replaced(spec: FeatureSpec, name: str, **changes: Any) -> FeatureSpec:
    """Returns the features with one of them changed."""
    columns = (dataclasses.replace(c, **changes) if c.name == name else c for c in spec.columns)
    return dataclasses.replace(spec, columns=tuple(columns))


def moved(
    folder: Path | RemotePath,
    before: Vocabularies = OLD,
    after: Vocabularies = NEW,
    values: Vocabularies = SHARED,
    **made: Any,
) -> tuple[tf.keras.Model, tf.keras.Model, Any, Any]:
    """Returns a model, one that starts from it, and for each the inputs of the same values."""
    old, new = made_job(before, **made), made_job(after, **made)
    given, later = inputs(old, before, values), inputs(new, after, values)
    first, second = compiled(old, given, learned=True), compiled(new, later)
    from_model(old, before, None).keep(first, folder)
    start = from_model(new, after, folder).start(second)
    assert start.warm, start.how
    return first, second, given, later


@pytest.mark.parametrize("family", LEARNING)
def test_scores_stay_before_the_first_step(family: str, tmp_path: Path) -> None:
    spec = RICH if registry.FAMILIES[family].keys else PLAIN
    first, second, given, later = moved(tmp_path / "left", family=family, spec=spec)
    expected, found = (np.array(m(i)) for m, i in ((first, given), (second, later)))
    assert np.ptp(expected) > 0.01
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("family", ["dnn", "mf"])
def test_values_that_are_new_score_as_those_outside_the_vocabulary_did(
    family: str, tmp_path: Path
) -> None:
    values = {**SHARED, "word": [b"pen", b"ink", b"bike"]}
    first, second, given, later = moved(tmp_path / "left", values=values, family=family)
    assert np.array(second(later)) == pytest.approx(np.array(first(given)), abs=1e-6)


@pytest.mark.parametrize("new_rows", [NewRows.MEAN, NewRows.INITIAL])
def test_values_that_are_new_begin_as_the_settings_say(new_rows: NewRows, tmp_path: Path) -> None:
    config = WarmStartConfig(new_rows)
    first, second, _, _ = moved(tmp_path / "left", family="mf", warm_start=config)
    fresh = compiled(made_job(NEW, family="mf"), inputs(made_job(NEW, family="mf"), NEW))
    (number,) = [n for n, w in enumerate(Parts(first).weights) if w.starts and "word" in w.starts]
    before = rows(first, OLD)[f"slot/{number}/weight"]
    mean = np.mean([before["word", value] for value in OLD["word"]], axis=0)
    initial = rows(fresh, NEW)[f"slot/{number}/weight"]["word", b"pen"]
    found = rows(second, NEW)[f"slot/{number}/weight"]["word", b"pen"]
    expected = {NewRows.MEAN: mean, NewRows.INITIAL: initial}[new_rows]
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam"},
        {"optimizer": "adagrad"},
        {"optimizer": "sgd", "optimizer_options": {"momentum": 0.9}},
        {"optimizer": "ftrl"},
        COMPOSITE,
        {"distribution": MIRRORED},
    ],
    ids=["adam", "adagrad", "momentum", "ftrl", "composite", "mirrored"],
)
@pytest.mark.parametrize("family", ["dlrm", "dcn", "mf"])
def test_what_the_optimizer_keeps_moves_with_its_rows(
    family: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    first, second, given, later = moved(tmp_path / "left", family=family, **settings)
    assert np.array(second(later)) == pytest.approx(np.array(first(given)), abs=1e-6)
    before, after = rows(first, OLD), rows(second, NEW)
    assert set(before) == set(after)
    assert len(before) > len(first.weights)
    shared = 0
    for role, parts in before.items():
        for what, row in parts.items():
            if what in after[role]:
                shared += what != "all"
                assert np.array_equal(row, after[role][what]), (role, what)
    assert shared


def test_what_the_optimizer_keeps_of_new_values_starts_anew(tmp_path: Path) -> None:
    _, second, _, _ = moved(tmp_path / "left", family="mf")
    job = made_job(NEW, family="mf")
    fresh = compiled(job, inputs(job, NEW))
    for role, parts in rows(second, NEW).items():
        if role.endswith(("/m", "/v")) and ("word", b"pen") in parts:
            expected = rows(fresh, NEW)[role]["word", b"pen"]
            assert np.array_equal(parts["word", b"pen"], expected)


@pytest.mark.parametrize("planned", [False, True])
def test_steps_go_on_unless_the_learning_rate_is_planned(planned: bool, tmp_path: Path) -> None:
    job = made_job(schedule=Schedule.COSINE if planned else Schedule.CONSTANT)
    given = inputs(job, OLD)
    first, second = compiled(job, given, learned=True), compiled(job, given)
    first.optimizer.iterations.assign(50)
    from_model(job, OLD, None).keep(first, tmp_path / "left")
    assert from_model(job, OLD, tmp_path / "left").start(second).warm
    assert int(second.optimizer.iterations) == (0 if planned else 50)


def test_an_average_goes_on_from_the_weights(tmp_path: Path) -> None:
    _, second, _, _ = moved(tmp_path / "left", family="mf", ema=0.9)
    before = [weight.numpy() for weight in second.trainable_variables]
    second.optimizer.finalize_variable_values(second.trainable_variables)
    for weight, expected in zip(second.trainable_variables, before, strict=True):
        assert np.array_equal(weight.numpy(), expected), weight.name


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_tables_of_keys_go_on(optimizer: str, tmp_path: Path) -> None:
    """Keys, their rows and slots, what waits for a row, the clock; the other table is larger."""
    larger = replaced(RICH, "item", rows=50)
    old, new = made_job(spec=RICH), made_job(NEW, spec=larger, optimizer=optimizer)
    first = compiled(old, inputs(old, OLD), learned=True)
    second = compiled(new, inputs(new, NEW))
    (before,), (after,) = tables_of(first), tables_of(second)
    before.train(tf.constant([77], tf.int64))  # waits
    from_model(old, OLD, None).keep(first, tmp_path / "left")
    start = from_model(new, NEW, tmp_path / "left").start(second)
    other = "; the optimizer starts fresh: optimizer.name was 'adam' and is 'sgd'"
    assert start.how == "from version 7: 7 ids kept, 3 new, 2 retired" + (
        other if optimizer == "sgd" else ""
    )
    assert after.size == before.size > 0
    assert after.capacity == 50
    assert after.time == before.time
    assert after.pending.export()[0].numpy().tolist() == [77]
    keys = tf.constant(before.contents()[0])
    assert np.array_equal(after.serve(keys), before.serve(keys))
    if optimizer == "adam":
        owners = Owner(before, first.optimizer), Owner(after, second.optimizer)
        one, other_one = (next(iter(owner.pieces(0))) for owner in owners)
        for name in one:
            assert np.array_equal(one[name], other_one[name]), name


@pytest.mark.parametrize("growing", [False, True])
def test_an_optimizer_that_changed_begins_anew_with_the_rows_of_keys(
    growing: bool, tmp_path: Path
) -> None:
    spec = replaced(RICH, "item", full=Full.GROW, rows=2) if growing else RICH
    old = made_job(spec=RICH, optimizer="sgd")
    new = made_job(spec=spec, optimizer="adam")
    first = compiled(old, inputs(old, OLD), learned=True)
    second = compiled(new, inputs(new, OLD))
    from_model(old, OLD, None).keep(first, tmp_path / "left")
    assert from_model(new, OLD, tmp_path / "left").start(second).warm
    (before,), (after,) = tables_of(first), tables_of(second)
    assert after.size == before.size > 2
    for slot in ("slot/m", "slot/v"):
        (piece,) = Owner(after, second.optimizer).pieces(0)
        assert not piece[slot].numpy().any()


def unfit(folder: Path, job: Any, vocabularies: Vocabularies = OLD) -> str:
    """Returns why a training does not start from what the standard one left."""
    old = made_job()
    if not folder.exists():
        from_model(old, OLD, None).keep(compiled(old, inputs(old, OLD)), folder)
    model = compiled(job, inputs(job, vocabularies))
    before = [weight.numpy() for weight in model.weights]
    start = from_model(job, vocabularies, folder).start(model)
    assert not start.warm
    for weight, expected in zip(model.weights, before, strict=True):
        assert np.array_equal(weight.numpy(), expected)
    return start.how


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"family": "mf"}, "model.family was 'dnn' and is 'mf'"),
        (
            {"settings": {"hidden_layer_dims": (9,)}},
            "model.hidden_layer_dims was [8, 4] and is [9]",
        ),
        (
            {"spec": replaced(PLAIN, "brand", embedding_dim=3)},
            "features.brand.embedding_dim was 8 and is 3",
        ),
        (
            {"spec": dataclasses.replace(PLAIN, columns=PLAIN.columns[1:])},
            "features.price is gone",
        ),
        (
            {"spec": dataclasses.replace(PLAIN, columns=(*PLAIN.columns, Feature("size")))},
            "features.size is new",
        ),
        (
            {"loss": "ordinal_loss", "loss_options": LossOptions(ordinal_size=3)},
            "logits.grade was 1 and is 3",
        ),
    ],
)
def test_what_does_not_fit_starts_fresh_and_says_so(
    changed: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    assert unfit(tmp_path / "left", made_job(**changed)) == f"fresh: {reason}"


def test_without_a_model_training_starts_fresh(tmp_path: Path) -> None:
    job = made_job()
    model = compiled(job, inputs(job, OLD))
    start = from_model(job, OLD, None).start(model)
    assert (start.warm, start.how) == (False, "fresh: no model is published")
    start = from_model(job, OLD, tmp_path / "none").start(model)
    assert (start.warm, start.how) == (False, "fresh: version 7 has nothing to start from")


class OwnRanker(DnnRanker):
    """Has a table whose columns it does not tell."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._own = tf.keras.layers.Embedding(9, 1)

    def logits(self, rows: Any, places: Any, *, training: bool) -> tf.Tensor:
        own = places.rows(tf.cast(self._own(rows["brand"])[..., 0], tf.float32))
        return super().logits(rows, places, training=training) + own


def test_tables_of_columns_that_nobody_tells_start_fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = dataclasses.replace(registry.FAMILIES["dnn"], build=OwnRanker)
    monkeypatch.setitem(registry.FAMILIES, "dnn", family)
    how = unfit(tmp_path / "left", made_job())
    assert how.startswith("fresh: '")
    assert how.endswith("' does not say which columns its rows are of")


def test_weights_elsewhere_are_found_as_local_ones(remote: RemotePath) -> None:
    first, second, given, later = moved(remote / "left", family="mf")
    assert np.array(second(later)) == pytest.approx(np.array(first(given)), abs=1e-6)
