"""Runs nodes on TensorFlow's in-process file system, which stands for an object store.

TFX opens any scheme through TensorFlow; Beam has to be taught.
"""

from __future__ import annotations

import io
import posixpath
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from apache_beam.io import filesystem
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.components.base import base_node
from tfx.types import value_artifact

from data import storage
from data.storage import RemotePath
from pipeline.beam import NO_STAGING

gfile = tf.io.gfile
AUTO = filesystem.CompressionTypes.AUTO


class _Written(io.BytesIO):
    """A file that is there when it is closed; TensorFlow's cannot tell its place."""

    mode = "wb"

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = RemotePath(path)

    def close(self) -> None:
        if not self.closed:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with gfile.GFile(str(self._path), "wb") as file:
                file.write(self.getvalue())
        super().close()


class RamFileSystem(filesystem.FileSystem):
    """`ram://` for Beam, which finds it as a subclass."""

    @classmethod
    def scheme(cls) -> str:
        return "ram"

    def join(self, basepath: str, *paths: str) -> str:
        return posixpath.join(basepath, *paths)

    def split(self, path: str) -> tuple[str, str]:
        return posixpath.split(path)

    def mkdirs(self, path: str) -> None:
        gfile.makedirs(path)

    def has_dirs(self) -> bool:
        return True

    def _list(self, dir_or_prefix: str) -> Iterator[filesystem.FileMetadata]:
        yield from (self.metadata(str(path)) for path in storage.walk(storage.at(dir_or_prefix)))

    def create(self, path: str, mime_type: str = "", compression_type: str = AUTO) -> Any:
        return self._open(path, _Written(path), compression_type)

    def open(self, path: str, mime_type: str = "", compression_type: str = AUTO) -> Any:
        return self._open(path, gfile.GFile(path, "rb"), compression_type)

    def _open(self, path: str, file: Any, compression_type: str) -> Any:
        kind = self._get_compression_type(path, compression_type)
        if kind == filesystem.CompressionTypes.UNCOMPRESSED:
            return file
        return filesystem.CompressedFile(file, kind)

    def copy(self, source_file_names: Sequence[str], destination_file_names: Sequence[str]) -> None:
        for source, target in zip(source_file_names, destination_file_names, strict=True):
            gfile.copy(source, target, overwrite=True)

    def rename(
        self, source_file_names: Sequence[str], destination_file_names: Sequence[str]
    ) -> None:
        for source, target in zip(source_file_names, destination_file_names, strict=True):
            gfile.rename(source, target, overwrite=True)

    def exists(self, path: str) -> bool:
        return bool(gfile.exists(path))

    def size(self, path: str) -> int:
        return int(gfile.stat(path).length)

    def last_updated(self, path: str) -> float:
        return 0.0

    def metadata(self, path: str) -> filesystem.FileMetadata:
        return filesystem.FileMetadata(path, self.size(path))

    def delete(self, paths: Sequence[str]) -> None:
        for path in paths:
            (gfile.rmtree if gfile.isdir(path) else gfile.remove)(path)


def execute(
    node: base_node.BaseNode, made: Mapping[tuple[str, str], list[Any]], folder: RemotePath
) -> dict[tuple[str, str], list[Any]]:
    """Runs a node's executor; returns its outputs by node and name.

    Args:
      node: The node.
      made: The outputs of the nodes before; what is not there was not found.
      folder: Where its outputs go.
    """
    inputs = {
        key: made.get((channel.producer_component_id, channel.output_key), [])
        for key, channel in node.inputs.items()
    }
    outputs = {}
    for key, channel in node.outputs.items():
        artifact = channel.type()
        artifact.uri = str(folder / node.id / key)
        is_file = isinstance(artifact, value_artifact.ValueArtifact)
        gfile.makedirs(posixpath.dirname(artifact.uri) if is_file else artifact.uri)
        outputs[key] = [artifact]
    kind = node.executor_spec.executor_class
    settings: dict[str, Any] = {"tmp_dir": str(folder / "tmp"), "unique_id": "1"}
    if issubclass(kind, base_beam_executor.BaseBeamExecutor):
        settings["beam_pipeline_args"] = [NO_STAGING]
    kind(kind.Context(**settings)).Do(inputs, outputs, node.exec_properties)
    return {(node.id, key): artifacts for key, artifacts in outputs.items()}
