"""Two optimizers as one: the embeddings' and that of all other weights."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any
from typing import TypeAlias

import tensorflow as tf

Pair: TypeAlias = "tuple[tf.Tensor | tf.IndexedSlices | None, tf.Variable]"


@tf.keras.utils.register_keras_serializable(package="ranking")
class CompositeOptimizer(tf.keras.optimizers.Optimizer):
    """Applies one optimizer to the embeddings and another to all other weights.

    Each has its own learning rate, schedule, clipping, weight decay and slots. Checkpoints hold
    both, and so does the configuration: variables are told apart by name, since functions that
    name them (as in TensorFlow Recommenders' optimizer of this kind) cannot be written down.

    `learning_rate` is that of the other weights; setting it multiplies both by the same factor.

    Args:
      dense: The optimizer of all weights but the embeddings.
      embedding: The optimizer of the embeddings.
      embeddings: The name of each variable that is an embedding; several may have one name.
      name: The name of both together.
    """

    def __init__(
        self,
        dense: tf.keras.optimizers.Optimizer,
        embedding: tf.keras.optimizers.Optimizer,
        *,
        embeddings: Iterable[str],
        name: str = "composite",
    ) -> None:
        super().__init__(name=name)
        self.dense, self.embedding = dense, embedding
        self._names = tuple(sorted(embeddings))

    def build(self, var_list: Sequence[tf.Variable]) -> None:
        """Creates the slots of both.

        Raises:
          ValueError: No variable is an embedding, or others have the name of one.
        """
        dense, embedding = self._divide([(variable, variable) for variable in var_list])
        if not embedding:
            raise ValueError(f"no variable is an embedding: expected {', '.join(self._names)}")
        if len(embedding) != len(self._names):
            names = sorted(variable.name for _, variable in embedding)
            raise ValueError(
                f"variables of these names are not the embeddings alone: found {', '.join(names)},"
                f" expected {', '.join(self._names)}"
            )
        self.dense.build([variable for variable, _ in dense])
        self.embedding.build([variable for variable, _ in embedding])

    def _divide(self, pairs: Iterable[Pair]) -> tuple[list[Pair], list[Pair]]:
        parts: tuple[list[Pair], list[Pair]] = ([], [])
        for pair in pairs:
            parts[pair[1].name in self._names].append(pair)
        return parts

    def apply_gradients(
        self, grads_and_vars: Iterable[Pair], *args: Any, **kwargs: Any
    ) -> tf.Variable:
        """Applies each optimizer to the gradients of its variables."""
        dense, embedding = self._divide(grads_and_vars)
        self.embedding.apply_gradients(embedding, *args, **kwargs)
        return self.dense.apply_gradients(dense, *args, **kwargs)

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable) -> None:
        """Updates one variable."""
        part = self.embedding if variable.name in self._names else self.dense
        part.update_step(gradient, variable)

    def finalize_variable_values(self, var_list: Sequence[tf.Variable]) -> None:
        """Gives variables their averages where the optimizers keep some."""
        dense, embedding = self._divide([(variable, variable) for variable in var_list])
        self.dense.finalize_variable_values([variable for variable, _ in dense])
        self.embedding.finalize_variable_values([variable for variable, _ in embedding])

    @property
    def iterations(self) -> tf.Variable:
        """The number of steps taken."""
        return self.dense.iterations

    @property
    def learning_rate(self) -> tf.Variable:
        """The learning rate of all weights but the embeddings."""
        return self.dense.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        """Sets it, and changes that of the embeddings by the same factor."""
        factor = rate / float(self.dense.learning_rate)
        self.dense.learning_rate = rate
        self.embedding.learning_rate = factor * float(self.embedding.learning_rate)

    @property
    def variables(self) -> list[tf.Variable]:
        """The variables of both."""
        return [*self.dense.variables, *self.embedding.variables]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain values."""
        return {
            "dense": tf.keras.optimizers.serialize(self.dense),
            "embedding": tf.keras.optimizers.serialize(self.embedding),
            "embeddings": list(self._names),
            "name": self.name,
        }

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> CompositeOptimizer:
        """Returns the optimizer of that configuration."""
        parts = {
            name: tf.keras.optimizers.deserialize(config[name], custom_objects=custom_objects)
            for name in ("dense", "embedding")
        }
        return cls(**parts, embeddings=config["embeddings"], name=config["name"])
