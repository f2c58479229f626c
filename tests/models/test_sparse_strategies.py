"""Sparse tables under strategies: replicas make the same rows as one device would."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from data.errors import InputError
from models.sparse import Maintenance
from models.sparse import RowOptimizer
from models.sparse import SparseEmbedding
from models.sparse import SparseTable
from models.sparse import TableSaver
from models.sparse import create_table
from models.sparse import sparse_lookup
from models.strategy import DistributionConfig
from models.strategy import Strategy
from models.strategy import connect

KEYS = tf.range(31, dtype=tf.int64)
SETTINGS: dict[str, Any] = {"device_vocabulary_size": 12, "spare": 0.3, "min_count": 2}


def trained(strategy: tf.distribute.Strategy, full: str) -> tuple[SparseTable, tf.keras.Model]:
    with strategy.scope():
        table = create_table("t", 3, full=full, **SETTINGS)
        ids = tf.keras.Input([2], dtype=tf.int64)
        head = tf.keras.layers.Dense(1, kernel_initializer="ones")
        model = tf.keras.Model(ids, head(SparseEmbedding(table, "mean")(ids)))
        model.compile(RowOptimizer("adam", 0.05), "mse")
    ids = np.minimum(np.random.default_rng(0).zipf(1.3, (80, 2)), 30)
    batches = tf.data.Dataset.from_tensor_slices((ids, np.sin(ids).sum(1))).batch(8)
    model.fit(batches, epochs=2, verbose=0, callbacks=[Maintenance([table], every=2)])
    return table, model


@pytest.mark.parametrize("full", ["evict", "grow"])
def test_replicas_train_as_one_device_does(full: str, tmp_path: Any) -> None:
    expected, _ = trained(tf.distribute.get_strategy(), full)
    strategy = connect(DistributionConfig(Strategy.MIRRORED))
    table, model = trained(strategy, full)
    assert table.usage() == expected.usage()
    assert table.usage().evicted > 10 or table.usage().capacity > 12
    vectors = sparse_lookup(expected, KEYS)
    np.testing.assert_allclose(sparse_lookup(table, KEYS), vectors, atol=1e-6)
    copies = [part.numpy() for part in strategy.experimental_local_results(table.rows.parts[0])]
    np.testing.assert_array_equal(*copies)
    saver = TableSaver(str(tmp_path), [table], model.optimizer, model.variables)
    saver.save(full=True)
    assert saver.restore()
    np.testing.assert_allclose(sparse_lookup(table, KEYS), vectors, atol=1e-6)
    assert table.usage() == expected.usage()
    alone = create_table("t", 3, device_vocabulary_size=40)
    optimizer = RowOptimizer("adam")
    optimizer.build(alone.rows.parts)
    assert TableSaver(str(tmp_path), [alone], optimizer).restore()
    np.testing.assert_array_equal(sparse_lookup(alone, KEYS), sparse_lookup(table, KEYS))


def test_a_host_is_not_shared_by_replicas() -> None:
    strategy = connect(DistributionConfig(Strategy.MIRRORED))
    with strategy.scope(), pytest.raises(InputError) as caught:
        create_table("t", 3, host_vocabulary_size=4)
    assert str(caught.value) == (
        "table 't': host_vocabulary_size must be 0 where several replicas train, found 4"
    )


def test_replicas_must_be_in_step(monkeypatch: pytest.MonkeyPatch) -> None:
    class ParameterServerStrategy(tf.distribute.experimental.ParameterServerStrategy):
        def __init__(self) -> None:
            """Stands for one that has its servers."""

    monkeypatch.setattr(tf.distribute, "get_strategy", ParameterServerStrategy)
    with pytest.raises(InputError) as caught:
        create_table("t", 3)
    assert str(caught.value) == (
        "table 't': sparse tables do not train under ParameterServerStrategy; use no"
        " strategy, MirroredStrategy or MultiWorkerMirroredStrategy"
    )
