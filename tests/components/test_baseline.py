"""The latest blessed model is the version that is served."""

from pathlib import Path

import pytest
from tfx.types import standard_artifacts

from components import baseline
from models import switching
from models import versions


def publish(base: Path, content: str) -> versions.Published:
    source = base.parent / "source"
    source.mkdir(exist_ok=True)
    (source / "saved_model.pb").write_text(content)
    return versions.publish(source, base, manifest={})


def find(base: Path, folder: Path) -> standard_artifacts.Model:
    model = standard_artifacts.Model()
    model.uri = str(folder)
    node = baseline.LatestBlessedModel(base=str(base), newest="")
    node.executor_spec.executor_class().Do({}, {"model": [model]}, dict(node.exec_properties))
    return model


def test_without_a_version_there_is_none(tmp_path: Path) -> None:
    found = find(tmp_path / "models", tmp_path / "found")
    assert baseline.is_none(found)
    assert not list((tmp_path / "found").iterdir())


@pytest.mark.parametrize("rolled_back", [False, True])
def test_the_served_version_is_copied(tmp_path: Path, rolled_back: bool) -> None:
    base = tmp_path / "models"
    published = [publish(base, content) for content in ("first", "second")]
    if rolled_back:
        switching.rollback(base)
    expected = published[0] if rolled_back else published[1]
    found = find(base, tmp_path / "found")
    assert found.get_string_custom_property(baseline.VERSION) == str(expected.version)
    assert not baseline.is_none(found)
    copied = tmp_path / "found" / "Format-Serving" / "saved_model.pb"
    assert copied.read_text() == ("first" if rolled_back else "second")
