"""MovieLens-100K through the whole pipeline: from its files to a model that recommends."""

from __future__ import annotations

import dataclasses
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tomli

from data import elwc_writer
from data.features import Scope
from data.lists import dtypes
from models import versions
from pipeline import decode
from tests.e2e import runs

EPOCHS = 4


@dataclasses.dataclass(frozen=True)
class Finished:
    """A finished run, and what the log says of each user."""

    ran: runs.Ran
    config: Path
    models: Path
    rated: dict[str, set[str]]

    @property
    def signatures(self) -> Any:
        folder = versions.versions(self.models)[0].path
        return tf.saved_model.load(str(folder)).signatures


@pytest.fixture(scope="module")
def finished(ranking_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("ml-100k")
    table = tomli.loads(decode.shipped()["ml-100k"].read_text())
    table["pipeline"]["root"], table["push"]["base"] = str(folder / "run"), str(folder / "models")
    table["examples"]["base"] = str(ranking_data / "ml-100k")
    table["train"]["epochs"] = EPOCHS
    table["evaluation"]["confidence_intervals"] = False
    table["evaluation"]["thresholds"] = {"full_ndcg@10": {"at_least": 0.01}}
    config = folder / "config.toml"
    config.write_text(runs.to_toml(table))
    rated: dict[str, set[str]] = {}
    with gzip.open(ranking_data / "ml-100k" / "u.data.gz", "rt") as file:
        for line in file:
            user, movie, *_ = line.split("\t")
            rated.setdefault(user, set()).add(movie)
    return Finished(runs.command("run", "--config", str(config)), config, folder / "models", rated)


def request(config: Path, user: str, movies: list[str]) -> tf.Tensor:
    """A list of movies for a user, of whom nothing else is known."""
    spec = decode.load(str(config)).features
    documents = [{"movie_id": [movie.encode()], "genres": [b"Drama"]} for movie in movies]
    context = {"user_id": [user.encode()], "occupation": [b"writer"]}
    assert {f.name for f in spec.features if f.scope is Scope.CONTEXT} == set(context)
    return tf.constant([elwc_writer.encode(context, documents, dtypes(spec))])


def test_it_ends_with_a_published_model(finished: Finished) -> None:
    assert finished.ran.status == 0, finished.ran.errors
    output = finished.ran.output
    assert "ingestion: interactions: 100,000" in output
    assert "blessed: every threshold holds" in output
    assert "recommend items to a user with it:" in output
    for metric in ("hit_rate@10", "ndcg@10", "mrr", "full_hit_rate@10", "full_ndcg@10"):
        assert f"\n{metric} " in output


def test_it_ranks_the_movies_of_a_request(finished: Finished) -> None:
    predict = finished.signatures["predict"]
    movies = ["50", "1", "1650"]
    scores = predict(examples=request(finished.config, "7", movies))["scores"].numpy()[0]
    assert scores.shape == (3,)
    assert scores[0] > scores[2]  # Star Wars, which all have seen, and what one person has
    unseen = predict(examples=request(finished.config, "nobody", ["50", "no such movie"]))
    assert np.isfinite(unseen["scores"].numpy()).all()


def test_it_recommends_what_a_user_has_not_seen(finished: Finished) -> None:
    recommend = finished.signatures["recommend_raw"]
    users = ["7", "7", "nobody"]
    found = recommend(
        user=tf.constant([[user] for user in users]),
        user_id=tf.constant([[user] for user in users]),
        occupation=tf.constant([["writer"]] * 3),
        k=tf.constant(20),
        exclude_seen=tf.constant([True, False, True]),
    )
    new, all_items, of_nobody = (
        {item.decode() for item in row} for row in found["items"].numpy().tolist()
    )
    assert len(new) == len(all_items) == len(of_nobody) == 20
    # The two that were held out are not known to the model.
    assert len(new & finished.rated["7"]) <= 2
    assert len(all_items & finished.rated["7"]) > 2
    assert (np.diff(found["scores"].numpy()) <= 0).all()


def test_the_command_line_recommends_too(finished: Finished) -> None:
    ran = runs.command(
        "recommend", "--model", str(finished.models), "--user", "7", "--k", "3", "--json"
    )
    assert ran.status == 0, ran.errors
    [answer] = [json.loads(line) for line in ran.output.splitlines()]
    assert answer["user"] == "7"
    assert [item["position"] for item in answer["items"]] == [1, 2, 3]
