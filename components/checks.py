"""The node that asks an exported model, in process, what a model server would be asked.

TFX's InfraValidator needs a container of the server; this node needs none, and compares answers.
"""

import itertools

from tfx.dsl.component.experimental import annotations
from tfx.dsl.component.experimental import decorators
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from data import dataset
from data import logged
from data import plain
from data import storage
from models import checks

RESULT = "checks.json"
"""The file with the `models.checks.Result`."""
BLESSED = "blessed"
"""The property with the verdict, 1 or 0, where TFX's Pusher looks for it."""
LONGEST_REASONS = 1000
"""The characters of the reasons that ML Metadata has; the file has all."""


@decorators.component
def ServingChecks(  # noqa: N802  TFX names components like classes
    model: annotations.InputArtifact[standard_artifacts.Model],
    examples: annotations.InputArtifact[standard_artifacts.Examples],
    blessing: annotations.OutputArtifact[standard_artifacts.InfraBlessing],
    split: annotations.Parameter[str],
    settings: annotations.Parameter[str],
    requests: annotations.Parameter[str],
    logged_files: annotations.Parameter[str],
    code: annotations.Parameter[str],
) -> None:
    """Checks a model, and blesses it if nothing is wrong.

    Args:
      model: The model.
      examples: The lists that it is asked about.
      blessing: The verdict, with what was found and measured.
      split: The split whose first lists are taken.
      settings: A `models.checks.ChecksConfig` as JSON.
      requests: A pattern of files with logged requests; empty: none are asked.
      logged_files: What tells these files from others, for the cache.
      code: A hash of the code, for the cache.
    """
    del code, logged_files
    config = plain.from_json(checks.ChecksConfig, settings)
    files = sorted(fileio.glob(f"{artifact_utils.get_split_uri([examples], split)}/*"))
    lists = itertools.islice(dataset.read(files).as_numpy_iterator(), config.lists)
    folder = storage.at(path_utils.serving_model_path(model.uri))
    asked = logged.files(requests, required=False) if requests else []
    result = checks.check(folder, list(lists), config, asked)
    storage.at(blessing.uri).mkdir(parents=True, exist_ok=True)
    storage.replace_text(storage.at(blessing.uri) / RESULT, plain.to_json(result))
    blessing.set_int_custom_property(BLESSED, int(not result.failures))
    for name, text in described(result).items():
        blessing.set_string_custom_property(name, text)


def described(result: checks.Result) -> dict[str, str]:
    """Returns what ML Metadata is to know of a result."""
    return {
        "reasons": "; ".join(result.failures)[:LONGEST_REASONS],
        "skipped": "; ".join(f"{name}: {reason}" for name, reason in result.skipped.items()),
        "lists": str(result.lists),
        "logged_requests": str(result.logged or ""),
        "p50_ms": ", ".join(f"{t.documents}: {t.p50_ms:g}" for t in result.latencies),
        "p99_ms": ", ".join(f"{t.documents}: {t.p99_ms:g}" for t in result.latencies),
        "size_mb": f"{result.size_mb:g}",
        "memory_mb": f"{result.memory_mb:g}",
    }


def read(uri: str) -> checks.Result:
    """Returns the result in the folder of a blessing."""
    text = (storage.at(uri) / RESULT).read_text(encoding="utf-8")
    return plain.from_json(checks.Result, text)
