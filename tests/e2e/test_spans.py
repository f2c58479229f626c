"""Spans and versions of logs: the newest one is read, unless another is asked for."""

from pathlib import Path

import pytest

from pipeline import decode
from tests.e2e import runs
from tests.e2e.test_samples import ingest
from tests.e2e.test_samples import stored


def write_rows(path: Path, list_id: str) -> None:
    path.mkdir(parents=True)
    rows = "".join(f"{list_id},{grade},{grade}.5\n" for grade in range(3))
    (path / "rows.csv").write_text("query,grade,price\n" + rows)


def config_for(folder: Path, pattern: str, span: int) -> Path:
    table: dict[str, object] = {
        "pipeline": {"name": "spans", "root": str(folder / "run")},
        "examples": {
            "format": "csv",
            "base": str(folder / "logs"),
            "splits": {"train": f"{pattern}/train/*", "validation": f"{pattern}/validation/*"},
            "span": span,
        },
        "features": {"label": "grade", "list_id": "query", "columns": [{"name": "price"}]},
        "model": {"family": "dnn"},
        "train": {"epochs": 1},
        "evaluation": {"thresholds": {"ndcg@10": {"at_least": 0.1}}},
        "push": {"base": str(folder / "models")},
    }
    path = folder / "spans.toml"
    path.write_text(runs.to_toml(table))
    return path


@pytest.mark.parametrize(
    ("pattern", "folders", "span", "expected"),
    [
        ("{SPAN}", ["1", "2"], 0, "2"),
        ("{SPAN}", ["1", "2"], 1, "1"),
        ("{SPAN}/v{VERSION}", ["1/v1", "2/v1", "2/v3"], 0, "2/v3"),
        ("{YYYY}-{MM}-{DD}", ["2026-01-30", "2026-02-01"], 0, "2026-02-01"),
    ],
    ids=["newest", "chosen", "version", "date"],
)
def test_span_is_read(
    tmp_path: Path, pattern: str, folders: list[str], span: int, expected: str
) -> None:
    for folder in folders:
        for split in ("train", "validation"):
            write_rows(tmp_path / "logs" / folder / split, f"{folder}-{split}")
    config = decode.load(str(config_for(tmp_path, pattern, span)))
    (tmp_path / "run").mkdir()
    (example,) = stored(ingest(config, tmp_path / "run"), "train")
    assert f"{expected}-train".encode() in example
