"""Artifacts as the first nodes leave them, for the nodes that read them."""

from __future__ import annotations

import json
from pathlib import Path

import tensorflow as tf
from google.protobuf import text_format
from tfx.types import standard_artifacts

from data import schema as schema_lib
from data.features import FeatureSpec
from data.lists import Lists
from tests.samples import SPEC
from tests.samples import stored


def examples_in(
    folder: Path, spec: FeatureSpec = SPEC, **splits: Lists
) -> standard_artifacts.Examples:
    """Writes splits as ExampleGen does."""
    for name, found in splits.items():
        (folder / f"Split-{name}").mkdir(parents=True)
        with tf.io.TFRecordWriter(str(folder / f"Split-{name}" / "lists.gz"), "GZIP") as writer:
            for record in stored(found, spec):
                writer.write(record)
    artifact = standard_artifacts.Examples()
    artifact.uri, artifact.split_names = str(folder), json.dumps(sorted(splits))
    return artifact


def schema_in(folder: Path, spec: FeatureSpec = SPEC) -> standard_artifacts.Schema:
    """Writes the schema of a feature spec."""
    folder.mkdir()
    text = text_format.MessageToString(schema_lib.render(spec))
    (folder / "schema.pbtxt").write_text(text)
    artifact = standard_artifacts.Schema()
    artifact.uri = str(folder)
    return artifact
