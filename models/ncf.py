"""Neural collaborative filtering: a product of user and item, layers above them, and both in one.

He et al., "Neural Collaborative Filtering", WWW 2017.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import tensorflow as tf

from data.errors import InputError
from data.errors import did_you_mean
from data.transformed import TransformedSpec
from models.factors import Part
from models.factors import Sides
from models.mf import check_regularization
from models.mf import check_vectors
from models.places import Places
from models.ranker import Inputs
from models.ranker import Outputs
from models.ranker import Ranker
from models.ranker import Stage
from models.tower import ACTIVATIONS
from models.tower import check_dims

GMF, MLP = "gmf", "mlp"
"""The families of the two parts."""


@dataclasses.dataclass(frozen=True)
class GmfConfig:
    """Settings of the product.

    Attributes:
      num_factors: The length of the product's vectors.
      mf_regularization: The weight of their squared norms in the loss, averaged over documents.
      init_stddev: The standard deviation of all initial vectors.
    """

    num_factors: int = 8
    mf_regularization: float = 0.0
    init_stddev: float = 0.01

    def __post_init__(self) -> None:
        check_vectors(self.num_factors, self.init_stddev)
        check_regularization("mf_regularization", self.mf_regularization)

    @property
    def product(self) -> Part:
        """The vectors of the product."""
        return Part(self.num_factors, self.init_stddev, self.mf_regularization)


@dataclasses.dataclass(frozen=True)
class MlpConfig:
    """Settings of the layers.

    Attributes:
      layers: The widths of the layers. The first is the user's and the item's vector one after the
        other, so each is half as long.
      mlp_regularization: The weight of squares in the loss, for each layer or one for all: of the
        vectors' norms for the first, averaged over documents, of the matrix for each other one.
      activation: The name of a Keras activation.
      dropout: The share of units dropped after each dense layer.
      init_stddev: The standard deviation of all initial vectors.
    """

    layers: tuple[int, ...] = (64, 32, 16, 8)
    mlp_regularization: tuple[float, ...] = (0.0,)
    activation: str = "relu"
    dropout: float = 0.0
    init_stddev: float = 0.01

    def __post_init__(self) -> None:
        check_vectors(1, self.init_stddev)
        check_dims("layers", self.layers)
        if len(self.layers) < 2 or self.layers[0] % 2:
            raise InputError(f"layers must be at least two, the first even, found {self.layers}")
        if len(self.mlp_regularization) not in (1, len(self.layers)):
            raise InputError(
                f"mlp_regularization must be one number or one for each of the {len(self.layers)}"
                f" layers, found {self.mlp_regularization}"
            )
        for value in self.mlp_regularization:
            check_regularization("mlp_regularization", value)
        if self.activation not in ACTIVATIONS:
            near = did_you_mean(self.activation, ACTIVATIONS)
            raise InputError(f"unknown activation '{self.activation}'.{near}")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout must be in [0, 1), found {self.dropout}")

    @property
    def regularization(self) -> tuple[float, ...]:
        """The weights of regularisation, one for each layer."""
        found = self.mlp_regularization
        return found * len(self.layers) if len(found) == 1 else found

    @property
    def below(self) -> Part:
        """The vectors below the layers."""
        return Part(self.layers[0] // 2, self.init_stddev, self.regularization[0])


@dataclasses.dataclass(frozen=True)
class NeumfConfig(GmfConfig, MlpConfig):
    """Settings of both, and of how they are joined.

    Attributes:
      shared_tables: Whether product and layers have the same vectors.
      pretrain: Whether both parts are trained first, each by itself.
      pretrain_epochs: The most epochs of each part; 0: as many as `train.epochs`.
      alpha: What the product then weighs in the score; the layers weigh the rest to 1.
    """

    shared_tables: bool = False
    pretrain: bool = False
    pretrain_epochs: int = 0
    alpha: float = 0.5

    def __post_init__(self) -> None:
        GmfConfig.__post_init__(self)
        MlpConfig.__post_init__(self)
        if self.shared_tables and self.num_factors != self.layers[0] // 2:
            raise InputError(
                f"shared_tables needs num_factors = layers[0] / 2 = {self.layers[0] // 2}, found"
                f" {self.num_factors}"
            )
        if self.shared_tables and self.pretrain:
            raise InputError("pretrain needs tables of each part's own; set shared_tables = false")
        if not 0 <= self.alpha <= 1:
            raise InputError(f"alpha must be in [0, 1], found {self.alpha}")
        if self.pretrain_epochs < 0:
            raise InputError(f"pretrain_epochs must be at least 0, found {self.pretrain_epochs}")


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
        of_user, of_item = tf.split(tf.cast(self.kernel, self.compute_dtype), 2)
        user, item = tf.cast(user, self.compute_dtype), tf.cast(item, self.compute_dtype)
        rows = places.spread(user @ of_user + self.bias) + item @ of_item
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
        for own, their in zip(self.trainable_weights, other.trainable_weights, strict=True):
            own.assign(their.numpy())


class GmfRanker(Ranker):
    """Generalised matrix factorisation: `score = h . (p_u * q_i) + b`."""

    def __init__(
        self, transformed: TransformedSpec, config: GmfConfig, *, outputs: Outputs, static: bool
    ) -> None:
        super().__init__(GMF, transformed, config, outputs=outputs, static=static)
        self.sides = Sides(transformed, [config.product])
        self.output_layer = tf.keras.layers.Dense(self.n_logits, dtype=tf.float32)

    def logits(self, inputs: Inputs, places: Places, *, training: bool) -> tf.Tensor:
        """Returns the weighted products, `[n_rows, n_logits]`."""
        (user,), (item,) = self.sides(inputs, places, training=training)
        return self.output_layer(places.spread(user) * item)

    def crossed(self, inputs: Inputs, *, training: bool) -> tf.Tensor:
        """Returns the weighted products of all users and items."""
        (user,), (item,) = self.sides.crossed(inputs, training=training)
        output = self.output_layer
        return tf.einsum("ud,id,dk->uik", user, item, output.kernel) + output.bias


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
        self.output_layer = tf.keras.layers.Dense(self.n_logits, dtype=tf.float32)

    def logits(self, inputs: Inputs, places: Places, *, training: bool) -> tf.Tensor:
        """Returns the output above both parts, `[n_rows, n_logits]`."""
        users, items = self.sides(inputs, places, training=training)
        product = places.spread(users[0]) * items[0]
        above = self.layers_above(users[-1], items[-1], places, training=training)
        return self.output_layer(tf.concat([product, tf.cast(above, product.dtype)], axis=1))

    def initialise_from(self, gmf: GmfRanker, mlp: MlpRanker, alpha: float) -> None:
        """Takes the weights of trained parts; all three models have been called before.

        `h = [alpha h_gmf, (1 - alpha) h_mlp]`, and the bias likewise, so that the score is
        `alpha score_gmf + (1 - alpha) score_mlp`; section 3.4.1 of the paper.
        """
        self.sides.assign_side_by_side([gmf.sides, mlp.sides])
        self.layers_above.assign(mlp.layers_above)
        product, above = gmf.output_layer, mlp.output_layer
        kernels = [alpha * product.kernel.numpy(), (1 - alpha) * above.kernel.numpy()]
        self.output_layer.kernel.assign(tf.concat(kernels, axis=0))
        self.output_layer.bias.assign(alpha * product.bias + (1 - alpha) * above.bias)


def stages(config: NeumfConfig) -> dict[str, Stage]:
    """Returns the parts that are trained first; see `models.registry.Family`."""
    if not config.pretrain:
        return {}
    parts: dict[str, type] = {GMF: GmfConfig, MLP: MlpConfig}
    return {
        name: Stage(
            name,
            part(**{field.name: vars(config)[field.name] for field in dataclasses.fields(part)}),
            config.pretrain_epochs,
        )
        for name, part in parts.items()
    }


def join(model: NeumfRanker, config: NeumfConfig, parts: Mapping[str, tf.keras.Model]) -> None:
    """Gives the model the weights of its trained parts; see `models.registry.Family`."""
    model.initialise_from(parts[GMF], parts[MLP], config.alpha)
