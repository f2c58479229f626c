"""The model of one day goes on from that of the day before, through the whole pipeline."""

from __future__ import annotations

from pathlib import Path

from components import baseline
from components import trainer
from data.synthetic import Synthetic
from data.synthetic_files import write
from pipeline import decode
from pipeline import lineage
from tests.e2e import runs


def generated(folder: Path, span: int, lists: int) -> None:
    """Writes the lists of a day; another number gives other ones of the same world."""
    write(Synthetic(train=lists, validation=80, test=80), folder / "logs" / str(span))


def test_the_second_day_goes_on_from_the_first_model(tmp_path: Path) -> None:
    splits = {name: f"{{SPAN}}/{name}/*" for name in ("train", "validation", "test")}
    config = runs.write_config(
        tmp_path,
        generate=False,
        examples={"splits": splits},
        train={"epochs": 3, "warm_start": {"new_rows": "unknown"}},
        evaluation={"thresholds": {"ndcg@10": {"at_least": 0.5}}},
    )
    versions = [baseline.NONE]
    for span, lists in ((1, 300), (2, 320)):
        generated(tmp_path, span, lists)
        ran = runs.command("run", "--config", str(config))
        assert ran.status == 0, ran.output + ran.errors
        found = lineage.outputs(decode.load(str(config)))
        base = found["WarmStartModel"]["model"].custom_properties[baseline.VERSION]
        assert base.string_value == versions[-1]
        said = found["Trainer"]["model"].custom_properties[trainer.WARM_START].string_value
        if span == 1:
            assert said == "fresh: no model is published"
        else:
            assert said.startswith(f"from version {versions[-1]}: ")
            assert said.endswith(" retired")
        pushed = found["Pusher"]["pushed_model"].custom_properties["pushed_version"]
        versions.append(pushed.string_value)
    assert len(set(versions)) == 3
