"""What makes batches of files of ELWCs."""

from __future__ import annotations

import abc
import functools
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import Protocol

import tensorflow as tf

from data.errors import InputError
from data.readers.files import is_gzip
from models.extension import elwc
from models.extension.hparams import DatasetHparams
from models.extension.hparams import Reader
from models.extension.inputs import FeatureSpecs
from models.extension.inputs import check_specs

LABEL_PADDING = -1.0
LabelSpec = tuple[str, tf.io.FixedLenFeature]
"""A column and how it is read."""
SAMPLE_SIZE = 16
"""The lists by which a signature of single documents is tried."""


class AbstractDatasetBuilder(Protocol):
    """What a pipeline trains and validates on, and how the exported model is called."""

    def build_train_dataset(self) -> tf.data.Dataset:
        """Returns batches `(inputs, labels)` or `(inputs, labels, weights)`.

        A `build_train_dataset(input_context=None)` is given the `tf.distribute.InputContext` and
        returns the endless batches of one worker, each of a device's share. Without that argument,
        each worker reads everything and leaves out what is not its own.
        """

    def build_valid_dataset(self) -> tf.data.Dataset:
        """Returns such batches, with every list once."""

    def build_signatures(self, model: tf.keras.Model) -> Any:
        """Returns the signatures of the exported model; None for one that takes its inputs."""


class NullDatasetBuilder:
    """Datasets and signatures that are there already.

    Args:
      train_dataset: Batches.
      valid_dataset: Batches, every list once.
      signatures: The signatures of the exported model, or a function that makes them of the model.
    """

    def __init__(
        self, train_dataset: tf.data.Dataset, valid_dataset: tf.data.Dataset, signatures: Any = None
    ) -> None:
        self._train, self._valid, self._signatures = train_dataset, valid_dataset, signatures

    def build_train_dataset(self) -> tf.data.Dataset:
        """Returns the one for training."""
        return self._train

    def build_valid_dataset(self) -> tf.data.Dataset:
        """Returns the one for validation."""
        return self._valid

    def build_signatures(self, model: tf.keras.Model) -> Any:
        """Returns the signatures."""
        return self._signatures(model) if callable(self._signatures) else self._signatures


class BaseDatasetBuilder(abc.ABC):
    """Reads files of ELWCs; a subclass says what the labels are.

    Args:
      context_feature_spec: The features of the context.
      example_feature_spec: The features of each document.
      training_only_example_spec: Labels and weights of each document, which no request has.
      mask_feature_name: The name of the mask.
      hparams: Files and batches.
      training_only_context_spec: Weights of each list.
    """

    def __init__(
        self,
        context_feature_spec: FeatureSpecs,
        example_feature_spec: FeatureSpecs,
        training_only_example_spec: FeatureSpecs,
        mask_feature_name: str,
        hparams: DatasetHparams,
        training_only_context_spec: FeatureSpecs | None = None,
    ) -> None:
        self._context, self._example = context_feature_spec, example_feature_spec
        self._all_context = {**context_feature_spec, **(training_only_context_spec or {})}
        self._all_example = {**example_feature_spec, **training_only_example_spec}
        check_specs({**self._all_context, **self._all_example})
        self._mask_feature_name, self._hparams = mask_feature_name, hparams

    @abc.abstractmethod
    def _features_and_labels(self, features: dict[str, Any]) -> Any:
        """Returns `(inputs, labels)` or `(inputs, labels, weights)` of all that was read."""

    def build_train_dataset(
        self, input_context: tf.distribute.InputContext | None = None
    ) -> tf.data.Dataset:
        """Returns batches without end, in an order that the seed fixes, all of one size."""
        hparams, context = self._hparams, input_context or tf.distribute.InputContext()
        lists = self._read("train_input_pattern").shard(
            context.num_input_pipelines, context.input_pipeline_id
        )
        lists = lists.shuffle(hparams.shuffle_buffer_size, seed=hparams.seed).repeat()
        size = context.get_per_replica_batch_size(hparams.train_batch_size)
        return self._batches(lists.batch(size, drop_remainder=True), hparams.list_size)

    def build_valid_dataset(self) -> tf.data.Dataset:
        """Returns batches with every list once; whole, unless `valid_list_size` is set."""
        lists = self._read("valid_input_pattern").batch(self._hparams.valid_batch_size)
        return self._batches(lists, self._hparams.valid_list_size)

    def build_signatures(self, model: tf.keras.Model) -> elwc.Signatures:
        """Returns the signatures that take ELWCs; see `models.extension.elwc.signatures`."""
        return elwc.signatures(
            model,
            self._context,
            self._example,
            mask_name=self._mask_feature_name,
            sample=next(iter(self._read("valid_input_pattern").batch(SAMPLE_SIZE))),
        )

    def count_train_lists(self) -> int:
        """Counts the training lists, which reads all files."""
        return int(self._read("train_input_pattern").reduce(0, lambda n, _: n + 1))

    def _read(self, name: str) -> tf.data.Dataset:
        pattern = vars(self._hparams)[name]
        files = sorted(tf.io.gfile.glob(pattern))
        if not files:
            raise InputError(f"{name}: no file matches '{pattern}'")
        reader = self._hparams.dataset_reader or _record_reader(files[0])
        named = tf.data.Dataset.from_tensor_slices(files)
        # From all files in turn, since the lists of one file may be alike.
        return named.interleave(
            reader,
            cycle_length=min(len(files), 16),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )

    def _batches(self, serialized: tf.data.Dataset, list_size: int | None) -> tf.data.Dataset:
        def to_batch(records: tf.Tensor) -> Any:
            features = elwc.parse(
                records,
                self._all_context,
                self._all_example,
                mask_name=self._mask_feature_name,
                list_size=list_size,
            )
            return self._features_and_labels(features)

        parsed = serialized.map(to_batch, num_parallel_calls=tf.data.AUTOTUNE)
        return parsed.prefetch(tf.data.AUTOTUNE)

    def _label(self, features: Mapping[str, Any], name: str) -> tf.Tensor:
        """Returns `[batch_size, list_size]`, below 0 where there is no document or no label."""
        label = tf.cast(tf.squeeze(features[name], axis=2), tf.float32)
        if self._hparams.convert_labels_to_binary:
            label = tf.where(label > 0, 1.0, label)
        return tf.where(features[self._mask_feature_name], label, LABEL_PADDING)


