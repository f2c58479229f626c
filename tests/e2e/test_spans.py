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


def config_for(folder: Path, pattern: str, span: str) -> Path:
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
        ("{SPAN}", ["1", "2"], "", ["2"]),
        ("{SPAN}", ["1", "2"], "1", ["1"]),
        ("{SPAN}/v{VERSION}", ["1/v1", "2/v1", "2/v3"], "", ["2/v3"]),
        ("{YYYY}-{MM}-{DD}", ["2026-01-30", "2026-02-01"], "", ["2026-02-01"]),
        ("{SPAN}", ["1", "2", "3", "4"], "1, 3..4", ["1", "3", "4"]),
    ],
    ids=["newest", "chosen", "version", "date", "several"],
)
def test_span_is_read(
    tmp_path: Path, pattern: str, folders: list[str], span: str, expected: list[str]
) -> None:
    for folder in folders:
        for split in ("train", "validation"):
            write_rows(tmp_path / "logs" / folder / split, f"list-{folder}-{split}")
    config = decode.load(str(config_for(tmp_path, pattern, span)))
    (tmp_path / "run").mkdir()
    examples = stored(ingest(config, tmp_path / "run"), "train")
    found = sorted(example[example.index(b"list-") :].split(b"\n")[0] for example in examples)
    assert len(found) == len(expected)
    for example, folder in zip(found, expected, strict=True):
        assert example.startswith(f"list-{folder}-train".encode())


def test_rows_with_one_id_in_two_spans_are_two_lists(tmp_path: Path) -> None:
    for folder in ("1", "2"):
        for split in ("train", "validation"):
            write_rows(tmp_path / "logs" / folder / split, f"list-{split}")
    config = decode.load(str(config_for(tmp_path, "{SPAN}", "1..2")))
    (tmp_path / "run").mkdir()
    assert len(stored(ingest(config, tmp_path / "run"), "train")) == 2
