"""DLRM: dot products of all pairs of a document's vectors, below a stack of layers."""

from __future__ import annotations

import tensorflow as tf

from data.errors import InputError
from data.transformed import TransformedSpec
from models.ctr.dot import Dot
from models.ctr.fields import Fields
from models.ctr.settings import DlrmConfig
from models.ctr.stack import Stack
from models.ctr.vectors import Aligned
from models.ctr.vectors import flatten
from models.places import Places
from models.ranker import Inputs
from models.ranker import Outputs
from models.ranker import Ranker


class DlrmRanker(Ranker):
    """`top([bottom(numbers), products of all pairs of vectors])`.

    The vectors are the embeddings and the bottom stack's output. Naumov et al., "Deep Learning
    Recommendation Model for Personalization and Recommendation Systems", 2019.

    Raises:
      InputError: There is nothing to be multiplied, nor anything that goes to the top stack beside.
    """

    def __init__(
        self, transformed: TransformedSpec, config: DlrmConfig, *, outputs: Outputs, static: bool
    ) -> None:
        super().__init__("dlrm", transformed, config, outputs=outputs, static=static)
        self._config = config
        self._fields = Fields(transformed, config)
        n_vectors = self._fields.n_vectors + self._fields.numeric
        self._multiplies = n_vectors > 1 or config.self_interaction
        beside = config.concat_dense and self._fields.numeric
        if not (self._multiplies or beside or config.concat_embeddings):
            raise InputError(
                f"dlrm: found {n_vectors} column to multiply with others; expected at least 2,"
                " or concat_embeddings"
            )
        self._bottom = Stack(config, config.bottom_stack)
        self._aligned = Aligned(config.vector_dim or self._fields.longest or _last(config))
        self._dot = Dot(
            self_interaction=config.self_interaction,
            skip_gather=config.skip_gather,
        )
        self._top = Stack(config, config.top_stack, self.n_logits)

    def logits(self, inputs: Inputs, places: Places, *, training: bool) -> tf.Tensor:
        """Returns the top stack's output, `[n_rows, n_logits]`."""
        real = places.is_document
        numbers, embedded = self._fields(inputs, places, training=training)
        bottom = [] if numbers is None else [self._bottom(numbers, real, training=training)]
        parts = list(bottom) if self._config.concat_dense else []
        if self._config.concat_embeddings:
            parts += embedded
        if self._multiplies:
            parts.append(self._dot(self._aligned([*embedded, *bottom])))
        return self._top(flatten(parts), real, training=training)


def _last(config: DlrmConfig) -> int:
    return config.bottom_stack[-1] if config.bottom_stack else 1
