"""TFX's Transform in batches that the data alone decide: the same data give the same bytes."""

from __future__ import annotations

from typing import Any

from absl import flags
from tfx import components as tfx_components
from tfx.components.transform import executor
from tfx.dsl.components.base import executor_spec

BY_BYTES = "tfxio_use_byte_size_batching"
"""The flag of TFX's sources for batches of 20 MiB of stored records, and at most 8192."""


class Executor(executor.Executor):
    """TFX's executor, which would have Beam choose the batches by how long they take.

    Sums of floats depend on what is added first: means and deviations would come out otherwise in
    their last digits each time, and after some epochs so would the model.
    """

    def Do(  # noqa: N802  TFX's name
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Transforms in batches of a number of bytes."""
        if not flags.FLAGS.is_parsed():
            flags.FLAGS.mark_as_parsed()  # until then the flag would not be looked at
        before = flags.FLAGS[BY_BYTES].value
        flags.FLAGS[BY_BYTES].value = True
        try:
            super().Do(input_dict, output_dict, exec_properties)
        finally:
            flags.FLAGS[BY_BYTES].value = before


class Transform(tfx_components.Transform):
    """TFX's Transform, run by the executor above."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)
