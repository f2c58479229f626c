"""What builds a model: inputs, features and scores in one."""

from __future__ import annotations

import abc
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from data.errors import InputError
from data.errors import did_you_mean
from models.extension.checks import check_functional
from models.extension.documents import Tensors
from models.extension.inputs import InputCreator
from models.extension.preprocess import Preprocessor
from models.extension.preprocess import PreprocessorWithSpec
from models.extension.scorers import Logits
from models.extension.scorers import Scorer
from models.extension.scorers import UnivariateScorer


class AbstractModelBuilder(abc.ABC):
    """Builds a model in three steps, which a subclass defines.

    `build` is called within the scope of the strategy, and under most strategies twice, so it must
    create the layers anew.

    Args:
      mask_feature_name: The name of the input `[batch_size, list_size]` bool, where documents are.
      name: The model's name.
    """

    per_document = False
    """Whether the score of a document depends on no other of its list."""

    def __init__(self, mask_feature_name: str, name: str | None = None) -> None:
        self._mask_feature_name, self._name = mask_feature_name, name

    @abc.abstractmethod
    def create_inputs(self) -> tuple[Tensors, Tensors, tf.Tensor]:
        """Returns the inputs of the context and of the documents by name, and the mask's."""

    @abc.abstractmethod
    def preprocess(
        self, context_inputs: Tensors, example_inputs: Tensors, mask: tf.Tensor
    ) -> tuple[Tensors, Tensors]:
        """Returns the features of the context and of the documents by name."""

    @abc.abstractmethod
    def score(
        self, context_features: Tensors, example_features: Tensors, mask: tf.Tensor
    ) -> Logits:
        """Returns the logits `[batch_size, list_size]`, or those of each task by its name."""

    def build(self) -> tf.keras.Model:
        """Returns a new model of named inputs, the mask among them.

        Raises:
          InputError: A step returned something else.
        """
        context, example, mask = _parts("create_inputs", self.create_inputs(), 3)
        made = _parts("preprocess", self.preprocess(context, example, mask), 2)
        logits = self.score(made[0], made[1], mask)
        model = tf.keras.Model(
            {**context, **example, self._mask_feature_name: mask},
            {name: _lists(x) for name, x in logits.items()}
            if isinstance(logits, Mapping)
            else _lists(logits),
            name=self._name,
        )
        model.per_document = self.per_document
        return model


ModelBuilderWithMask = AbstractModelBuilder
"""TF-Ranking's name for it."""


class ModelBuilder(AbstractModelBuilder):
    """Builds a model of three functions.

    Args:
      input_creator: Makes the inputs.
      preprocessor: Makes features of them; or a function for each feature that needs one, by name.
      scorer: Makes logits of these.
      mask_feature_name: The name of the mask.
      name: The model's name.
    """

    def __init__(
        self,
        input_creator: InputCreator,
        preprocessor: Preprocessor | Mapping[str, Callable[[Any], Any]],
        scorer: Scorer,
        mask_feature_name: str,
        name: str | None = None,
    ) -> None:
        super().__init__(mask_feature_name, name)
        if isinstance(preprocessor, Mapping):
            preprocessor = PreprocessorWithSpec(preprocessor)
        self._input_creator, self._preprocessor, self._scorer = input_creator, preprocessor, scorer
        self.per_document = isinstance(scorer, UnivariateScorer)

    def create_inputs(self) -> tuple[Tensors, Tensors, tf.Tensor]:
        """Calls the input creator, and adds the mask."""
        context, example = self._input_creator()
        return context, example, _mask(self._mask_feature_name)

    def preprocess(
        self, context_inputs: Tensors, example_inputs: Tensors, mask: tf.Tensor
    ) -> tuple[Tensors, Tensors]:
        """Calls the preprocessor."""
        return self._preprocessor(context_inputs, example_inputs, mask)

    def score(
        self, context_features: Tensors, example_features: Tensors, mask: tf.Tensor
    ) -> Logits:
        """Calls the scorer."""
        return self._scorer(context_features, example_features, mask)


class KerasModelBuilder(AbstractModelBuilder):
    """Builds copies of a user's own `tf.keras.Model`.

    Args:
      model: A function that makes a functional model of named inputs; or the model, of Keras' own
        layers, which is copied with its weights and stays as it is.
      context_feature_names: Its inputs that are features of the context.
      example_feature_names: Its inputs that are features of documents.
      mask_feature_name: The name of the mask, which need not be among its inputs.
      name: The model's name.
    """

    def __init__(
        self,
        model: tf.keras.Model | Callable[[], tf.keras.Model],
        context_feature_names: Collection[str],
        example_feature_names: Collection[str],
        mask_feature_name: str,
        name: str | None = None,
    ) -> None:
        super().__init__(mask_feature_name, name)
        self._given = model
        self._names = (*context_feature_names,), (*example_feature_names,)

    def create_inputs(self) -> tuple[Tensors, Tensors, tf.Tensor]:
        """Makes the model and returns its own inputs.

        Raises:
          InputError: It has no input of such a name, is not functional, or cannot be copied.
        """
        self._model = self._fresh()
        check_functional(self._model)
        inputs = dict(zip(self._model.input_names, self._model.inputs, strict=True))
        for name in (*self._names[0], *self._names[1]):
            if name not in inputs:
                near = did_you_mean(name, inputs)
                raise InputError(f"the model has no input '{name}'.{near}")
        self._masked = self._mask_feature_name in inputs
        mask = inputs[self._mask_feature_name] if self._masked else _mask(self._mask_feature_name)
        context, example = ({name: inputs[name] for name in names} for names in self._names)
        return context, example, mask

    def preprocess(
        self, context_inputs: Tensors, example_inputs: Tensors, mask: tf.Tensor
    ) -> tuple[Tensors, Tensors]:
        """Leaves everything to the model."""
        return context_inputs, example_inputs

    def score(
        self, context_features: Tensors, example_features: Tensors, mask: tf.Tensor
    ) -> Logits:
        """Calls the model."""
        masks = {self._mask_feature_name: mask} if self._masked else {}
        return self._model({**context_features, **example_features, **masks})

    def _fresh(self) -> tf.keras.Model:
        if not isinstance(self._given, tf.keras.Model):
            return self._given()
        try:
            copy = tf.keras.models.clone_model(self._given)
        except (ValueError, NotImplementedError) as error:
            raise InputError(
                "only a functional model of Keras' own layers can be copied; pass a function that"
                " makes the model"
            ) from error
        copy.set_weights(self._given.get_weights())
        return copy


def _mask(name: str) -> tf.Tensor:
    return tf.keras.Input((None,), dtype=tf.bool, name=name)


def _parts(step: str, found: Any, n: int) -> Any:
    names = ("context", "documents", "the mask")[:n]
    if not isinstance(found, tuple) or len(found) != n:
        size = len(found) if isinstance(found, tuple) else type(found).__name__
        raise InputError(f"{step}: expected {n} values ({', '.join(names)}), found {size}")
    for name, part in zip(names[:2], found, strict=False):
        if not isinstance(part, Mapping):
            raise InputError(
                f"{step}: {name}: expected a dict of tensors by name, found a"
                f" {type(part).__name__}; write {{name: inputs[name] for name in names}}"
            )
    return found


def _lists(logits: tf.Tensor) -> tf.Tensor:
    return tf.squeeze(logits, axis=2) if logits.shape[2:] == [1] else logits
