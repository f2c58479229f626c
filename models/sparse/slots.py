"""What an optimizer keeps for each row of a table."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from data.errors import InputError
from models.sparse.table import SparseTable

Slots = Mapping[str, tuple[tf.Variable, ...]]
"""By name, as the rows are stored: one variable for the device, one for the host."""


def slots_of(table: SparseTable, optimizer: tf.keras.optimizers.Optimizer | None) -> Slots:
    """Returns the optimizer's variables that hold something per row of the table.

    Keras names them by the variable they belong to: `velocity/users/device:0`, with the
    optimizer's own name before that where a step built it. What is kept per column of a table, as
    by Adafactor, does not belong to a row.

    Args:
      table: The table.
      optimizer: The optimizer, built; a wrapper or a composite shows the variables of its parts.

    Raises:
      InputError: The optimizer keeps a slot for some variables of the table only.
    """
    found: dict[str, list[tf.Variable]] = {}
    for part in table.rows.parts:
        for variable in () if optimizer is None else optimizer.variables:
            name = variable.name.removesuffix(f"/{part.name}")
            if name != variable.name and _per_row(variable, part):
                found.setdefault(name.rpartition("/")[2], []).append(variable)
    for name, variables in found.items():
        if len(variables) != len(table.rows.parts):
            raise InputError(
                f"table '{table.config.name}': expected the slot '{name}' for"
                f" {len(table.rows.parts)} variables, found {len(variables)}"
            )
    return {name: tuple(variables) for name, variables in found.items()}


def _per_row(variable: tf.Variable, part: tf.Variable) -> bool:
    return bool(tf.shape(variable)[0] == tf.shape(part)[0]) if variable.shape.rank else False
