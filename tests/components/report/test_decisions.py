"""Decisions in the words of the properties that nodes leave in ML Metadata."""

from __future__ import annotations

from ml_metadata.proto import metadata_store_pb2 as mlmd
from tfx.types import standard_artifacts

from components.report import decisions
from components.report.facts import Decision
from components.report.facts import Origin


def artifact(uri: str = "", **properties: str | int | float) -> mlmd.Artifact:
    found = mlmd.Artifact(uri=uri)
    for name, value in properties.items():
        kinds = {str: "string_value", int: "int_value", float: "double_value"}
        setattr(found.custom_properties[name], kinds[type(value)], value)
    return found


def test_a_cluster_hands_properties_on_as_structs() -> None:
    pushed = standard_artifacts.PushedModel()
    for name, value in (("pushed", 1.0), ("pushed_version", "17"), ("note", None)):
        pushed.set_json_value_custom_property(name, value)
    assert decisions.properties(pushed.mlmd_artifact) == {"pushed": "1", "pushed_version": "17"}


def test_a_published_model() -> None:
    pushed = artifact(
        tfx_version="1.15.1",
        pushed=1,
        pushed_version="17",
        pushed_destination="models/17",
        unchanged="no",
    )
    examples = artifact("examples/2", span=7, version=2, file_format="tfrecords_gzip")
    found = {
        "RankingExampleGen": {"examples": examples},
        "ExampleValidator": {"anomalies": artifact(is_external=0)},
        "Trainer": {"model": artifact("model/7"), "model_run": artifact()},
        "LatestBlessedModel": {"model": artifact(version="16")},
        "Evaluator": {"blessing": artifact(blessed=1, lists=200), "evaluation": artifact()},
        "Pusher": {"pushed_model": pushed},
    }
    assert list(decisions.decisions(found)) == [
        Decision("RankingExampleGen", "read span 7 (version 2)"),
        Decision("ExampleValidator", "the examples fit the schema", True),
        Decision("Trainer", "trained from the start"),
        Decision("LatestBlessedModel", "version 16 was served: the model to compare with"),
        Decision("Evaluator", "blessed: every threshold holds", True, ("lists: 200",)),
        Decision("Pusher", "published as version 17", True, ("models/17",)),
    ]
    assert decisions.outcome(found) == ("published", "17")
    assert list(decisions.lineage(found)) == [
        Origin("logs", "span 7 (version 2)"),
        Origin("examples", "examples/2"),
        Origin("model", "model/7"),
        Origin("evaluation", ""),
        Origin("compared with version", "16"),
        Origin("published version", "17"),
    ]


def test_what_examples_were_compared_with() -> None:
    found = {
        "ExampleValidator": {
            "anomalies": artifact(compared="2 figures with ...: all as allowed", evidence="a\nb")
        }
    }
    text = "the examples fit the schema; 2 figures with ...: all as allowed"
    assert list(decisions.decisions(found)) == [
        Decision("ExampleValidator", text, True, ("a", "b"))
    ]


def test_a_refused_model_with_reasons() -> None:
    reasons = ["ndcg@10: found 0.1", "mrr: found 0.2"]
    found = {
        "LatestBlessedModel": {"model": artifact(version="none")},
        "Evaluator": {"blessing": artifact(blessed=0.0, reasons="\n".join(reasons))},
        "Pusher": {"pushed_model": artifact(pushed=0.0)},  # clusters know no integers
    }
    assert list(decisions.decisions(found)) == [
        Decision("LatestBlessedModel", "no version was served: nothing to compare with"),
        Decision("Evaluator", "not blessed", False, tuple(reasons)),
        Decision("Pusher", "not published", False),
    ]
    assert decisions.outcome(found) == ("refused", "")


def test_a_canary_is_told_with_its_share() -> None:
    pushed = artifact(
        pushed=1, pushed_version="17", pushed_destination="m/17", canary="0.05", removed="11, 12"
    )
    (decision,) = decisions.decisions({"Pusher": {"pushed_model": pushed}})
    assert decision.text == "published as version 17, a canary for 5 % of requests"
    assert decision.details == ("m/17", "removed: 11, 12")


def test_the_same_model_is_not_published_again() -> None:
    pushed = artifact(pushed=1, pushed_version="17", unchanged="yes", pushed_destination="m/17")
    found = {"Pusher": {"pushed_model": pushed}}
    (decision,) = decisions.decisions(found)
    assert decision == Decision("Pusher", "not published again: version 17 is this model")
    assert decisions.outcome(found) == ("unchanged", "17")


def test_what_other_nodes_wrote_down_is_told_as_it_is() -> None:
    found = {
        "ServingChecks": {"blessing": artifact(blessed=0, reasons="slow", p99_ms="31")},
        "LambdaMart": {"trees": artifact(trees=40)},
        "Transform": {"transform_graph": artifact(tfx_version="1.15.1")},
    }
    assert list(decisions.decisions(found)) == [
        Decision("ServingChecks", "what is served failed a check", False, ("slow", "p99 ms: 31")),
        Decision("LambdaMart", "done", None, ("trees: 40",)),
    ]
    assert decisions.outcome(found) == ("unfinished", "")


def test_sentences_of_the_nodes_own() -> None:
    examples = artifact(plan="2 new spans", spans="[[3, 1], [4, 2]]", span=4)
    model = artifact(warm_start="from version 16")
    found = {
        "RankingExampleGen": {"examples": examples},
        "Tuner": {"tuner_results": artifact(chosen="trial 2 of 9: train.epochs = 3")},
        "Trainer": {"model": model},
    }
    assert list(decisions.decisions(found)) == [
        Decision(
            "RankingExampleGen", "read spans 3 (version 1), 4 (version 2)", None, ("2 new spans",)
        ),
        Decision("Tuner", "trial 2 of 9: train.epochs = 3"),
        Decision("Trainer", "from version 16"),
    ]
    assert next(decisions.lineage(found)).text == "spans 3 (version 1), 4 (version 2)"


def test_files_behind_a_split() -> None:
    told = "split:train,num_files:2,total_bytes:1026249,xor_checksum:0,sum_checksum:3"
    found = {"RankingExampleGen": {"examples": artifact("e", input_fingerprint=told)}}
    assert list(decisions.lineage(found))[:2] == [
        Origin("logs", "all files"),
        Origin("split pattern 'train'", "2 files, 1,026,249 bytes"),
    ]
