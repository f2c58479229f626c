"""What makes scores of features."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Protocol
from typing import TypeAlias

import tensorflow as tf

from data import columnar
from data.errors import InputError
from models.extension.documents import RealDocuments
from models.extension.documents import Tensors
from models.extension.documents import ToLists
from models.gam import grouped_tower
from models.tower import ACTIVATIONS
from models.tower import Tower
from models.tower import TowerConfig

Logits: TypeAlias = tf.Tensor | Mapping[str, tf.Tensor]
"""Logits, or by the name of its label those of each task."""
Activation = str | Callable[[tf.Tensor], tf.Tensor] | None
"""A Keras activation by its name or as a function such as `tf.nn.relu`; None: linear."""


class Scorer(Protocol):
    """A function of this kind, or an object that can be called so."""

    def __call__(
        self, context_features: Tensors, example_features: Tensors, mask: tf.Tensor
    ) -> Logits:
        """Returns `[batch_size, list_size]`, or with several logits a third axis of them."""


class UnivariateScorer:
    """Scores each document by itself: padding is not computed.

    Args:
      score_flattened: Maps context and document features, `[n_documents, ...]` each, to logits
        `[n_documents, n]`. A subclass may define `_score_flattened` instead.
    """

    def __init__(self, score_flattened: Callable[[Tensors, Tensors], Logits]) -> None:
        self._function = score_flattened

    def _score_flattened(self, context_features: Tensors, example_features: Tensors) -> Logits:
        return self._function(context_features, example_features)

    def __call__(
        self, context_features: Tensors, example_features: Tensors, mask: tf.Tensor
    ) -> Logits:
        """Returns logits of lists; 0 where there is no document.

        Raises:
          InputError: The function's logits are of another shape.
        """
        rows = RealDocuments()((dict(context_features), dict(example_features), mask))
        logits = self._score_flattened(*rows)
        if isinstance(logits, Mapping):
            return {name: _to_lists(value, mask) for name, value in logits.items()}
        return _to_lists(logits, mask)


class Matrix(tf.keras.layers.Layer):
    """Features `[n_rows, ...]` side by side, `[n_rows, dim]` float."""

    def call(self, features: Sequence[tf.Tensor]) -> tf.Tensor:
        """Flattens each and puts them side by side."""
        flat = [tf.reshape(f, [-1, f.shape[1:].num_elements()]) for f in features]
        return columnar.to_matrix([tf.cast(f, self.compute_dtype) for f in flat])


class FeatureTowers(tf.keras.layers.Layer):
    """A tower for each feature; those of one width are computed together.

    Args:
      config: The settings of each tower.
      widths: The widths of the features.
      units: The width of each tower's output.
    """

    def __init__(
        self, config: TowerConfig, widths: Sequence[int], units: int, **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        self._groups = [[i for i, x in enumerate(widths) if x == w] for w in sorted({*widths})]
        self._towers = [grouped_tower(config, units, len(group)) for group in self._groups]

    def call(self, features: Sequence[tf.Tensor], training: bool = False) -> tf.Tensor:
        """Returns `[n_features, n_rows, units]`, the features ordered by width."""
        outputs = [
            tower(tf.stack([features[i] for i in group]), training=training)
            for tower, group in zip(self._towers, self._groups, strict=True)
        ]
        return tf.concat(outputs, axis=0)


class DNNScorer(UnivariateScorer):
    """A feed-forward network over all features, the context's first, in the order of their names.

    The arguments are those of `tfr.keras.layers.create_tower`, with its defaults.

    Args:
      hidden_layer_dims: The widths of the hidden layers.
      output_units: The number of logits.
      activation: The activation of the hidden layers.
      input_batch_norm: Whether the features are normalised over the batch's documents.
      use_batch_norm: Whether each layer is.
      batch_norm_moment: The momentum of the moving averages.
      dropout: The share of units dropped after each layer.
    """

    def __init__(
        self,
        hidden_layer_dims: Sequence[int],
        output_units: int = 1,
        *,
        activation: Activation = None,
        input_batch_norm: bool = False,
        use_batch_norm: bool = True,
        batch_norm_moment: float = 0.999,
        dropout: float = 0.5,
    ) -> None:
        self._units = output_units
        self._config = TowerConfig(
            hidden_layer_dims=tuple(hidden_layer_dims),
            activation=activation_name(activation),
            input_batch_norm=input_batch_norm,
            use_batch_norm=use_batch_norm,
            batch_norm_moment=batch_norm_moment,
            dropout=dropout,
        )

    def _score_flattened(self, context_features: Tensors, example_features: Tensors) -> Logits:
        features = _in_order(context_features) + _in_order(example_features)
        return Tower(self._config, self._units)(Matrix()(features))


class GAMScorer(UnivariateScorer):
    """A sum of one term per document feature, weighted by the context; see `models.gam`.

    The arguments are those of `tfr.keras.layers.GAMLayer`, with its defaults.

    Args:
      example_hidden_layer_dims: The widths of the hidden layers of each document feature's tower.
      context_hidden_layer_dims: Those of each context feature's tower.
      activation: The activation of the hidden layers.
      use_batch_norm: Whether each layer is normalised over the batch's documents.
      batch_norm_moment: The momentum of the moving averages.
      dropout: The share of units dropped after each layer.
    """

    def __init__(
        self,
        example_hidden_layer_dims: Sequence[int],
        context_hidden_layer_dims: Sequence[int] | None = None,
        *,
        activation: Activation = None,
        use_batch_norm: bool = True,
        batch_norm_moment: float = 0.999,
        dropout: float = 0.5,
    ) -> None:
        dims = (example_hidden_layer_dims, context_hidden_layer_dims or example_hidden_layer_dims)
        self._example, self._context = (
            TowerConfig(
                hidden_layer_dims=tuple(widths),
                activation=activation_name(activation),
                use_batch_norm=use_batch_norm,
                batch_norm_moment=batch_norm_moment,
                dropout=dropout,
            )
            for widths in dims
        )

    def _score_flattened(self, context_features: Tensors, example_features: Tensors) -> Logits:
        documents, contexts = _matrices(example_features), _matrices(context_features)
        widths = [x.shape[1] for x in documents]
        terms = tf.transpose(FeatureTowers(self._example, widths, 1)(documents)[:, :, 0])
        if contexts:
            towers = FeatureTowers(self._context, [x.shape[1] for x in contexts], len(documents))
            terms *= tf.reduce_sum(tf.nn.softmax(towers(contexts), axis=2), axis=0)
        return tf.reduce_sum(terms, axis=1, keepdims=True)  # [n_documents, 1]


def activation_name(activation: Activation) -> str:
    """Returns the name of an activation.

    >>> activation_name(tf.nn.relu), activation_name(None)
    ('relu', 'linear')
    """
    if activation is None:
        return "linear"
    name = activation if isinstance(activation, str) else getattr(activation, "__name__", "")
    if not isinstance(activation, str) and name not in ACTIVATIONS:
        raise InputError(
            f"activation: expected one of {', '.join(ACTIVATIONS)}, found {activation!r}; a"
            " UnivariateScorer takes any network"
        )
    return str(name)


def _to_lists(logits: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    if logits.shape.rank != 2:
        raise InputError(
            f"a UnivariateScorer's function returns [n_documents, n] logits, found {logits.shape}"
        )
    return ToLists()((logits, mask))


def _in_order(features: Tensors) -> list[tf.Tensor]:
    return [features[name] for name in sorted(features)]


def _matrices(features: Tensors) -> list[tf.Tensor]:
    return [Matrix()([feature]) for feature in _in_order(features)]
