"""What all families share: inputs to rows, rows to logits, logits to lists and labels."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping
from typing import TypeAlias

import tensorflow as tf

from data import plain
from data.features import Scope
from data.transformed import MASK
from data.transformed import PAIR_WEIGHT
from data.transformed import TransformedSpec
from models.places import Places

Outputs = Mapping[str, int]
"""For each label that is learned the number of logits per document that its loss wants."""
Inputs = Mapping[str, tf.Tensor]
"""The model inputs of `data.transformed.to_model_inputs`."""
Logits: TypeAlias = tf.Tensor | dict[str, tf.Tensor]
"""`[batch_size, list_size]`, or `[batch_size, list_size, n]`; by label where there are several."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """A model that is trained before another, which then starts from its weights.

    Attributes:
      family: Its family.
      config: The settings of that family.
    """

    family: str
    config: object


class Ranker(tf.keras.Model):
    """A model of one family, which says only how the logits of its documents come about.

    Args:
      name: The family's name.
      transformed: The shapes of its inputs.
      config: The family's settings.
      outputs: What is to be learned.
      static: Whether shapes are fixed, for XLA and TPUs; padding is then computed and left out.
    """

    def __init__(
        self,
        name: str,
        transformed: TransformedSpec,
        config: object,
        *,
        outputs: Outputs,
        static: bool,
    ) -> None:
        super().__init__(name=name)
        self._outputs, self._static = dict(outputs), static
        documents = (c.name for c in transformed.columns if c.scope is Scope.DOCUMENT)
        self._of_documents = tuple(documents)
        self._settings = {
            "transformed": plain.to_json(transformed),
            "config": plain.to_json(config),
        }

    @property
    def n_logits(self) -> int:
        """The number of logits per document, of all labels together."""
        return sum(self._outputs.values())

    @abc.abstractmethod
    def logits(self, inputs: Inputs, places: Places, *, training: bool) -> tf.Tensor:
        """Returns the logits of every document, `[n_rows, n_logits]` float32."""

    def call(self, inputs: Inputs, training: bool = False) -> Logits:
        """Scores one batch of lists; places without a document get 0.

        Without a mask every list has all documents: see `crossed`.
        """
        if MASK not in inputs:
            return by_label(self.crossed(inputs, training=training), self._outputs)
        places = Places(inputs[MASK], static=self._static)
        return by_label(places.lists(self.logits(inputs, places, training=training)), self._outputs)

    def crossed(self, inputs: Inputs, *, training: bool) -> tf.Tensor:
        """Returns the logits of all documents in every list, `[n_lists, n_documents, n_logits]`.

        A family for which this is a product of matrices replaces it.

        Args:
          inputs: Context columns `[n_lists, width]`, of which there is one at least, document
            columns `[n_documents, width]`, and in training `data.transformed.PAIR_WEIGHT`.
          training: Whether the model is in training.
        """
        others = (*self._of_documents, PAIR_WEIGHT)
        context = {name: values for name, values in inputs.items() if name not in others}
        n_lists = tf.shape(next(iter(context.values())))[:1]
        documents = {
            name: tf.broadcast_to(inputs[name], tf.concat([n_lists, tf.shape(inputs[name])], 0))
            for name in self._of_documents
        }
        mask = tf.ones(tf.shape(next(iter(documents.values())))[:2], tf.bool)
        places = Places(mask, static=True)
        return places.lists(self.logits({**context, **documents}, places, training=training))

    def get_config(self) -> dict[str, str]:
        """Returns what the model was built from, as JSON."""
        return self._settings


def by_label(logits: tf.Tensor, outputs: Outputs) -> Logits:
    """Divides `[batch_size, list_size, n_logits]` among the labels; a single logit loses its axis.

    >>> by_label(tf.zeros([2, 5, 1]), {"relevance": 1}).shape.as_list()
    [2, 5]
    >>> two = by_label(tf.zeros([2, 5, 4]), {"relevance": 3, "click": 1})
    >>> two["relevance"].shape.as_list(), two["click"].shape.as_list()
    ([2, 5, 3], [2, 5])
    """
    parts = tf.split(logits, list(outputs.values()), axis=2)
    found = {
        label: part if n > 1 else tf.squeeze(part, axis=2)
        for (label, n), part in zip(outputs.items(), parts, strict=True)
    }
    return found if len(found) > 1 else next(iter(found.values()))
