"""The feed-forward ranker: every document is scored by itself, given its context."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import tensorflow as tf
import tensorflow_ranking as tfr

from data import plain
from data.errors import InputError
from data.errors import did_you_mean
from data.transformed import MASK
from data.transformed import TransformedSpec
from models.encoder import DocumentEncoder
from models.encoder import to_lists

ACTIVATIONS = (
    "elu", "exponential", "gelu", "linear", "mish", "relu", "selu", "sigmoid", "softplus",
    "softsign", "swish", "tanh",
)  # fmt: skip
"""The Keras activations that act on each unit by itself."""


@dataclasses.dataclass(frozen=True)
class DnnConfig:
    """Settings of the tower, with TF-Ranking's names.

    Attributes:
      hidden_layer_dims: The widths of the hidden layers.
      activation: The name of a Keras activation.
      use_batch_norm: Whether each layer normalises over the batch's documents.
      input_batch_norm: Whether the input is normalised in the same way.
      batch_norm_moment: The momentum of the moving averages, from 0 to 1.
      dropout: The share of units dropped after each layer.
      members: The number of towers whose scores are averaged.
    """

    hidden_layer_dims: tuple[int, ...] = (256, 128, 64)
    activation: str = "relu"
    use_batch_norm: bool = True
    input_batch_norm: bool = False
    batch_norm_moment: float = 0.999
    dropout: float = 0.1
    members: int = 1

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            near = did_you_mean(self.activation, ACTIVATIONS)
            raise InputError(f"unknown activation '{self.activation}'.{near}")
        if not 0 <= self.batch_norm_moment <= 1:
            raise InputError(f"batch_norm_moment must be in [0, 1], found {self.batch_norm_moment}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be in [0, 1), found {self.dropout}")
        if min(self.hidden_layer_dims, default=0) < 1:
            raise InputError(f"hidden_layer_dims must be positive, found {self.hidden_layer_dims}")
        if self.members < 1:
            raise InputError(f"members must be at least 1, found {self.members}")


class DnnRanker(tf.keras.Model):
    """Scores `[batch_size, list_size]`, float32; 0 in places without a document.

    Pasumarthi et al., "TF-Ranking: Scalable TensorFlow Library for Learning-to-Rank", KDD 2019.
    """

    def __init__(self, transformed: TransformedSpec, config: DnnConfig) -> None:
        super().__init__(name="dnn")
        self._encoder = DocumentEncoder(transformed)
        self._towers = [
            tfr.keras.layers.create_tower(
                hidden_layer_dims=list(config.hidden_layer_dims),
                output_units=1,
                activation=tf.keras.activations.get(config.activation),
                input_batch_norm=config.input_batch_norm,
                use_batch_norm=config.use_batch_norm,
                batch_norm_moment=config.batch_norm_moment,
                dropout=config.dropout,
            )
            for _ in range(config.members)
        ]

        self._settings = {
            "transformed": plain.to_json(transformed),
            "config": plain.to_json(config),
        }

    def get_config(self) -> dict[str, str]:
        """Returns what the model was built from, as JSON."""
        return self._settings

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Scores one batch of lists, the model inputs of `data.transformed.to_model_inputs`."""
        documents = self._encoder(inputs)  # [n_documents, dim]
        scores = [tower(documents, training=training) for tower in self._towers]
        mean = tf.add_n(scores) / len(scores)
        return to_lists(tf.squeeze(mean, axis=1), inputs[MASK])
