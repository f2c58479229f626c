"""What each node decided, as the properties of its artifacts in ML Metadata tell it."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping

from google.protobuf import json_format
from ml_metadata.proto import metadata_store_pb2 as mlmd

from components import baseline
from components.drift import COMPARED
from components.pusher import CANARY
from components.pusher import UNCHANGED
from components.report.facts import Decision
from components.report.facts import Origin
from components.tuner import CHOSEN

Found = Mapping[str, Mapping[str, mlmd.Artifact]]
"""The artifacts of a run, by node and by the name of the output."""
Properties = dict[str, str]

_LINES = ("reasons", "evidence", "notes")
"""Properties with sentences, a line each."""
_OF_TFX = frozenset(
    {"tfx_version", "is_external", "payload_format", "file_format", "stats_dashboard_link"}
    | {"name", "state", "type_name", "producer_component", "pipeline_name", "split_names"}
    | {"current_model", "current_model_id", "baseline_model", "baseline_model_id", "pushed"}
    | {"__is_null__", "span"}
)
"""Properties that say where things are, which the lineage shows, or nothing of interest."""


def properties(artifact: mlmd.Artifact) -> Properties:
    """Returns the properties of an artifact as texts, custom ones and those of its type."""
    found = {}
    for values in (artifact.properties, artifact.custom_properties):
        for name, value in values.items():
            content = _content(value)
            if isinstance(content, (int, float, str)):
                whole = isinstance(content, float) and content.is_integer()
                found[name] = str(int(content) if whole else content)  # clusters know no integers
    return found


def _content(value: mlmd.Value) -> object:
    """Returns the value; on a cluster each custom property comes as a struct of one field."""
    kind = value.WhichOneof("value")
    if kind == "struct_value":
        return json_format.MessageToDict(value.struct_value).get("__value__")
    return getattr(value, kind) if kind else None


def decisions(found: Found) -> Iterator[Decision]:
    """Yields what was decided, in the order of the nodes."""
    for node, artifacts in found.items():
        told: Properties = {}
        for artifact in artifacts.values():
            told |= properties(artifact)
        describe = _BY_NODE.get(node)
        if describe is not None:
            yield describe(told)
        elif any(name not in _OF_TFX for name in told):
            yield _other(node, told)


def _details(told: Properties, *known: str) -> tuple[str, ...]:
    """Returns the reasons, then all properties that are neither TFX's own nor known already."""
    lines = [line for name in _LINES for line in told.get(name, "").splitlines()]
    rest = [name for name in told if name not in {*known, *_OF_TFX, *_LINES} and told[name]]
    return (*lines, *(f"{name.replace('_', ' ')}: {told[name]}" for name in rest))


def spans(told: Properties) -> str:
    """Returns the spans of logs that were read; empty where logs have none.

    >>> spans({"spans": "[[3, 0], [4, 2]]"}), spans({"span": "7", "version": "2"})
    ('spans 3, 4 (version 2)', 'span 7 (version 2)')
    """
    read = [tuple(map(int, pair)) for pair in json.loads(told.get("spans") or "[]")]
    if not read and told.get("span", "0") != "0":
        read = [(int(told["span"]), int(told.get("version", "0")))]
    texts = [f"{span} (version {version})" if version else f"{span}" for span, version in read]
    return f"span{'s' * (len(texts) > 1)} {', '.join(texts)}" if texts else ""


_LOGS = ("plan", "span", "spans", "version", "input_fingerprint")


def _ingested(told: Properties) -> Decision:
    plan = (told["plan"],) if told.get("plan") else ()
    text = f"read {spans(told) or 'all logs'}"
    return Decision("RankingExampleGen", text, None, (*plan, *_details(told, *_LOGS)))


def _validated(told: Properties) -> Decision:
    text = "the examples fit the schema"
    if compared := told.get(COMPARED):
        text += f"; {compared}"
    return Decision("ExampleValidator", text, True, _details(told, COMPARED))


