"""The settings of neural collaborative filtering, and what is trained before what.

He et al., "Neural Collaborative Filtering", WWW 2017.
"""

from __future__ import annotations

import dataclasses

from data.errors import InputError
from data.errors import did_you_mean
from models.factors import Part
from models.mf import check_regularization
from models.mf import check_vectors
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
      pretrain: Whether both parts are trained first, each by itself, as `train.stages` says.
      alpha: What the product then weighs in the score; the layers weigh the rest to 1.
    """

    shared_tables: bool = False
    pretrain: bool = False
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


def stages(config: NeumfConfig) -> dict[str, Stage]:
    """Returns the parts that are trained first; see `models.registry.Family`."""
    if not config.pretrain:
        return {}
    parts: dict[str, type] = {GMF: GmfConfig, MLP: MlpConfig}
    return {
        name: Stage(
            name,
            part(**{field.name: vars(config)[field.name] for field in dataclasses.fields(part)}),
        )
        for name, part in parts.items()
    }
