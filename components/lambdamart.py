"""The node that trains the trees which a model is held against."""

import json

import numpy as np
import tensorflow as tf
from tfx.dsl.component.experimental import annotations
from tfx.dsl.component.experimental import decorators
from tfx.types import artifact_utils
from tfx.types import standard_artifacts

from data import columnar
from data import dataset
from data import plain
from data import storage
from data.features import FeatureSpec
from models import trees as trees_lib

TREES, SPEC = "trees.txt", "features.json"
"""The files of the artifact: LightGBM's text, and the features that it reads."""
_AT_ONCE = 1024


@decorators.component
def LambdaMart(  # noqa: N802  TFX names components like classes
    examples: annotations.InputArtifact[standard_artifacts.Examples],
    trees: annotations.OutputArtifact[standard_artifacts.Model],
    spec: annotations.Parameter[str],
    training: annotations.Parameter[str],
    validation: annotations.Parameter[str],
    code: annotations.Parameter[str],
) -> None:
    """Trains LambdaMART on the raw lists, which are held in memory.

    Args:
      examples: The stored lists.
      trees: The trees.
      spec: The feature spec as JSON.
      training: The names of the splits to learn from, as JSON.
      validation: The split that tells when to stop.
      code: A fingerprint of the code, for the cache.
    """
    del code
    features = plain.from_json(FeatureSpec, spec)
    found = [part(examples, names, features) for names in (json.loads(training), [validation])]
    text = trees_lib.train(features, *found)
    folder = storage.at(trees.uri)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TREES).write_text(text)
    (folder / SPEC).write_text(spec)


def part(
    examples: standard_artifacts.Examples, splits: list[str], spec: FeatureSpec
) -> trees_lib.Part:
    """Reads all lists of some splits."""
    files = [
        path
        for split in splits
        for path in tf.io.gfile.glob(f"{artifact_utils.get_split_uri([examples], split)}/*")
    ]
    found: dict[str, list[np.ndarray]] = {}
    sizes = []
    for batch in dataset.read(sorted(files)).batch(_AT_ONCE):
        columns = columnar.parse(batch, spec.features, labels=[spec.label])
        for name, column in columns.items():
            flat = column.flat_values if isinstance(column, tf.RaggedTensor) else column
            found.setdefault(name, []).append(flat.numpy().ravel())
        sizes.append(columns[spec.label].row_lengths().numpy())
    whole = {name: np.concatenate(values) for name, values in found.items()}
    return trees_lib.Part(whole, whole.pop(spec.label), np.concatenate(sizes))