def _searched(told: Properties) -> Decision:
    return Decision("Tuner", told.get(CHOSEN, "searched"), None, _details(told, CHOSEN))


def _trained(told: Properties) -> Decision:
    text = told.get("warm_start") or "trained from the start"
    return Decision("Trainer", text, None, _details(told, "warm_start"))


def _looked_up(told: Properties) -> Decision:
    version = told.get(baseline.VERSION, baseline.NONE)
    text = f"version {version} was served: the model to compare with"
    if version == baseline.NONE:
        text = "no version was served: nothing to compare with"
    return Decision("LatestBlessedModel", text, None, _details(told, baseline.VERSION))


def _judged(told: Properties) -> Decision:
    blessed = told.get("blessed") == "1"
    text = "blessed: every threshold holds" if blessed else "not blessed"
    return Decision("Evaluator", text, blessed, _details(told, "blessed"))


def _checked(told: Properties) -> Decision:
    passed = told.get("blessed") == "1"
    text = "what is served passed every check" if passed else "what is served failed a check"
    return Decision("ServingChecks", text, passed, _details(told, "blessed"))


def _pushed(told: Properties) -> Decision:
    node, known = "Pusher", ("pushed_version", "pushed_destination", UNCHANGED, CANARY)
    details = _details(told, *known)
    if told.get("pushed") != "1":
        return Decision(node, "not published", False, details)
    version = told["pushed_version"]
    if told.get(UNCHANGED) == "yes":
        return Decision(
            node, f"not published again: version {version} is this model", None, details
        )
    text = f"published as version {version}"
    if share := float(told.get(CANARY) or 0):
        text += f", a canary for {100 * share:.4g} % of requests"
    return Decision(node, text, True, (told["pushed_destination"], *details))


def _other(node: str, told: Properties) -> Decision:
    good = {"1": True, "0": False}.get(told.get("blessed", ""))
    text = {True: "passed", False: "refused", None: "done"}[good]
    return Decision(node, text, good, _details(told, "blessed"))


_BY_NODE: Mapping[str, Callable[[Properties], Decision]] = {
    "RankingExampleGen": _ingested,
    "ExampleValidator": _validated,
    "Tuner": _searched,
    "Trainer": _trained,
    "LatestBlessedModel": _looked_up,
    "Evaluator": _judged,
    "ServingChecks": _checked,
    "Pusher": _pushed,
}


def outcome(found: Found) -> tuple[str, str]:
    """Returns what came of a run, as `RunFacts.outcome` says it, and the version."""
    if "pushed_model" not in found.get("Pusher", {}):
        return "unfinished", ""
    told = properties(found["Pusher"]["pushed_model"])
    if told.get("pushed") != "1":
        return "refused", ""
    return "unchanged" if told.get(UNCHANGED) == "yes" else "published", told["pushed_version"]


def lineage(found: Found) -> Iterator[Origin]:
    """Yields the links from the logs to the published version."""
    if examples := found.get("RankingExampleGen", {}).get("examples"):
        told = properties(examples)
        yield Origin("logs", spans(told) or "all files")
        for line in told.get("input_fingerprint", "").splitlines():
            parts = dict(part.split(":", 1) for part in line.split(",") if ":" in part)
            if {"split", "num_files", "total_bytes"} <= parts.keys():
                size = f"{int(parts['num_files']):,} files, {int(parts['total_bytes']):,} bytes"
                yield Origin(f"split pattern '{parts['split']}'", size)
    for name, node, output in _LINKS:
        if artifact := found.get(node, {}).get(output):
            yield Origin(name, artifact.uri)
    if before := found.get("LatestBlessedModel", {}).get("model"):
        yield Origin("compared with version", properties(before).get(baseline.VERSION, ""))
    what, version = outcome(found)
    if version:
        yield Origin(f"{what} version", version)


_LINKS = (
    ("examples", "RankingExampleGen", "examples"),
    ("transform graph", "Transform", "transform_graph"),
    ("model", "Trainer", "model"),
    ("evaluation", "Evaluator", "evaluation"),
)
