"""The node: what it hands to the collecting of facts, and the file it writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.report import collect
from components.report import pages
from components.report.component import Html
from pipeline import dag
from pipeline import decode
from tests.components.report import made_up


def test_the_page_is_a_file_of_what_all_nodes_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = decode.load("synthetic")
    node = next(node for node in dag.create_nodes(config) if node.id == "RunReport")
    inputs = {}
    for name, channel in node.inputs.items():
        artifact = channel.type()
        artifact.uri = f"{channel.producer_component_id}/{channel.output_key}"
        inputs[name] = [artifact]
    page = Html()
    page.uri = str(tmp_path / "value")
    seen: dict[str, Any] = {}

    def facts(found: Any, settings: Any) -> Any:
        seen.update(found=found, settings=settings)
        return made_up.run()

    monkeypatch.setattr(collect, "facts", facts)
    node.executor_spec.executor_class().Do(inputs, {"report": [page]}, dict(node.exec_properties))
    assert pages.read(Path(page.uri).read_text(), page.uri) == made_up.run()
    assert seen["settings"] == dag.report_settings(config)
    uris = {
        f"{name}/{output}": artifact.uri
        for name, artifacts in seen["found"].items()
        for output, artifact in artifacts.items()
    }
    assert uris == {where: where for where in uris}
    assert set(uris.values()) == {artifact.uri for [artifact] in inputs.values()}
