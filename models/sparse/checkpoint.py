"""Full and incremental checkpoints of sparse tables."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from data.errors import InputError
from models.sparse.contents import Owner
from models.sparse.contents import Piece
from models.sparse.maintenance import Optimizer
from models.sparse.optimizer import RowOptimizer
from models.sparse.table import SparseTable

MANIFEST = "tables.json"
UNKNOWN_ROW = "unknown"
STATE = "state"
VARIABLES = "variables"


class TableSaver:
    """Saves tables, the slots of their rows, and what else a training needs to go on.

    A full checkpoint holds all rows; an incremental one those that were looked up in training since
    the checkpoint before, and the keys that were evicted. Both are by key: a table of another
    capacity can take them. One exists once the manifest names it, so that a training killed while
    it saves loses nothing but that checkpoint. A full one replaces all before it.

    `tf.train.Checkpoint`, and so Keras's own ways to save, holds tables as well: always in full and
    for the same capacity.

    Args:
      directory: Where checkpoints go, any place that TensorFlow can write.
      tables: The tables.
      optimizer: The optimizer of their rows, built.
      variables: Further variables, such as all of the model; those of rows are passed over.

    Attributes:
      others: The variables beside the tables and their slots, by the names they are saved under:
        `weight/0` and so on, in the order given, and `optimizer/0`.
    """

    def __init__(
        self,
        directory: str,
        tables: Sequence[SparseTable],
        optimizer: Optimizer | None = None,
        variables: Sequence[tf.Variable] = (),
    ) -> None:
        self._directory = str(directory)
        self._owners = {table.config.name: Owner(table, optimizer) for table in tables}
        self._optimizer = optimizer
        self.others = _others(self._owners, optimizer, variables)
        self._saved: dict[str, tuple[np.ndarray, int]] = {}  # keys, and time, of the last one

    def save(self, *, full: bool) -> str:
        """Writes a checkpoint and returns its name; the first one is full in any case.

        Raises:
          InputError: It is to be incremental, and the optimizer changes rows without a lookup.
        """
        entries = self._manifest()
        full = full or set(self._saved) != set(self._owners)
        if not full and not _rowwise(self._optimizer):
            raise InputError(
                "an incremental checkpoint needs an optimizer that changes only rows that were"
                " looked up: RowOptimizer, or Adagrad or SGD without momentum, decay and averages;"
                f" found {type(self._optimizer).__name__}"
            )
        number = entries[-1]["number"] + 1 if entries else 0
        name = f"{number:06d}-{'full' if full else 'part'}"
        if tf.io.gfile.exists(self._path(name)):  # of a training that was killed
            tf.io.gfile.rmtree(self._path(name))
        tf.io.gfile.makedirs(self._path(name))
        pieces = {table: self._save(name, table, full=full) for table in self._owners}
        if self.others:
            write(self._path(name, VARIABLES), self.others)
        entry = {"number": number, "name": name, "full": full, "pieces": pieces}
        self._write_manifest([entry] if full else [*entries, entry])
        for table in self._owners:
            self._note(table)
        for old in entries if full else ():
            tf.io.gfile.rmtree(self._path(old["name"]))
        return name

    def restore(self) -> bool:
        """Puts all into the state of the last checkpoint; returns whether there was one."""
        entries = self._manifest()
        self.restore_tables()
        if entries and self.others:
            self._restore_others(self._path(entries[-1]["name"], VARIABLES))
        return bool(entries)

    def restore_tables(self, *, slots: bool = True) -> None:
        """Puts the tables alone into that state.

        Args:
          slots: Whether the optimizer goes on as well; otherwise it begins anew with their rows.
        """
        entries = self._manifest()
        for name, owner in self._owners.items() if entries else ():
            owner.drop(owner.table.contents()[0])
            for entry in entries:
                self._restore(entry, name, last=entry is entries[-1], slots=slots)
            self._note(name)

    def reader(self) -> tf.train.CheckpointReader:
        """Returns what reads the further variables of the last checkpoint by their names there."""
        return open_tensors(self._path(self._manifest()[-1]["name"], VARIABLES))

    def _save(self, name: str, table: str, *, full: bool) -> int:
        owner = self._owners[table]
        before, since = self._saved.get(table, (np.zeros(0, np.int64), 0))
        keys = owner.table.contents()[0]
        number = -1
        for number, piece in enumerate(owner.pieces(0 if full else since)):
            write(self._path(name, table, str(number)), piece)
        write(self._path(name, table, UNKNOWN_ROW), owner.unknown())
        gone = np.setdiff1d(before, keys, assume_unique=True)
        write(self._path(name, table, STATE), {"evicted": tf.constant(gone), **owner.state()})
        return number + 1

    def _restore(self, entry: dict[str, Any], table: str, *, last: bool, slots: bool) -> None:
        owner, name = self._owners[table], entry["name"]
        if table not in entry["pieces"]:
            known = ", ".join(entry["pieces"])
            raise InputError(f"{self._path(name)}: found tables {known}, expected '{table}'")
        state = _read(self._path(name, table, STATE))
        owner.drop(state["evicted"].numpy())
        for number in range(entry["pieces"][table]):
            owner.put(self._piece(owner, slots, name, table, str(number)))
        if last:
            owner.put_unknown(self._piece(owner, slots, name, table, UNKNOWN_ROW))
            owner.put_state(state)

    def _piece(self, owner: Owner, slots: bool, *names: str) -> Piece:
        piece = _read(self._path(*names))
        return piece if slots else owner.with_new_slots(piece)

    def _restore_others(self, path: str) -> None:
        found = _read(path) if tf.io.gfile.exists(f"{path}.index") else {}
        for name, variable in self.others.items():
            shape = found[name].shape if name in found else None
            if shape != variable.shape:
                raise InputError(
                    f"{path}: {name}: found shape {shape}, expected {variable.shape}, that of"
                    f" '{variable.name}'"
                )
        with next(iter(self._owners.values())).table.strategy.scope():
            for name, variable in self.others.items():
                variable.assign(found[name])

    def _note(self, table: str) -> None:
        own = self._owners[table].table
        self._saved[table] = own.contents()[0], own.time

    def _path(self, *names: str) -> str:
        return os.path.join(self._directory, *names)

    def _manifest(self) -> list[dict[str, Any]]:
        if not tf.io.gfile.exists(self._path(MANIFEST)):
            return []
        with tf.io.gfile.GFile(self._path(MANIFEST)) as file:
            entries: list[dict[str, Any]] = json.load(file)
        return entries

    def _write_manifest(self, entries: Sequence[dict[str, Any]]) -> None:
        with tf.io.gfile.GFile(self._path(MANIFEST + ".new"), "w") as file:
            json.dump(entries, file, indent=1)
        tf.io.gfile.rename(self._path(MANIFEST + ".new"), self._path(MANIFEST), overwrite=True)


def _others(
    owners: dict[str, Owner], optimizer: Optimizer | None, variables: Sequence[tf.Variable]
) -> dict[str, tf.Variable]:
    """Returns the variables that belong to no table, each once and under a name of its own."""
    taken = set()
    for owner in owners.values():
        taken |= {variable.ref() for parts in owner.parts().values() for variable in parts}
        taken |= {variable.ref() for variable in owner.table.variables}
    named: dict[str, tf.Variable] = {}
    # By number: Keras names an optimizer's variables by where they were made, which may differ.
    of_optimizer = optimizer.variables if optimizer else ()
    for group, given in (("weight", variables), ("optimizer", of_optimizer)):
        rest = {v.ref(): v for v in given if v.ref() not in taken}
        named |= {f"{group}/{number}": v for number, v in enumerate(rest.values())}
    return named


def _rowwise(optimizer: Optimizer | None) -> bool:
    if optimizer is None:
        return True
    config = optimizer.get_config()
    if config.get("weight_decay") or config.get("use_ema") or config.get("momentum"):
        return False
    known = (RowOptimizer, tf.keras.optimizers.Adagrad, tf.keras.optimizers.SGD)
    return isinstance(optimizer, known)


def write(prefix: str, tensors: Piece) -> None:
    """Writes tensors by name in TensorFlow's form of checkpoints."""
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=[tf.convert_to_tensor(tensor) for tensor in tensors.values()],
    )


def open_tensors(prefix: str) -> tf.train.CheckpointReader:
    """Returns what reads tensors that `write` wrote, by their names."""
    # `tf.train.load_checkpoint` takes the prefix for a folder where there are no folders.
    return tf.compat.v1.train.NewCheckpointReader(prefix)


def _read(prefix: str) -> Piece:
    return dict(_tensors(prefix))


def _tensors(prefix: str) -> Iterator[tuple[str, tf.Tensor]]:
    reader = open_tensors(prefix)
    for name in reader.get_variable_to_shape_map():
        yield name, tf.constant(reader.get_tensor(name))
