"""A training that starts from what another left."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from data.storage import AnyPath
from models.job import TrainingJob
from models.training.warm import NewRows
from models.training.warm import Start
from models.training.warm import WarmStartConfig
from models.warm import record as records
from models.warm.fit import UnfitError
from models.warm.fit import architecture
from models.warm.fit import difference
from models.warm.fit import optimizers
from models.warm.record import Parts
from models.warm.record import Record
from models.warm.rows import Renumbered
from models.warm.rows import move
from models.warm.rows import renumber

_AVERAGE = "average"
"""The slot with the average of a weight, where one is kept."""


@dataclasses.dataclass(frozen=True)
class FromModel:
    """A `models.training.warm.WarmStart` of a published model.

    Attributes:
      job: The training.
      vocabularies: For each column with one, its values in the order of their ids.
      kept: The folder that holds what the model's training left; None: there is no model.
      version: The model's version.
    """

    job: TrainingJob
    vocabularies: Mapping[str, Sequence[bytes]]
    kept: AnyPath | None
    version: str = ""

    def start(self, model: tf.keras.Model) -> Start:
        """Moves weights, the optimizer's state and tables into the model, or says why not."""
        try:
            record, parts = self._fitting(model)
        except UnfitError as reason:
            return Start(False, f"fresh: {reason}")
        changes = self._changes(record)
        other = difference(record.optimizers, optimizers(self.job))
        with model.distribute_strategy.scope():
            _Move(self.job, record, parts, changes, slots=not other).run()
        said = f"from version {self.version}"
        if changes:
            kept = sum(change.kept for change in changes.values())
            new = sum(len(change.places) for change in changes.values()) - kept
            retired = sum(change.before for change in changes.values()) - kept
            said += f": {kept:,} ids kept, {new:,} new, {retired:,} retired"
        return Start(True, f"{said}; the optimizer starts fresh: {other}" if other else said)

    def keep(self, model: tf.keras.Model, folder: AnyPath) -> None:
        """Writes what a later training needs."""
        records.save(
            model,
            folder,
            architecture=architecture(self.job),
            optimizers=optimizers(self.job),
            vocabularies=self.vocabularies,
        )

    def _fitting(self, model: tf.keras.Model) -> tuple[Record, Parts]:
        if self.kept is None:
            raise UnfitError("no model is published")
        record = records.load(self.kept)
        if record is None:
            raise UnfitError(f"version {self.version} has nothing to start from")
        if changed := difference(record.architecture, architecture(self.job)):
            raise UnfitError(changed)
        parts = Parts(model)
        if self.vocabularies and parts.unknown:
            raise UnfitError(f"'{parts.unknown[0]}' does not say which columns its rows are of")
        old, new = (dict(enumerate(w.kind for w in each.weights)) for each in (record, parts))
        if changed := difference(old, new, "weights"):
            raise UnfitError(changed)
        return record, parts

    def _changes(self, record: Record) -> dict[str, Renumbered]:
        buckets = {feature.name: feature.oov_buckets for feature in self.job.shapes.spec.features}
        return {
            name: renumber(record.vocabulary(name), values, oov_buckets=buckets[name])
            for name, values in self.vocabularies.items()
        }


class _Move:
    """Puts a record into a model.

    Args:
      job: The training.
      record: What another training left.
      parts: The model.
      changes: How the vocabularies changed.
      slots: Whether the optimizer goes on with the state that the other one had.
    """

    def __init__(
        self,
        job: TrainingJob,
        record: Record,
        parts: Parts,
        changes: Mapping[str, Renumbered],
        *,
        slots: bool,
    ) -> None:
        self._config, self._record, self._parts = job.config, record, parts
        self._changes, self._slots = changes, slots
        self._saver = parts.saver(record.folder)
        self._reader = self._saver.reader()

    def run(self) -> None:
        """Moves all there is."""
        new_rows = (self._config.warm_start or WarmStartConfig()).new_rows
        self._saver.restore_tables(slots=self._slots)
        for number, variable in enumerate(self._parts.variables):
            old = self._reader.get_tensor(f"weight/{number}")
            variable.assign(self._moved(number, old, variable, new_rows))
        for name, role in self._parts.roles(self._saver).items():
            self._move_state(role, self._saver.others[name])

    def _move_state(self, role: str, variable: tf.Variable) -> None:
        _, number, *slot = role.split("/")
        kept = self._record.roles.get(role)
        if slot == [_AVERAGE]:  # what was exported was the average
            variable.assign(self._parts.variables[int(number)])
        elif not self._slots or kept is None:
            return
        elif slot:
            old = self._reader.get_tensor(kept)
            variable.assign(self._moved(int(number), old, variable, NewRows.INITIAL))
        elif not self._planned(int(number)):
            variable.assign(self._reader.get_tensor(kept))

    def _planned(self, number: int) -> bool:
        """Tells whether a learning rate goes by a plan, which starts anew with each training."""
        other = self._config.embedding_optimizer
        config = other if number and other else self._config
        return config.scheduled

    def _moved(
        self, number: int, old: np.ndarray, variable: tf.Variable, new_rows: NewRows
    ) -> np.ndarray:
        before, now = self._record.weights[number].starts, self._parts.weights[number].starts
        if before is None or now is None:
            return old
        return move(
            old, variable.numpy(), before, now, vocabularies=self._changes, new_rows=new_rows
        )