class SimpleDatasetBuilder(BaseDatasetBuilder):
    """Lists with one label.

    Args:
      context_feature_spec: The features of the context.
      example_feature_spec: The features of each document.
      mask_feature_name: The name of the mask.
      label_spec: The label's column and how it is read; a label below 0 is none.
      hparams: Files and batches.
      sample_weight_spec: The column of the documents' weights.
    """

    def __init__(
        self,
        context_feature_spec: FeatureSpecs,
        example_feature_spec: FeatureSpecs,
        mask_feature_name: str,
        label_spec: LabelSpec,
        hparams: DatasetHparams,
        sample_weight_spec: LabelSpec | None = None,
    ) -> None:
        specs = _columns([label_spec, *([sample_weight_spec] if sample_weight_spec else [])])
        super().__init__(
            context_feature_spec, example_feature_spec, specs, mask_feature_name, hparams
        )
        self._names = [*specs]

    def _features_and_labels(self, features: dict[str, Any]) -> Any:
        label, *weights = self._names
        return _batch(features, self._label(features, label), {label}, weights)


class MultiLabelDatasetBuilder(BaseDatasetBuilder):
    """Lists with several labels, for a model with an output for each.

    Args:
      context_feature_spec: The features of the context.
      example_feature_spec: The features of each document.
      mask_feature_name: The name of the mask.
      label_spec: By the name of the task its label's column and how it is read.
      hparams: Files and batches.
      sample_weight_spec: The column of the documents' weights.
    """

    def __init__(
        self,
        context_feature_spec: FeatureSpecs,
        example_feature_spec: FeatureSpecs,
        mask_feature_name: str,
        label_spec: Mapping[str, LabelSpec],
        hparams: DatasetHparams,
        sample_weight_spec: LabelSpec | None = None,
    ) -> None:
        weights = [sample_weight_spec] if sample_weight_spec else []
        if not isinstance(label_spec, Mapping):
            raise InputError(f"label_spec: expected those of tasks by name, found {label_spec!r}")
        specs = _columns([*label_spec.values(), *weights])
        super().__init__(
            context_feature_spec, example_feature_spec, specs, mask_feature_name, hparams
        )
        self._labels = {task: name for task, (name, _) in label_spec.items()}
        self._weights = [name for name, _ in weights]

    def _features_and_labels(self, features: dict[str, Any]) -> Any:
        labels = {task: self._label(features, name) for task, name in self._labels.items()}
        return _batch(features, labels, {*self._labels.values()}, self._weights)


def _record_reader(file: str) -> Reader:
    compression = "GZIP" if is_gzip(file) else ""
    return functools.partial(tf.data.TFRecordDataset, compression_type=compression)


def _columns(specs: Sequence[LabelSpec]) -> dict[str, tf.io.FixedLenFeature]:
    for found in specs:
        if not (
            isinstance(found, tuple)
            and len(found) == 2
            and isinstance(found[1], tf.io.FixedLenFeature)
        ):
            raise InputError(
                f"a label or weight is given as (column, tf.io.FixedLenFeature), found {found!r}"
            )
        name, spec = found
        if tf.TensorShape(spec.shape) != [1]:
            raise InputError(f"'{name}': a label or weight has shape (1,), found {spec.shape}")
    return dict(specs)


def _batch(features: dict[str, Any], labels: Any, names: set[str], weights: list[str]) -> Any:
    inputs = {name: x for name, x in features.items() if name not in (*names, *weights)}
    found = [tf.cast(tf.squeeze(features[name], axis=2), tf.float32) for name in weights]
    return (inputs, labels, *found)
