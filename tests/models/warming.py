"""Models of one vocabulary and of a later one, without a training of either."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from data import storage
from data.embedding import Combiner
from data.embedding import Lookup
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform
from data.storage import AnyPath
from data.transformed import MASK
from data.transformed import NUMERIC
from data.transformed import TransformedSpec
from models import job as job_lib
from models import registry
from models import strategy
from models.embedding.layer import embedding_variables
from models.job import TrainingJob
from models.sparse.of_model import tables_of
from models.training.optimizers import build_optimizer
from models.training.warm import WarmStartConfig
from models.warm.moving import FromModel
from models.warm.record import Parts
from tests.models import jobs
from tests.models.families import SETTINGS
from tests.models.families import STILL

Vocabularies = Mapping[str, Sequence[bytes]]

WORDS: dict[str, Any] = {"dtype": DType.STRING, "transform": (Transform.VOCABULARY,)}
NUMBERS: dict[str, Any] = {"dtype": DType.INT, "transform": (Transform.VOCABULARY,)}
SHOPS: dict[str, Any] = {"dtype": DType.STRING, "transform": (Transform.HASH,), "buckets": 9}
KEYS: dict[str, Any] = {"dtype": DType.INT, "transform": (Transform.KEY,), "rows": 30}
PLAIN = FeatureSpec(
    (
        Feature("price"),
        Feature("word", width=2, combiner=Combiner.SUM, oov_buckets=2, **WORDS),
        Feature("kind", oov_buckets=0, **NUMBERS),
        Feature("brand", dtype=DType.INT, transform=(Transform.INTEGER,), size=5),
        Feature("age", scope=Scope.CONTEXT),
        Feature("user", scope=Scope.CONTEXT, **WORDS),
    ),
    label="grade",
)
"""Vocabularies of both scopes and types beside ids that stay."""
RICH = dataclasses.replace(
    PLAIN,
    columns=(
        Feature("shop", table="shops", **SHOPS),
        *PLAIN.columns,
        Feature("seller", table="shops", width=2, **SHOPS),
        Feature("site", lookup=Lookup.HASHED, rows=4, **SHOPS),
        Feature("page", lookup=Lookup.QUOTIENT_REMAINDER, rows=3, **SHOPS),
        Feature("item", min_count=2, **KEYS),
    ),
)
"""Tables that are shared, composed or of keys as well."""
OLD: Vocabularies = {
    "word": [b"lamp", b"bike", b"red", b"desk"],
    "kind": [b"7", b"3"],
    "user": [b"ann", b"bob", b"eve"],
}
NEW: Vocabularies = {  # reordered, grown, shrunk
    "word": [b"bike", b"pen", b"lamp", b"red", b"ink"],
    "kind": [b"3", b"9", b"7"],
    "user": [b"eve", b"ann"],
}
SHARED = {"word": [b"bike", b"lamp", b"red", b"?", b"!"], "kind": [b"3", b"7"], "user": [b"ann"]}
"""Values that both have or neither has."""


def made_job(
    vocabularies: Vocabularies = OLD,
    *,
    family: str = "dnn",
    spec: FeatureSpec = PLAIN,
    settings: Mapping[str, Any] | None = None,
    **train: Any,
) -> TrainingJob:
    """Returns a training whose files nobody reads."""
    sizes = {}
    for feature in spec.features:
        if feature.name in vocabularies:
            sizes[feature.name] = 1 + len(vocabularies[feature.name]) + feature.oov_buckets
        elif feature.categorical and not feature.keyed:
            sizes[feature.name] = 1 + (feature.size or feature.buckets)
    config = registry.family(family).config
    known = {field.name for field in dataclasses.fields(config)}
    still = {name: value for name, value in STILL.items() if name in known}
    train = {"warm_start": WarmStartConfig(), "metric": jobs.METRIC} | train
    return jobs.of_files(
        Path("nowhere"),
        TransformedSpec(spec, sizes),
        family=family,
        settings={**SETTINGS[family], **still, **(settings or {})},
        metrics=(jobs.METRIC,),
        **train,
    )


def inputs(job: TrainingJob, vocabularies: Vocabularies, values: Vocabularies = SHARED) -> Any:
    """Returns model inputs whose words are `values`, always the same ones."""
    rng, found = np.random.default_rng(7), {}
    shape = {Scope.CONTEXT: (3,), Scope.DOCUMENT: (3, 4)}
    for column in job.shapes.columns:
        size = (*shape[column.scope], column.width)
        if column.name in NUMERIC.values():
            found[column.name] = tf.constant(rng.normal(size=size), tf.float32)
        elif column.name in vocabularies:
            drawn = rng.choice(np.array(values[column.name], object), size)
            (feature,) = [f for f in job.shapes.spec.features if f.name == column.name]
            found[column.name] = ids(drawn, vocabularies[column.name], feature.oov_buckets)
        else:
            most = job.shapes.cardinalities.get(column.name, 12)
            found[column.name] = tf.constant(rng.integers(0, most, size), tf.int64)
    found[MASK] = tf.constant([[True] * 4, [True, True, False, False], [True] * 4])
    return found


def ids(values: np.ndarray, vocabulary: Sequence[bytes], oov_buckets: int) -> tf.Tensor:
    """Returns ids from 1 as Transform gives them."""
    table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(
            tf.constant(list(vocabulary)), tf.range(len(vocabulary), dtype=tf.int64)
        ),
        -1,
    )
    texts = tf.constant(values.tolist())
    known = table.lookup(texts)
    if oov_buckets:
        other = len(vocabulary) + tf.strings.to_hash_bucket_fast(texts, oov_buckets)
        known = tf.where(known < 0, other, known)
    return 1 + known


def compiled(job: TrainingJob, model_inputs: Any, *, learned: bool = False) -> tf.keras.Model:
    """Returns a model as it begins, or one that is as if it had learned already."""
    tf.keras.utils.set_random_seed(2 if learned else 1)
    with strategy.connect(job.config.distribution).scope():
        model = job_lib.build(job)
        model(model_inputs)
        for _ in range(2 if tables_of(model) else 0):
            model(model_inputs, training=True)  # admits keys
        optimizer = build_optimizer(
            job.config,
            embedding=job.config.embedding_optimizer,
            embeddings=embedding_variables(model),
            rowwise=bool(tables_of(model)),
        )
        model.compile(optimizer, "mse")
        optimizer.build(model.trainable_variables)
        rng = np.random.default_rng(3)
        held = {id(v) for table in tables_of(model) for v in table.variables}
        for variable in [*model.weights, *optimizer.variables] if learned else ():
            if variable.dtype.is_floating and variable.shape.rank and id(variable) not in held:
                variable.assign(rng.uniform(0.1, 1.0, variable.shape).astype(np.float32))
    return model


def from_model(job: TrainingJob, vocabularies: Vocabularies, folder: AnyPath | None) -> FromModel:
    """Returns what goes on from what was left in a folder by version 7."""
    return FromModel(job, vocabularies, folder, "7")


def rows(model: tf.keras.Model, vocabularies: Vocabularies) -> dict[str, dict[object, np.ndarray]]:
    """Returns for each table and slot the rows by what they stand for; other weights whole."""
    parts = Parts(model)
    saver = parts.saver(storage.at("unwritten"))
    roles = {**{f"slot/{n}/weight": v for n, v in enumerate(parts.variables)}}
    roles |= {role: saver.others[name] for name, role in parts.roles(saver).items()}
    found: dict[str, dict[object, np.ndarray]] = {}
    for role, variable in roles.items():
        kind, number, *_ = role.split("/")
        starts = parts.weights[int(number)].starts if kind == "slot" else None
        if starts is None:
            found[role] = {"all": variable.numpy()}
        else:
            found[role] = {
                (column, value): variable.numpy()[start + place]
                for column, start in starts.items()
                for place, value in enumerate(vocabularies.get(column, ()))
            }
    return found
