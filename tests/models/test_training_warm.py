"""Training that goes on from another: what counts as its best epoch, what is kept and resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data.embedding import Lookup
from data.errors import InputError
from data.features import Feature
from data.features import FeatureSpec
from data.storage import AnyPath
from models import job as job_lib
from models.strategy import DistributionConfig
from models.strategy import Strategy
from models.training.config import TrainConfig
from models.training.progress import STATE
from models.training.progress import left
from models.training.warm import Start
from models.training.warm import WarmStartConfig
from models.warm.moving import FromModel
from models.warm.record import DESCRIPTION
from tests.models import jobs
from tests.models.fitting import Killed
from tests.models.fitting import Scorer
from tests.models.fitting import fit
from tests.models.fitting import lists
from tests.models.warming import WORDS

METRIC = "ndcg@10"
WARM = WarmStartConfig()


class Given:
    """Starts a training from the weights 5, and keeps what is there."""

    def __init__(self, *, warm: bool = True) -> None:
        self.started, self.kept = 0, list[str]()
        self._warm = warm

    def start(self, model: tf.keras.Model) -> Start:
        self.started += 1
        for weight in model.weights if self._warm else ():
            weight.assign(tf.fill(weight.shape, 5.0))
        return Start(self._warm, "from version 3" if self._warm else "fresh: no model is published")

    def keep(self, model: tf.keras.Model, folder: AnyPath) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / DESCRIPTION).write_text("{}")
        self.kept.append(folder.name)


def run(
    folder: Path, given: Given, values: list[float], *, killed_in: str = "nothing", **settings: Any
) -> tuple[Any, np.ndarray, list[str]]:
    """Trains a layer whose validation gives these values; returns result, weights and lines."""
    found, lines = iter(values), list[str]()

    def report(line: str) -> None:
        lines.append(line)
        if line.startswith(killed_in):
            raise Killed

    model = Scorer()
    result = fit(
        model,
        lambda: {METRIC: next(found)},
        folder,
        lists(),
        report=report,
        warm=given,
        warm_start=WARM,
        **settings,
    )
    return result, model.get_weights()[0], lines


def test_what_training_started_from_stays_where_no_epoch_is_better(tmp_path: Path) -> None:
    given = Given()
    result, weights, lines = run(tmp_path, given, [0.9, 0.5, 0.6, 0.7], patience=3)
    assert (result.epochs, result.best_epoch, result.best) == (3, 0, 0.9)
    assert result.start == "from version 3"
    assert (weights == 5.0).all()
    assert lines[:2] == ["start: from version 3", "epoch 0/5  ndcg@10 0.9000"]
    assert given.kept == [left(tmp_path, 0).name]
    assert (left(tmp_path, 0) / DESCRIPTION).exists()


def test_a_better_epoch_replaces_it(tmp_path: Path) -> None:
    given = Given()
    result, weights, _ = run(tmp_path, given, [0.5, 0.4, 0.6, 0.3], epochs=3)
    assert (result.best_epoch, result.best) == (2, 0.6)
    assert (weights != 5.0).all()
    assert given.kept == [left(tmp_path, n).name for n in (0, 2)]
    assert [path.name for path in tmp_path.glob("best-*.left")] == [left(tmp_path, 2).name]


def test_the_last_epoch_is_kept_on_request(tmp_path: Path) -> None:
    result, _, _ = run(tmp_path, Given(), [0.9, 0.5], epochs=1, keep_last=True)
    assert (result.best_epoch, result.best) == (1, 0.5)


def test_a_fresh_start_measures_nothing_first(tmp_path: Path) -> None:
    given = Given(warm=False)
    result, _, lines = run(tmp_path, given, [0.2, 0.1], epochs=2)
    assert (result.best_epoch, result.start) == (1, "fresh: no model is published")
    assert lines[0] == "start: fresh: no model is published"
    assert lines[1].startswith("epoch 1/2")
    assert given.kept == [left(tmp_path, 1).name]


@pytest.mark.parametrize(("epoch", "values"), [(0, [0.9]), (2, [0.9, 0.5, 0.6])])
def test_a_resumed_training_does_not_start_again(
    epoch: int, values: list[float], tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        run(tmp_path, Given(), values, killed_in=f"epoch {epoch}/", epochs=3)
    assert json.loads((tmp_path / STATE).read_text())["epochs"] == epoch
    again = Given()
    result, weights, lines = run(tmp_path, again, [0.1] * (3 - epoch), epochs=3)
    assert again.started == 0
    assert lines[0] == f"resuming after epoch {epoch}"
    assert (result.epochs, result.best_epoch, result.best) == (3, 0, 0.9)
    assert result.start == "from version 3"
    assert (weights == 5.0).all()


@pytest.mark.parametrize("static", [False, True])
def test_a_training_goes_on_from_what_another_left(static: bool, tmp_path: Path) -> None:
    """The first epoch of the second begins where the best one of the first ended."""
    fixed: dict[str, Any] = {"jit_compile": True, "list_size": 10} if static else {}
    first = jobs.job(tmp_path, epochs=2, warm_start=WARM, **fixed)
    _, result = job_lib.run(first, report=lambda line: None, warm=FromModel(first, {}, None))
    kept = left(Path(first.state_dir), result.best_epoch)
    second = jobs.elsewhere(jobs.job(tmp_path, epochs=1, warm_start=WARM, **fixed), tmp_path / "2")
    lines: list[str] = []
    _, later = job_lib.run(second, report=lines.append, warm=FromModel(second, {}, kept, "7"))
    assert lines[0] == "start: from version 7"
    assert float(lines[1].split()[-1]) == pytest.approx(result.best, abs=1e-4)
    assert later.best >= result.best


@pytest.mark.parametrize(
    ("settings", "feature", "message"),
    [
        (
            {"distribution": DistributionConfig(Strategy.PARAMETER_SERVER)},
            {},
            "train.warm_start: ParameterServerStrategy starts fresh; expected a training in one"
            " process",
        ),
        (
            {"distribution": DistributionConfig(Strategy.MULTI_WORKER)},
            {},
            "train.warm_start: MultiWorkerMirroredStrategy starts fresh; expected a training in one"
            " process",
        ),
        (
            {},
            {"lookup": Lookup.HASHED, "rows": 4},
            "train.warm_start: feature 'word': the ids of a vocabulary change, and with lookup"
            " 'hashed' they have no rows of their own that could move; use 'hash' or lookup 'full'",
        ),
    ],
)
def test_what_cannot_go_on_is_refused(
    settings: dict[str, Any], feature: dict[str, Any], message: str
) -> None:
    spec = FeatureSpec((Feature("word", **WORDS, **feature),))
    with pytest.raises(InputError) as caught:
        TrainConfig(warm_start=WARM, **settings).require(spec)
    assert str(caught.value) == message
    TrainConfig(**settings).require(spec)
