"""What makes the inputs of a model."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from typing import Protocol

import tensorflow as tf

from data.errors import InputError
from models.extension.documents import Tensors

FeatureSpecs = Mapping[str, tf.io.FixedLenFeature | tf.io.RaggedFeature]
"""The features of a context or of a document by name, as `tf.io.parse_example` reads them."""


class InputCreator(Protocol):
    """A function of this kind, or an object that can be called so."""

    def __call__(self) -> tuple[Tensors, Tensors]:
        """Returns the `tf.keras.Input`s of the context and of the documents, by name."""


class FeatureSpecInputCreator:
    """Inputs from feature specs.

    Args:
      context_feature_spec: The features of the context.
      example_feature_spec: The features of each document.
    """

    def __init__(
        self, context_feature_spec: FeatureSpecs, example_feature_spec: FeatureSpecs
    ) -> None:
        self._context, self._example = context_feature_spec, example_feature_spec
        check_specs(context_feature_spec)
        check_specs(example_feature_spec)

    def __call__(self) -> tuple[Tensors, Tensors]:
        """Returns inputs `[batch_size, ...]` and `[batch_size, list_size, ...]`."""
        return (
            {name: _input(name, spec, ()) for name, spec in self._context.items()},
            {name: _input(name, spec, (None,)) for name, spec in self._example.items()},
        )


class TypeSpecInputCreator:
    """Inputs from the types of their tensors, such as a dataset's `element_spec`.

    Args:
      type_spec: `tf.TensorSpec`s or `tf.RaggedTensorSpec`s by name, the batch's axis included.
      context_feature_names: Which of them are the context's.
      example_feature_names: Which of them are the documents'.
    """

    def __init__(
        self,
        type_spec: Mapping[str, tf.TensorSpec | tf.RaggedTensorSpec],
        context_feature_names: Collection[str] = (),
        example_feature_names: Collection[str] = (),
    ) -> None:
        self._context = {name: type_spec[name] for name in context_feature_names or ()}
        self._example = {name: type_spec[name] for name in example_feature_names or ()}

    def __call__(self) -> tuple[Tensors, Tensors]:
        """Returns inputs of these types."""
        made = [
            {
                name: tf.keras.Input(
                    spec.shape[1:],
                    dtype=spec.dtype,
                    name=name,
                    ragged=isinstance(spec, tf.RaggedTensorSpec),
                )
                for name, spec in specs.items()
            }
            for specs in (self._context, self._example)
        ]
        return made[0], made[1]


def check_specs(specs: FeatureSpecs) -> None:
    """Raises InputError for a feature that is neither of a fixed length nor ragged."""
    for name, spec in specs.items():
        if not isinstance(spec, tf.io.FixedLenFeature | tf.io.RaggedFeature):
            raise InputError(
                f"feature '{name}': expected tf.io.FixedLenFeature or tf.io.RaggedFeature, found"
                f" {type(spec).__name__}"
            )
        if isinstance(spec, tf.io.RaggedFeature) and spec.partitions:
            raise InputError(f"feature '{name}': a RaggedFeature with partitions is not supported")


def _input(
    name: str, spec: tf.io.FixedLenFeature | tf.io.RaggedFeature, outer: tuple[None, ...]
) -> tf.Tensor:
    if isinstance(spec, tf.io.FixedLenFeature):
        return tf.keras.Input((*outer, *tf.TensorShape(spec.shape)), dtype=spec.dtype, name=name)
    return tf.keras.Input((*outer, None), dtype=spec.dtype, name=name, ragged=True)
