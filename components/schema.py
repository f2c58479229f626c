"""The node that writes the schema, rendered from the feature spec."""

import os

from google.protobuf import text_format
from tfx.dsl.component.experimental import annotations
from tfx.dsl.component.experimental import decorators
from tfx.types import standard_artifacts
from tfx.utils import io_utils

from data import plain
from data import schema as schema_lib
from data.features import FeatureSpec


@decorators.component
def RankingSchema(  # noqa: N802  TFX names components like classes
    schema: annotations.OutputArtifact[standard_artifacts.Schema],
    spec: annotations.Parameter[str],
    code: annotations.Parameter[str],
) -> None:
    """Writes the schema of the stored lists.

    Args:
      schema: The schema, `schema.pbtxt`.
      spec: The feature spec as JSON.
      code: A fingerprint of the code, for the cache.
    """
    del code
    rendered = schema_lib.render(plain.from_json(FeatureSpec, spec))
    path = os.path.join(schema.uri, "schema.pbtxt")
    io_utils.write_string_file(path, text_format.MessageToString(rendered))
