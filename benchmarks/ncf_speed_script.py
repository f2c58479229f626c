"""What one would write in an hour to train NeuMF: Keras, NumPy and nothing else."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from benchmarks.ncf_speed_setup import FACTORS
from benchmarks.ncf_speed_setup import LAYERS
from benchmarks.ncf_speed_setup import NEGATIVES
from benchmarks.ncf_speed_setup import Split

BATCH_SIZE = 256
LEARNING_RATE = 0.001


def build(n_users: int, n_items: int) -> tf.keras.Model:
    """Returns the paper's network, compiled."""
    layers = tf.keras.layers
    user = tf.keras.Input([1], dtype=tf.int32)
    item = tf.keras.Input([1], dtype=tf.int32)

    def vector(ids: tf.Tensor, n: int, width: int) -> tf.Tensor:
        normal = tf.keras.initializers.RandomNormal(stddev=0.01)
        table = layers.Embedding(n, width, embeddings_initializer=normal)
        return layers.Flatten()(table(ids))

    product = layers.Multiply()([vector(user, n_users, FACTORS), vector(item, n_items, FACTORS)])
    half = LAYERS[0] // 2
    above = layers.Concatenate()([vector(user, n_users, half), vector(item, n_items, half)])
    for width in LAYERS[1:]:
        above = layers.Dense(width, activation="relu")(above)
    output = layers.Dense(1, activation="sigmoid")(layers.Concatenate()([product, above]))
    model = tf.keras.Model([user, item], output)
    model.compile(tf.keras.optimizers.Adam(LEARNING_RATE), "binary_crossentropy")
    return model


def known(split: Split) -> np.ndarray:
    """Returns which items each user has, `[n_users, n_items]` bool."""
    found = np.zeros([split.n_users, split.n_items], bool)
    found[tuple(split.train.T)] = True
    return found


def examples(
    train: np.ndarray, has: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns users, items and labels: positives, and negatives drawn until none is known."""
    users = np.repeat(train[:, 0], NEGATIVES)
    items = rng.integers(0, has.shape[1], len(users), dtype=np.int32)
    again = np.flatnonzero(has[users, items])
    while len(again):
        items[again] = rng.integers(0, has.shape[1], len(again), dtype=np.int32)
        again = again[has[users[again], items[again]]]
    labels = np.repeat([1, 0], [len(train), len(users)]).astype(np.float32)
    return np.append(train[:, 0], users), np.append(train[:, 1], items), labels


def hit_rate(model: tf.keras.Model, split: Split) -> float:
    """Returns the share of users whose item held out is among the best ten of its candidates."""
    candidates = split.candidates
    users = np.repeat(split.test[:, 0], candidates.shape[1])
    inputs = [users, candidates.ravel()]
    scores = model.predict(inputs, batch_size=10_000, verbose=0).reshape(candidates.shape)
    others = candidates != split.test[:, 1:]  # the item held out may be there twice
    above = (scores >= scores[:, :1]) & others
    return float(np.mean(above.sum(axis=1) < 10))
