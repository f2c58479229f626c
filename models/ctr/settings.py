"""The settings of the click models."""

from __future__ import annotations

import dataclasses
import enum
import math

from data.errors import InputError
from models.tower import TowerConfig


class CrossKind(str, enum.Enum):
    """What a cross layer multiplies its input by."""

    VECTOR = "vector"
    """One number per row, `x . w`: the first version of DCN."""
    MATRIX = "matrix"
    """One number per unit, `x W`: DCN-V2."""


class Structure(str, enum.Enum):
    """How the cross layers and the top stack stand to each other."""

    STACKED = "stacked"
    """The stack goes on from the crosses."""
    PARALLEL = "parallel"
    """Both start from the input and are put side by side at the end."""


@dataclasses.dataclass(frozen=True)
class CtrConfig:
    """What the click models have in common; the defaults are those of TensorFlow Recommenders.

    Attributes:
      bottom_stack: The widths of the layers over a document's numbers; none: the numbers as they
        are.
      top_stack: The widths of the hidden layers below the logits; none: the logits are linear.
      activation: The name of a Keras activation.
      dropout: The share of units dropped after each layer of a stack.
      use_batch_norm: Whether each layer of a stack normalises over the batch's documents.
      batch_norm_moment: The momentum of the moving averages, from 0 to 1.
      kernel_regularization: The weight of the squared weights of stacks and crosses in the loss.
      embedding_regularization: The weight of the squared norms of the embeddings of a document in
        the loss, averaged over the documents of the batch.
      init_stddev: The standard deviation of the initial embeddings.
      dense_gradient_rows: The most rows of tables whose gradients are dense; those of larger ones
        are of the rows that a batch looked up.
    """

    bottom_stack: tuple[int, ...] = (256, 64, 16)
    top_stack: tuple[int, ...] = (512, 256)
    activation: str = "relu"
    dropout: float = 0.0
    use_batch_norm: bool = False
    batch_norm_moment: float = 0.999
    kernel_regularization: float = 0.0
    embedding_regularization: float = 0.0
    init_stddev: float = 0.05
    dense_gradient_rows: int = 100_000

    def __post_init__(self) -> None:
        for name in ("bottom_stack", "top_stack"):
            if min(vars(self)[name], default=1) < 1:
                raise InputError(f"{name} must be positive, found {vars(self)[name]}")
        for name in ("kernel_regularization", "embedding_regularization", "dense_gradient_rows"):
            if not 0 <= vars(self)[name] < math.inf:
                raise InputError(f"{name} must be 0 or more, found {vars(self)[name]}")
        if not 0 < self.init_stddev < math.inf:
            raise InputError(f"init_stddev must be positive, found {self.init_stddev}")
        self.tower((1,))

    def tower(self, widths: tuple[int, ...]) -> TowerConfig:
        """Returns the settings of a stack of these widths."""
        return TowerConfig(
            hidden_layer_dims=widths,
            activation=self.activation,
            use_batch_norm=self.use_batch_norm,
            batch_norm_moment=self.batch_norm_moment,
            dropout=self.dropout,
        )


@dataclasses.dataclass(frozen=True)
class DlrmConfig(CtrConfig):
    """Settings of DLRM.

    Attributes:
      self_interaction: Whether each vector is multiplied with itself as well.
      skip_gather: Whether the products above the diagonal are set to 0 and kept rather than left
        out, which some accelerators do faster.
      concat_dense: Whether the bottom stack's output goes to the top stack beside the products.
      concat_embeddings: Whether the embeddings go there as well.
      vector_dim: The length of the vectors that are multiplied; those of another length go through
        a matrix. 0: that of the longest embedding.
    """

    self_interaction: bool = False
    skip_gather: bool = False
    concat_dense: bool = True
    concat_embeddings: bool = False
    vector_dim: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_vector_dim(self.vector_dim)


@dataclasses.dataclass(frozen=True)
class DcnConfig(CtrConfig):
    """Settings of the deep and cross network.

    Attributes:
      cross: What a cross layer multiplies its input by.
      cross_layers: The number of cross layers.
      projection_dim: The rank of the crosses' matrices; 0: full.
      diag_scale: What is added to the diagonals of the matrices.
      structure: How crosses and top stack stand to each other.
      concat_dense: Whether the bottom stack's output goes on beside the crosses' as well.
    """

    cross: CrossKind = CrossKind.MATRIX
    cross_layers: int = 3
    projection_dim: int = 0
    diag_scale: float = 0.0
    structure: Structure = Structure.STACKED
    concat_dense: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cross_layers < 1:
            raise InputError(f"cross_layers must be at least 1, found {self.cross_layers}")
        check_cross(self.cross, self.projection_dim, self.diag_scale)


def check_cross(kind: CrossKind, projection_dim: int, diag_scale: float) -> None:
    """Raises InputError unless the settings of a cross layer go together."""
    if projection_dim < 0:
        raise InputError(f"projection_dim must be 0 or more, found {projection_dim}")
    if not 0 <= diag_scale < math.inf:
        raise InputError(f"diag_scale must be 0 or more, found {diag_scale}")
    if kind is CrossKind.VECTOR and (projection_dim or diag_scale):
        raise InputError("projection_dim and diag_scale are for cross matrix, found vector")


@dataclasses.dataclass(frozen=True)
class DeepfmConfig(CtrConfig):
    """Settings of DeepFM.

    Attributes:
      vector_dim: As in `DlrmConfig`.
    """

    vector_dim: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_vector_dim(self.vector_dim)


def _check_vector_dim(found: int) -> None:
    if found < 0:
        raise InputError(f"vector_dim must be 0 or more, found {found}")
