"""What a training leaves for a later one, on disk: all of its model, by key and by column."""

from __future__ import annotations

import collections
import dataclasses
import json
import re
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from data import storage
from data.storage import AnyPath
from models.embedding.layer import ByColumn
from models.embedding.layer import embedding_variables
from models.sparse import TableSaver
from models.sparse.checkpoint import open_tensors
from models.sparse.checkpoint import write
from models.sparse.of_model import tables_of
from models.sparse.of_model import weights_beside

DESCRIPTION = "description.json"
"""The file without which there is nothing to start from; it is written last."""
_VOCABULARIES = "vocabularies"
_NUMBER = re.compile(r"_\d+")
_STEPS = "iteration"
"""What Keras calls an optimizer's count of its steps."""


@dataclasses.dataclass(frozen=True)
class Weight:
    """A weight that is no table of keys.

    Attributes:
      name: Its name, without the numbers that depend on what else a process has built.
      shape: Its shape.
      starts: For a table of embeddings, the row of id 1 of each column; None for other weights.
    """

    name: str
    shape: tuple[int, ...]
    starts: Mapping[str, int] | None = None

    @property
    def kind(self) -> str:
        """What does not change with vocabularies."""
        if self.starts is None:
            return f"{self.name} {list(self.shape)}"
        return f"{self.name} {[', '.join(self.starts), *self.shape[1:]]}"


class Parts:
    """A compiled model as what is kept of it.

    Args:
      model: The model, its optimizer built.
    """

    def __init__(self, model: tf.keras.Model) -> None:
        self.model, self.optimizer = model, model.optimizer
        self.variables = weights_beside(model)
        layers = [layer for layer in model.submodules if isinstance(layer, ByColumn)]
        starts = {id(v): starts for layer in layers for v, starts in layer.starts()}
        self.weights = [
            Weight(_NUMBER.sub("", v.name), tuple(v.shape), starts.get(id(v)))
            for v in self.variables
        ]
        of_ids = {id(v) for v in embedding_variables(model)} - {
            id(v) for table in tables_of(model) for v in table.variables
        }
        self.unknown = [v.name for v in self.variables if id(v) in of_ids - set(starts)]

    def saver(self, folder: AnyPath) -> TableSaver:
        """Returns what writes and reads these parts."""
        return TableSaver(str(folder), tables_of(self.model), self.optimizer, self.variables)

    def roles(self, saver: TableSaver) -> dict[str, str]:
        """Returns, by the names that the saver has for them, what variables of the optimizer are.

        `slot/3/m` is the slot `m` of the weight with number 3, `iteration/0` a count of steps.
        """
        found = {}
        named: dict[str, list[int]] = {}
        seen: collections.Counter[str] = collections.Counter()
        for number, variable in enumerate(self.variables):
            if variable.trainable:
                named.setdefault(variable.name, []).append(number)
        for name, variable in saver.others.items():
            if not name.startswith("optimizer/"):
                continue
            slot, owner = _divided(variable.name, named)
            if owner:
                # Weights of one name have their slots in their own order.
                number = named[owner][seen[variable.name]]
                if self.variables[number].shape == variable.shape:
                    found[name] = f"slot/{number}/{slot}"
            elif slot.startswith(_STEPS):
                found[name] = f"{_STEPS}/{seen[_STEPS]}"
                seen[_STEPS] += 1
            seen[variable.name] += 1
        return found


def _divided(name: str, named: Mapping[str, object]) -> tuple[str, str]:
    """Returns the slot and the weight that an optimizer's variable is named by.

    >>> _divided("Adam/m/dense/kernel:0", {"dense/kernel:0": 3}), _divided("iteration:0", {})
    (('m', 'dense/kernel:0'), ('iteration:0', ''))
    """
    parts = name.split("/")
    for first in range(1, len(parts)):
        if "/".join(parts[first:]) in named:
            return parts[first - 1], "/".join(parts[first:])
    return parts[-1], ""


@dataclasses.dataclass(frozen=True)
class Record:
    """What was kept of a training.

    Attributes:
      folder: Where.
      architecture: What `models.warm.fit.architecture` said of it.
      optimizers: What `models.warm.fit.optimizers` said.
      weights: Its weights, in their order.
      roles: The names of the optimizer's variables by what they are.
    """

    folder: AnyPath
    architecture: dict[str, Any]
    optimizers: dict[str, Any]
    weights: Sequence[Weight]
    roles: Mapping[str, str]

    def vocabulary(self, column: str) -> list[bytes]:
        """Returns the values of a column in the order of its ids."""
        return list(open_tensors(str(self.folder / _VOCABULARIES)).get_tensor(column))


def save(
    model: tf.keras.Model,
    folder: AnyPath,
    *,
    architecture: Mapping[str, Any],
    optimizers: Mapping[str, Any],
    vocabularies: Mapping[str, Sequence[bytes]],
) -> None:
    """Writes all that a later training needs of a compiled model; replaces what is there."""
    if folder.exists():
        storage.remove_tree(folder)
    parts = Parts(model)
    saver = parts.saver(folder)
    saver.save(full=True)
    if vocabularies:
        texts = {name: tf.constant(list(values)) for name, values in vocabularies.items()}
        write(str(folder / _VOCABULARIES), texts)
    table = {
        "architecture": architecture,
        "optimizers": optimizers,
        "weights": [dataclasses.asdict(weight) for weight in parts.weights],
        "roles": {role: name for name, role in parts.roles(saver).items()},
    }
    (folder / DESCRIPTION).write_text(json.dumps(table, indent=1))


def load(folder: AnyPath) -> Record | None:
    """Returns what was kept there, None where nothing was."""
    if not (folder / DESCRIPTION).exists():
        return None
    table = json.loads((folder / DESCRIPTION).read_bytes())
    weights = [
        Weight(each["name"], tuple(each["shape"]), each["starts"]) for each in table.pop("weights")
    ]
    return Record(folder, weights=weights, **table)
