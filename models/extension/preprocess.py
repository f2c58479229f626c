"""What makes features of a model's inputs."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from typing import Protocol

import tensorflow as tf

from data.errors import InputError
from data.errors import did_you_mean
from models.extension.documents import Tensors


class Preprocessor(Protocol):
    """A function of this kind, or an object that can be called so."""

    def __call__(
        self, context_inputs: Tensors, example_inputs: Tensors, mask: tf.Tensor
    ) -> tuple[Tensors, Tensors]:
        """Returns the features of the context and of the documents, by name."""


class PreprocessorWithSpec:
    """A function for each feature that needs one; ragged features are padded.

    Args:
      preprocess_spec: Functions by the names of inputs. Layers that they create are the model's.
      default_value_spec: What pads a ragged feature, by name; 0, or "" for texts, if not given.
    """

    def __init__(
        self,
        preprocess_spec: Mapping[str, Callable[[Any], Any]] | None = None,
        default_value_spec: Mapping[str, Any] | None = None,
    ) -> None:
        self._functions = dict(preprocess_spec or {})
        self._defaults = dict(default_value_spec or {})

    def __call__(
        self, context_inputs: Tensors, example_inputs: Tensors, mask: tf.Tensor
    ) -> tuple[Tensors, Tensors]:
        """Applies the functions.

        Raises:
          InputError: A function is for a feature that is none.
        """
        known = (*context_inputs, *example_inputs)
        for name in (*self._functions, *self._defaults):
            if name not in known:
                raise InputError(f"preprocessor: '{name}' is no input.{did_you_mean(name, known)}")
        list_size = tf.shape(mask)[1]
        return (
            {name: self._apply(name, value, None) for name, value in context_inputs.items()},
            {name: self._apply(name, value, list_size) for name, value in example_inputs.items()},
        )

    def _apply(self, name: str, value: Any, list_size: tf.Tensor | None) -> Any:
        value = self._functions[name](value) if name in self._functions else value
        symbolic = getattr(value, "type_spec", None)
        if isinstance(value, tf.RaggedTensor) or isinstance(symbolic, tf.RaggedTensorSpec):
            nothing = "" if value.dtype == tf.string else 0
            return _pad(value, self._defaults.get(name, nothing), list_size)
        return value


def _pad(value: Any, default: Any, list_size: tf.Tensor | None) -> Any:
    shape = value.bounding_shape()
    if list_size is not None:
        size = tf.cast(list_size, shape.dtype)[tf.newaxis]
        shape = tf.concat([shape[:1], size, shape[2:]], axis=0)
    return value.to_tensor(default, shape=shape)
