"""The node that finds the latest blessed model: the newest published version.

TFX's resolver asks ML Metadata, which open-source Kubeflow Pipelines does not do for it, and knows
nothing of a rollback. The version that is served is that model, and every engine finds it. A canary
is not: it is on trial, and a new model must not be compared with what may be dropped tomorrow.
"""

from typing import Any

from tfx.dsl.component.experimental import annotations
from tfx.dsl.component.experimental import decorators
from tfx.dsl.io import fileio
from tfx.types import standard_artifacts
from tfx.utils import io_utils
from tfx.utils import path_utils

from data import storage
from models import switching
from models import versions

VERSION = "version"
"""The property of the found model that says which version it is; `NONE` where there is none."""
NONE = "none"


@decorators.component
def LatestBlessedModel(  # noqa: N802  TFX names components like classes
    model: annotations.OutputArtifact[standard_artifacts.Model],
    base: annotations.Parameter[str],
    newest: annotations.Parameter[str],
) -> None:
    """Copies the newest version, so that what was compared stays with the run.

    Args:
      model: The copy; empty where no version was published.
      base: The folder of published models.
      newest: What a local run found there before it began, for the cache.
    """
    del newest
    found = latest(base)
    model.set_string_custom_property(VERSION, str(found.version) if found else NONE)
    if found is None:
        fileio.makedirs(model.uri)
    else:
        io_utils.copy_dir(str(found.path), path_utils.serving_model_path(model.uri))


def latest(base: str) -> versions.Version | None:
    """Returns the version that is served, None where none is."""
    return switching.current(versions.versions(storage.at(base)))[0]


def seen(base: str) -> str:
    """Returns what changes where a version is published, promoted, dropped or rolled back."""
    found = switching.current(versions.versions(storage.at(base)))
    return " ".join(str(version.version) for version in found if version)


def is_none(model: Any) -> bool:
    """Tells of a model of this node whether it stands for none."""
    return bool(model.get_string_custom_property(VERSION) == NONE)
