"""What a training reads: batches of ranked lists, of impressions, or of positives and negatives."""

from __future__ import annotations

import dataclasses
import functools

import tensorflow as tf

from data import dataset
from data import impressions
from data.sampling import batches as sampled
from data.sampling import catalogue
from data.sampling import whole
from data.sampling.catalogue import Catalogue
from data.sampling.options import NegativeKind
from data.sampling.options import Negatives
from data.transformed import TransformedSpec
from models import strategy as strategy_lib
from models.strategy import Strategy
from models.training.config import TrainConfig
from models.training.steps import per_replica
from models.training.steps import steps_per_call
from models.training.steps import steps_per_epoch

VALIDATION_LISTS = 512
"""The most lists of a validation batch: training batches count short lists, and may be large."""
EPOCHS = 1 << 16
"""Among so many epochs of negatives each worker of parameter servers begins at one of its own."""


@dataclasses.dataclass(frozen=True)
class Source:
    """The files of a training and how they become batches.

    Attributes:
      train_files: Transformed training lists, gzipped TFRecord files.
      validation_files: Transformed validation lists.
      catalogue_files: Transformed lists of all items, where negatives are drawn.
      transformed: Their shapes.
      config: The settings of training.
      across_list: Whether the model computes padding, so that lists of like length belong together.
    """

    train_files: tuple[str, ...]
    validation_files: tuple[str, ...]
    catalogue_files: tuple[str, ...]
    transformed: TransformedSpec
    config: TrainConfig
    across_list: bool

    def count(self) -> dataset.Counts:
        """Counts what there is to train on.

        Raises:
          InputError: There is nothing to learn from, or a label is no click where the model is to
            give the probability of one.
        """
        negatives, files = self.config.negatives, self.train_files
        if negatives is None:
            options = {name: task.loss_options for name, task in self.config.tasks.items()}
            options[self.transformed.spec.label] = self.config.loss_options
            clicks = [name for name, chosen in options.items() if chosen.probabilities]
            rows = self.transformed.spec.impressions
            count = impressions.count if rows else dataset.count
            return count(files, self.transformed, clicks=clicks)
        if negatives.kind is NegativeKind.ALL:
            return whole.count(files, self.transformed, self._catalogue())
        return sampled.count(files, self.transformed, per_positive=negatives.per_positive)

    def validation(self) -> tf.data.Dataset:
        """Returns all validation lists, each once and whole."""
        if self.transformed.spec.impressions:
            return impressions.validation(self.validation_files, self.transformed)
        batch_size = min(self.config.batch_size, VALIDATION_LISTS)
        return dataset.validation(self.validation_files, self.transformed, batch_size=batch_size)

    def batches(
        self,
        context: tf.distribute.InputContext,
        epochs: int,
        *,
        replicas: int,
        counts: dataset.Counts,
    ) -> tf.data.Dataset:
        """Returns the endless training batches of one worker.

        Args:
          context: Which of the workers it is.
          epochs: How many are over; workers of parameter servers begin anew.
          replicas: The number of devices, of all workers together.
          counts: What `count` returned.
        """
        config, servers = self.config, self._servers
        # Workers of parameter servers each take all lists, each from another one on.
        shard = (1, 0) if servers else (context.num_input_pipelines, context.input_pipeline_id)
        batch_size = config.batch_size if servers else per_replica(config, replicas)
        if config.packed:  # one large batch costs less than many small ones
            batch_size *= steps_per_call(config, counts)
        taken = 0 if servers else epochs * self._batches_per_epoch(replicas // shard[0], counts)
        if config.negatives:
            return self._of_interactions(config.negatives, batch_size, shard, taken)
        shapes = dataset.Shapes(
            batch_size,
            config.list_size or None,
            static=config.whole_batches,
            by_length=self.across_list and not config.list_size and not config.distributed,
            label_weights=config.label_weights,
        )
        training = dataset.training
        if self.transformed.spec.impressions:
            training = functools.partial(impressions.training, rows=counts.lists)
        return training(
            self.train_files,
            self.transformed,
            shapes,
            seed=config.seed + context.input_pipeline_id,
            shard=shard,
            first=strategy_lib.first_list(counts.lists) if servers else 0,
            taken=taken,
        )

    def _batches_per_epoch(self, replicas: int, counts: dataset.Counts) -> int:
        """Returns how many batches the devices of one worker take in an epoch."""
        steps = steps_per_epoch(self.config, counts)
        if self.config.packed:
            return steps // steps_per_call(self.config, counts)
        return steps * replicas

    @property
    def _servers(self) -> bool:
        return self.config.distribution.strategy is Strategy.PARAMETER_SERVER

    def _catalogue(self) -> Catalogue:
        return catalogue.load(self.catalogue_files, self.transformed)

    def _of_interactions(
        self, negatives: Negatives, batch_size: int, shard: tuple[int, int], taken: int
    ) -> tf.data.Dataset:
        config = self.config
        first = strategy_lib.first_list(EPOCHS) if self._servers else 0
        if negatives.kind is NegativeKind.ALL:
            return whole.training(
                self.train_files,
                self.transformed,
                self._catalogue(),
                per_positive=negatives.per_positive,
                batch_size=batch_size,
                static=config.whole_batches,
                seed=config.seed + first,
                shard=shard,
                taken=taken,
            )
        return sampled.training(
            self.train_files,
            self.transformed,
            self._catalogue(),
            negatives,
            batch_size=batch_size,
            static=config.whole_batches,
            seed=config.seed,
            shard=shard,
            first_epoch=first,
            taken=taken,
        )
