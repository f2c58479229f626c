"""Neural collaborative filtering: a product of user and item, layers above them, and both in one.

He et al., "Neural Collaborative Filtering", WWW 2017.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import tensorflow as tf

from data.transformed import TransformedSpec
from models.factors import Sides
from models.ncf_settings import GMF
from models.ncf_settings import MLP
from models.ncf_settings import GmfConfig
from models.ncf_settings import MlpConfig
from models.ncf_settings import NeumfConfig
from models.places import Places
from models.ranker import Inputs
from models.ranker import Outputs
from models.ranker import Ranker


class Layers(tf.keras.layers.Layer):
    """Dense layers over the concatenation of user and item.

    The first one's matrix is applied to both halves apart, to the user's once a list: the same sum.
    In training the weighted squares of the matrices are added to the loss.

    Args:
      config: The settings.
    """

    def __init__(self, config: MlpConfig, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._config = config
        self._activation = tf.keras.layers.Activation(config.activation)
        self._dropout = tf.keras.layers.Dropout(config.dropout)
        self.dense = [tf.keras.layers.Dense(width) for width in config.layers[2:]]
        self.kernel = self.add_weight("kernel", config.layers[:2], initializer="glorot_uniform")
        self.bias = self.add_weight("bias", config.layers[1:2], initializer="zeros")

    def call(
        self, user: tf.Tensor, item: tf.Tensor, places: Places, training: bool = False
    ) -> tf.Tensor:
        """Returns the last layer, `[n_rows, width]`.

        Args:
          user: `[batch_size, layers[0] / 2]`.
          item: `[n_rows, layers[0] / 2]`.
          places: The places of the documents.
          training: Whether units are dropped and the loss is regularised.
        """
        of_user, of_item = self._halves(user, item)
        return self._above(places.spread(of_user) + of_item, training=training)

    def crossed(self, user: tf.Tensor, item: tf.Tensor, *, training: bool) -> tf.Tensor:
        """Returns the last layer of all pairs, `[n_users, n_items, width]`."""
        of_user, of_item = self._halves(user, item)
        return self._above(of_user[:, tf.newaxis] + of_item, training=training)

    def _halves(self, user: tf.Tensor, item: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        kernel, dtype = tf.cast(self.kernel, self.compute_dtype), self.compute_dtype
        of_user, of_item = tf.split(kernel, 2)
        return tf.cast(user, dtype) @ of_user + self.bias, tf.cast(item, dtype) @ of_item

    def _above(self, rows: tf.Tensor, *, training: bool) -> tf.Tensor:
        rows = self._dropout(self._activation(rows), training=training)
        for layer in self.dense:
            rows = self._dropout(self._activation(layer(rows)), training=training)
        weights = self._config.regularization[1:]
        if training and any(weights):
            kernels = [self.kernel, *(layer.kernel for layer in self.dense)]
            squares = [tf.reduce_sum(tf.square(tf.cast(k, tf.float32))) for k in kernels]
            self.add_loss(tf.tensordot(tf.stack(squares), tf.constant(weights), 1))
        return rows

    def assign(self, other: Layers) -> None:
        """Takes the weights of other layers of the same widths."""
        for own, their in zip(self._parts, other._parts, strict=True):
            own.assign(their.numpy())

    @property
    def _parts(self) -> list[tf.Variable]:  # one by one: parameter servers divide some of them
        above = [weight for layer in self.dense for weight in (layer.kernel, layer.bias)]
        return [self.kernel, self.bias, *above]


def of_product(n_logits: int, *, use_bias: bool) -> tf.keras.layers.Dense:
    """Returns the layer above a product, which starts as the dot product: `h = 1`.

    Rendle et al., "Neural Collaborative Filtering vs. Matrix Factorization Revisited", RecSys 2020,
    on why that is a good place to start from. Several logits of a document start at random instead:
    nothing else would tell them apart.
    """
    initial = "ones" if n_logits == 1 else "glorot_uniform"
    return tf.keras.layers.Dense(
        n_logits, use_bias=use_bias, kernel_initializer=initial, dtype=tf.float32
    )


class GmfRanker(Ranker):
    """Generalised matrix factorisation: `score = h . (p_u * q_i) + b`."""

    def __init__(
        self, transformed: TransformedSpec, config: GmfConfig, *, outputs: Outputs, static: bool
    ) -> None:
        super().__init__(GMF, transformed, config, outputs=outputs, static=static)
        self.sides = Sides(transformed, [config.product])
        self.output_layer = of_product(self.n_logits, use_bias=True)

    def logits(self, inputs: Inputs, places: Places, *, training: bool) -> tf.Tensor:
        """Returns the weighted products, `[n_rows, n_logits]`."""
        (user,), (item,) = self.sides(inputs, places, training=training)
        return self.output_layer(places.spread(user) * item)

    def crossed(self, inputs: Inputs, *, training: bool) -> tf.Tensor:
        """Returns the weighted products of all users and items."""
        (user,), (item,) = self.sides.crossed(inputs, training=training)
        return _of_all_pairs(user, item, self.output_layer.kernel) + self.output_layer.bias


def _of_all_pairs(user: tf.Tensor, item: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Returns the weighted products of all users and items, `[n_users, n_items, n_logits]`."""
    return tf.einsum("ud,id,dk->uik", user, item, kernel)


