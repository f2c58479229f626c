"""DeepFM: a factorization machine and a stack of layers over the same vectors."""

from __future__ import annotations

import tensorflow as tf

from data.transformed import TransformedSpec
from models.ctr.fields import Fields
from models.ctr.fm import PairProducts
from models.ctr.settings import DeepfmConfig
from models.ctr.stack import Stack
from models.ctr.vectors import Aligned
from models.ctr.vectors import flatten
from models.mf import Total
from models.places import Places
from models.ranker import Inputs
from models.ranker import Outputs
from models.ranker import Ranker


class DeepfmRanker(Ranker):
    """`sum of w_i + <w, numbers> + sum over i < j of <v_i, v_j> + top(all v_i)`.

    The vectors are the embeddings and the bottom stack's output; an id has a weight `w_i` of its
    own. Of several logits each weighs the pairs' products in its own way. Guo et al., "DeepFM: A
    Factorization-Machine based Neural Network for CTR Prediction", IJCAI 2017.
    """

    def __init__(
        self, transformed: TransformedSpec, config: DeepfmConfig, *, outputs: Outputs, static: bool
    ) -> None:
        super().__init__("deepfm", transformed, config, outputs=outputs, static=static)
        self._fields = Fields(transformed, config)
        self._weights = Fields(transformed, config, dim=self.n_logits, dtype=tf.float32)
        self._linear = tf.keras.layers.Dense(self.n_logits, use_bias=False, dtype=tf.float32)
        self._bottom = Stack(config, config.bottom_stack)
        last = config.bottom_stack[-1] if config.bottom_stack else 1
        self._aligned = Aligned(config.vector_dim or self._fields.longest or last)
        self._pairs = PairProducts()
        self._total = Total(self.n_logits, bias=False)
        self._top = Stack(config, config.top_stack, self.n_logits)

    def logits(self, inputs: Inputs, places: Places, *, training: bool) -> tf.Tensor:
        """Returns the sum of the parts, `[n_rows, n_logits]`."""
        real = places.is_document
        numbers, embedded = self._fields(inputs, places, training=training)
        _, weights = self._weights(inputs, places, training=training)
        bottom = [] if numbers is None else [self._bottom(numbers, real, training=training)]
        vectors = self._aligned([*embedded, *bottom])
        terms = [tf.reduce_sum(each, axis=1) for each in weights]
        if numbers is not None:
            terms.append(self._linear(numbers))
        terms.append(self._total(self._pairs(vectors)))
        return tf.add_n([*terms, self._top(flatten(vectors), real, training=training)])
