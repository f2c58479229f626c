"""What `training.py` and `serving.py` share: TF-Ranking's guide as it stands, and lists for it.

The guide trains on web search lists of 136 float features, one key per feature, and gives its
scorer the symmetric logarithm of each. Such lists are drawn here, with grades that a network can
learn, and written as TF-Ranking reads them (ELWC) and as our Transform writes them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf
import tensorflow_ranking as tfr
from tfx_bsl.coders import example_coder

from data import elwc_writer
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform
from data.transformed import NUMERIC
from data.transformed import TRANSFORM_SUFFIX
from data.transformed import TransformedSpec

LIST_SIZE = 200
LABEL, MASK, VECTOR = "utility", "__list_mask__", "custom_features"
SPEC = FeatureSpec(
    (Feature("custom_features_*", members="1..136", transform=(Transform.LOG1P,)),), label=LABEL
)
TRANSFORMED = TransformedSpec(SPEC, {})
NAMES = [feature.name for feature in SPEC.features]

_SHARES = (0.52, 0.84, 0.97, 0.99)
"""The shares of documents below each grade from 1 to 4, about those of MSLR-WEB30K."""
_INFORMATIVE = 24
"""The features that a grade depends on."""


@dataclasses.dataclass(frozen=True)
class Drawn:
    """Lists of documents, one after the other.

    Attributes:
      sizes: The number of documents of each list, `[n_lists]`.
      values: The features, `[n_documents, 136]` float32, of all magnitudes.
      labels: The grades from 0 to 4, `[n_documents]` float32.
    """

    sizes: np.ndarray
    values: np.ndarray
    labels: np.ndarray


def draw(n_lists: int, *, seed: int, size: int = 0) -> Drawn:
    """Returns lists of `size` documents; if 0, of about 108 and at most 200.

    A grade is a smooth function of some features, the same for every seed, and noise.
    """
    world, rng = np.random.default_rng(0), np.random.default_rng(seed)
    sizes = np.clip(rng.normal(108, 45, n_lists), 5, LIST_SIZE).astype(np.int64)
    if size:
        sizes = np.full(n_lists, size)
    normal = rng.standard_normal((int(sizes.sum()), len(NAMES)), dtype=np.float32)
    known = normal[:, :_INFORMATIVE]
    hidden = np.tanh(known @ world.normal(0, _INFORMATIVE**-0.5, (_INFORMATIVE, 16)))
    merit = known @ world.normal(0, 0.1, _INFORMATIVE) + hidden @ world.normal(0, 0.5, 16)
    merit += rng.normal(0, 0.4, len(merit))
    labels = np.digitize(merit, np.quantile(merit, _SHARES)).astype(np.float32)
    return Drawn(sizes, np.exp(2 * normal), labels)


def elwc(lists: Drawn, *, packed: bool = False, labelled: bool = True) -> Iterator[bytes]:
    """Yields one ELWC per list.

    Every document has the same layout, so one is serialized and the numbers are put in its places:
    Python's protobuf would take a hundred times as long.

    Args:
      lists: The lists.
      packed: Whether the features are one vector under one key.
      labelled: Whether the label is among them; a client sends none.
    """
    columns = {VECTOR: lists.values} if packed else dict(zip(NAMES, lists.values.T, strict=True))
    if labelled:
        columns[LABEL] = lists.labels
    bits = np.random.default_rng(0).random
    marks = {n: bits(c[:1].size, dtype=np.float32) for n, c in columns.items()}
    one = elwc_writer.encode(
        {}, [{n: mark.tolist() for n, mark in marks.items()}], dict.fromkeys(marks, DType.FLOAT)
    )
    rows = np.tile(np.frombuffer(one, np.uint8), (int(lists.sizes.max()), 1))
    places = {}
    for name, mark in marks.items():
        at = one.index(mark.tobytes())
        assert one.count(mark.tobytes()) == 1
        places[name] = slice(at, at + mark.nbytes)
    start = 0
    for size in lists.sizes.tolist():
        for name, place in places.items():
            values = np.ascontiguousarray(columns[name][start : start + size], np.float32)
            rows[:size, place] = values.view(np.uint8).reshape(size, -1)
        yield rows[:size].tobytes()
        start += size


def transformed(lists: Drawn) -> Sequence[bytes]:
    """Returns one example per list as our Transform writes it: one vector per document."""
    numbers = np.sign(lists.values) * np.log1p(np.abs(lists.values))
    columns = {
        NUMERIC[Scope.DOCUMENT] + TRANSFORM_SUFFIX: numbers,
        LABEL + TRANSFORM_SUFFIX: lists.labels[:, None],
    }
    starts = np.concatenate([[0], np.cumsum(lists.sizes)])
    arrays = [
        pa.ListArray.from_arrays(
            pa.array((starts * column.shape[1]).astype(np.int32)), pa.array(column.reshape(-1))
        )
        for column in columns.values()
    ]
    batch = pa.RecordBatch.from_arrays(arrays, list(columns))
    return list(example_coder.RecordBatchToExamplesEncoder().encode(batch))


def feature_specs(*, packed: bool = False) -> dict[str, tf.io.FixedLenFeature]:
    """Returns the guide's `example_feature_spec`, or that of one vector under one key."""
    if packed:
        return {VECTOR: tf.io.FixedLenFeature([len(NAMES)], tf.float32, [0.0] * len(NAMES))}
    return dict.fromkeys(NAMES, tf.io.FixedLenFeature([1], tf.float32, 0.0))


def log1p(tensor: tf.Tensor) -> tf.Tensor:
    """The guide's preprocessor."""
    return tf.math.log1p(tensor * tf.sign(tensor)) * tf.sign(tensor)


def model_builder(
    hidden_layer_dims: Sequence[int],
    *,
    dropout: float = 0.4,
    batch_norm_moment: float = 0.99,
    packed: bool = False,
) -> tfr.keras.model.ModelBuilder:
    """Returns the guide's model builder."""
    specs = feature_specs(packed=packed)
    return tfr.keras.model.ModelBuilder(
        input_creator=tfr.keras.model.FeatureSpecInputCreator({}, specs),
        preprocessor=tfr.keras.model.PreprocessorWithSpec(dict.fromkeys(specs, log1p)),
        scorer=tfr.keras.model.DNNScorer(
            hidden_layer_dims=list(hidden_layer_dims),
            output_units=1,
            activation=tf.nn.relu,
            use_batch_norm=True,
            batch_norm_moment=batch_norm_moment,
            dropout=dropout,
        ),
        mask_feature_name=MASK,
        name="web30k_dnn_model",
    )


def dataset_builder(
    train: str, valid: str, *, batch_size: int, packed: bool = False
) -> tfr.keras.pipeline.SimpleDatasetBuilder:
    """Returns the guide's dataset builder over files of ELWCs, named by patterns."""
    return tfr.keras.pipeline.SimpleDatasetBuilder(
        context_feature_spec={},
        example_feature_spec=feature_specs(packed=packed),
        mask_feature_name=MASK,
        label_spec=(LABEL, tf.io.FixedLenFeature([1], tf.float32, -1.0)),
        hparams=tfr.keras.pipeline.DatasetHparams(
            train_input_pattern=train,
            valid_input_pattern=valid,
            train_batch_size=batch_size,
            valid_batch_size=batch_size,
            list_size=LIST_SIZE,
        ),
    )