class MlpRanker(Ranker):
    """Dense layers over user and item: `score = h . phi([p_u, q_i]) + b`."""

    def __init__(
        self, transformed: TransformedSpec, config: MlpConfig, *, outputs: Outputs, static: bool
    ) -> None:
        super().__init__(MLP, transformed, config, outputs=outputs, static=static)
        self.sides = Sides(transformed, [config.below])
        self.layers_above = Layers(config)
        self.output_layer = tf.keras.layers.Dense(self.n_logits, dtype=tf.float32)

    def logits(self, inputs: Inputs, places: Places, *, training: bool) -> tf.Tensor:
        """Returns the output above the layers, `[n_rows, n_logits]`."""
        (user,), (item,) = self.sides(inputs, places, training=training)
        return self.output_layer(self.layers_above(user, item, places, training=training))

    def crossed(self, inputs: Inputs, *, training: bool) -> tf.Tensor:
        """Returns the output above the layers of all users and items."""
        (user,), (item,) = self.sides.crossed(inputs, training=training)
        return self.output_layer(self.layers_above.crossed(user, item, training=training))


class NeumfRanker(Ranker):
    """Neural matrix factorisation: `score = h . [p_u * q_i, phi([p'_u, q'_i])] + b`."""

    def __init__(
        self, transformed: TransformedSpec, config: NeumfConfig, *, outputs: Outputs, static: bool
    ) -> None:
        super().__init__("neumf", transformed, config, outputs=outputs, static=static)
        shared = dataclasses.replace(
            config.product, regularization=config.mf_regularization + config.regularization[0]
        )
        parts = [shared] if config.shared_tables else [config.product, config.below]
        self.sides = Sides(transformed, parts)
        self.layers_above = Layers(config)
        self.product_layer = of_product(self.n_logits, use_bias=False)
        self.output_layer = tf.keras.layers.Dense(self.n_logits, dtype=tf.float32)

    def logits(self, inputs: Inputs, places: Places, *, training: bool) -> tf.Tensor:
        """Returns the output above both parts, `[n_rows, n_logits]`."""
        users, items = self.sides(inputs, places, training=training)
        above = self.layers_above(users[-1], items[-1], places, training=training)
        product = places.spread(users[0]) * items[0]
        return self.product_layer(product) + self.output_layer(above)

    def crossed(self, inputs: Inputs, *, training: bool) -> tf.Tensor:
        """Returns the output above both parts of all users and items."""
        users, items = self.sides.crossed(inputs, training=training)
        above = self.layers_above.crossed(users[-1], items[-1], training=training)
        product = _of_all_pairs(users[0], items[0], self.product_layer.kernel)
        return product + self.output_layer(above)

    def initialise_from(self, gmf: GmfRanker, mlp: MlpRanker, alpha: float) -> None:
        """Takes the weights of trained parts; all three models have been called before.

        `h = [alpha h_gmf, (1 - alpha) h_mlp]`, and the bias likewise, so that the score is
        `alpha score_gmf + (1 - alpha) score_mlp`; section 3.4.1 of the paper.
        """
        self.sides.assign_side_by_side([gmf.sides, mlp.sides])
        self.layers_above.assign(mlp.layers_above)
        product, above = gmf.output_layer, mlp.output_layer
        self.product_layer.kernel.assign(alpha * product.kernel.numpy())
        self.output_layer.kernel.assign((1 - alpha) * above.kernel.numpy())
        self.output_layer.bias.assign(alpha * product.bias + (1 - alpha) * above.bias)


def join(model: NeumfRanker, config: NeumfConfig, parts: Mapping[str, tf.keras.Model]) -> None:
    """Gives the model the weights of its trained parts; see `models.registry.Family`."""
    model.initialise_from(parts[GMF], parts[MLP], config.alpha)
