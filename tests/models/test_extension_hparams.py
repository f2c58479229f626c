"""The hyper-parameters: the guide's names, TF-Ranking's, and what they become."""

from __future__ import annotations

from typing import Any

import pytest
import tensorflow as tf

from data.errors import InputError
from models.extension import DatasetHparams
from models.extension import PipelineHparams
from models.strategy import Strategy

DATASET: dict[str, Any] = {
    "train_input_pattern": "train-*",
    "valid_input_pattern": "vali-*",
    "train_batch_size": 128,
    "valid_batch_size": 128,
}


LETR = "metric contract: unknown 'letr'. Did you mean 'letor'?"


def config(**given: Any) -> Any:
    hparams = PipelineHparams(**{"model_dir": "m", "num_epochs": 100, **given})
    return hparams.train_config(batch_size=128, list_size=200)


def test_the_guides_names_of_steps_are_known() -> None:
    hparams = PipelineHparams("m", 100, num_train_steps=100000, num_valid_steps=100)
    assert hparams.train_config(batch_size=128).steps_per_epoch == 1000
    assert hparams.valid_steps == 100


def test_the_names_of_tf_ranking_itself_are_known_by_place_too() -> None:
    hparams = PipelineHparams("m", 100, 1000, 50, 0.1, "list_mle_loss")
    found = hparams.train_config(batch_size=8, list_size=20)
    assert (found.steps_per_epoch, hparams.valid_steps) == (1000, 50)
    assert (found.learning_rate, found.loss) == (0.1, "list_mle_loss")
    assert (found.batch_size, found.list_size, found.epochs) == (8, 20, 100)


def test_what_is_not_given_is_as_in_tf_ranking() -> None:
    found = config()
    assert (found.steps_per_execution, found.patience, found.reduce_lr_patience) == (10, 0, 0)
    assert (found.metric, found.optimizer) == ("loss", "adam")
    assert (found.steps_per_epoch, PipelineHparams("m", 1).valid_steps) == (0, -1)
    assert found.distribution.strategy is Strategy.NONE


def test_settings_have_their_place_in_our_training() -> None:
    found = config(
        optimizer="Adagrad",
        automatic_reduce_lr=True,
        early_stopping_patience=3,
        early_stopping_min_delta=0.1,
        best_exporter_metric="click/ndcg_10",
        best_exporter_metric_higher_better=True,
        strategy="MirroredStrategy",
        tpu=None,
        further={"clip_norm": 1.0, "seed": 7, "loss_options": {"temperature": 0.5}},
    )
    assert (found.optimizer, found.metric) == ("adagrad", "ndcg@10")
    assert (found.reduce_lr_patience, found.patience, found.min_delta) == (10, 3, 0.1)
    assert found.distribution.strategy is Strategy.MIRRORED
    assert (found.clip_norm, found.seed, found.loss_options.temperature) == (1.0, 7, 0.5)


def test_a_reader_that_tensorflow_does_not_have_need_not_be_named() -> None:
    assert not hasattr(tf.data, "RecordIODataset")
    assert DatasetHparams(**DATASET).dataset_reader is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"steps_per_epoch": 10, "num_train_steps": 100},
            "num_train_steps and steps_per_epoch say the same; give one of them",
        ),
        (
            {"validation_steps": 10, "num_valid_steps": 10},
            "num_valid_steps and validation_steps say the same; give one of them",
        ),
        (
            {"best_exporter_metric": "ndcg_10"},
            "best_exporter_metric_higher_better must be True: a higher 'ndcg@10' is better, found"
            " False",
        ),
        (
            {"best_exporter_metric_higher_better": True},
            "best_exporter_metric_higher_better must be False: a lower 'loss' is better, found"
            " True",
        ),
        (
            {"strategy": "MirorredStrategy"},
            "unknown strategy 'MirorredStrategy'. Did you mean 'MirroredStrategy'?",
        ),
        ({"strategy": "TPUStrategy"}, "TPUStrategy needs 'tpu', the address of the TPU"),
        ({"loss": "softmax"}, "unknown loss 'softmax'. Did you mean 'softmax_loss'?"),
        (
            {"loss_reduction": tf.losses.Reduction.NONE},
            "loss_reduction: the loss is the mean over lists; expected auto or"
            " sum_over_batch_size, found none",
        ),
        ({"cluster_resolver": 1}, "cluster_resolver must be None; name the cluster in TF_CONFIG"),
        ({"variable_partitioner": 1}, "variable_partitioner must be None; set min_shard_bytes"),
        ({"num_epochs": 0, "num_train_steps": 9}, "num_epochs must be at least 1, found 0"),
        ({"validation_steps": 0}, "validation_steps must be at least 1, found 0"),
        ({"num_epochs": "3"}, "num_epochs: expected int, found '3'"),
        ({"optimizer": None}, "optimizer: expected str, found None"),
        ({"loss": 3}, "loss: expected str or Mapping, found 3"),
        ({"loss": {}}, "loss: expected one or more, found {}"),
        (
            {"loss": {"a": "softmax_loss", "b": "softmax"}},
            "unknown loss 'softmax'. Did you mean 'softmax_loss'?",
        ),
        (
            {"loss": {"click": "softmax_loss"}, "loss_weights": {"clcik": 2.0}},
            "loss_weights: there is no loss of 'clcik'. Did you mean 'click'?",
        ),
        ({"loss_weights": {"click": 2.0}}, "loss_weights: there is no loss of 'click'."),
        ({"strategy": 1}, "strategy: expected str or None, found 1"),
        ({"metric_contract": "letr"}, LETR),
        ({"further": {"label_weights": (1.0,)}}, "further: 'label_weights' does nothing here"),
        (
            {"further": {"loss_options": {"temprature": 1.0}}},
            "loss_options: unknown key 'temprature'. Did you mean 'temperature'?",
        ),
        (
            {"further": {"clip_nrom": 1.0}},
            "further: unknown setting 'clip_nrom'. Did you mean 'clip_norm'?",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        config(**given)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"train_batch_size": 0}, "train_batch_size must be at least 1, found 0"),
        ({"list_size": 0}, "list_size must be at least 1, found 0"),
        (
            {"dataset_reader": "RecordIODataset"},
            "dataset_reader must be a function of file names such as tf.data.TFRecordDataset, found"
            " 'RecordIODataset'",
        ),
    ],
)
def test_batches_that_cannot_be_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        DatasetHparams(**{**DATASET, **given})
    assert str(caught.value) == message
