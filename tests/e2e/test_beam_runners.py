"""The nodes that Beam runs, by workers in processes of their own: they find what they do in memory.

One runner starts its workers itself; the other sends jobs to a service, which has them done by a
pool of workers. Nothing reaches those but by the protocol that clusters are reached by.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import re
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_data_validation as tfdv
from tfx.orchestration.local import local_dag_runner
from tfx.orchestration.pipeline import Pipeline

from components import evaluation
from components.example_gen.executor import REPORT
from data import synthetic
from data import synthetic_files
from data.readers import Format
from pipeline import dag
from pipeline import decode
from pipeline import lineage
from pipeline.evaluation import EvaluationConfig
from pipeline.evaluation import Threshold
from tests.components.example_gen.conftest import Ingestion
from tests.components.judged import judge
from tests.conftest import ROOT
from tests.e2e import portable
from tests.e2e import runs

DATA_NODES = 5
BEAM_NODES = 3
SIZES = {"train": 50, "validation": 30, "test": 30}
"""Fewer documents than sketches hold values: beyond that, they depend on how a split is divided."""
IN_MEMORY, PROCESSES, PORTABLE = "in memory", "multi_processing", "portable"
STRING, LOG = "string", ["log1p", "z_score"]
COLUMNS = [
    {"name": "intent", "scope": "context", "dtype": STRING, "transform": "vocabulary"},
    {"name": "category", "dtype": STRING, "transform": "vocabulary"},
    {"name": "clicks", "dtype": "int", "transform": LOG},
    {"name": "quality", "transform": "min_max"},
    {"name": "price", "transform": ["log1p", "bucketize"], "buckets": 4},
    {"name": "jitter"},
]


@dataclasses.dataclass(frozen=True)
class Found:
    """What the nodes wrote.

    Attributes:
      report: What ExampleGen counted.
      refused: What it refused.
      examples: The examples of each split, in an order of their own.
      statistics: The statistics of each split, as text, but for the last digits of sums.
      assets: The files beside the transform graph.
      transformed: The transformed examples of each split, in an order of their own.
    """

    report: dict[str, int]
    refused: list[str]
    examples: dict[str, list[bytes]]
    statistics: dict[str, str]
    assets: dict[str, str]
    transformed: dict[str, list[tf.train.Example]]


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generated lists in several files, and one record that is none."""
    folder = tmp_path_factory.mktemp("beam") / "logs"
    synthetic_files.write(synthetic.Synthetic(**SIZES), folder)
    with tf.io.TFRecordWriter(str(folder / "train" / "bad.tfrecord.gz"), "GZIP") as writer:
        writer.write(b"no list")
    return folder


@dataclasses.dataclass(frozen=True)
class Runners:
    """The options of each runner, and the logs of what it needs."""

    options: dict[str, tuple[str, ...]]
    logs: Path

    @contextlib.contextmanager
    def use(self, runner: str) -> Iterator[tuple[str, ...]]:
        """Yields a runner's options; shows the logs where it fails."""
        with portable.shown(self.logs):
            yield self.options[runner]


@pytest.fixture(scope="session")
def runners(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runners]:
    """All runners; their workers find the project as one that is installed."""
    folder = tmp_path_factory.mktemp("services")
    processes = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        with portable.services(folder) as service:
            yield Runners({IN_MEMORY: (), PROCESSES: processes, PORTABLE: service}, folder)


Run = Callable[[str], Found]


@pytest.fixture(scope="module")
def run(logs: Path, runners: Runners, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs the nodes up to Transform on a runner, once."""
    done: dict[str, Found] = {}

    def once(runner: str) -> Found:
        if runner not in done:
            folder = tmp_path_factory.mktemp("run")
            with runners.use(runner) as options:
                done[runner] = _run(folder, logs, options)
        return done[runner]

    return once


def _run(folder: Path, logs: Path, options: tuple[str, ...]) -> Found:
    file = runs.write_config(
        folder,
        generate=False,
        examples={"base": str(logs), "max_bad_share": 0.1},
        features={"columns": COLUMNS},
        evaluation={"slices": []},
        beam={"args": list(options)},
    )
    config = decode.load(str(file))
    whole = dag.create_pipeline(config)
    pipeline = Pipeline(
        pipeline_name=config.pipeline.name,
        pipeline_root=whole.pipeline_info.pipeline_root,
        components=dag.create_nodes(config)[:DATA_NODES],
        metadata_connection_config=whole.metadata_connection_config,
    )
    local_dag_runner.LocalDagRunner().run(pipeline)
    nodes = lineage.outputs(config)
    examples = Path(nodes["RankingExampleGen"]["examples"].uri)
    transform = nodes["Transform"]
    statistics = Path(nodes["StatisticsGen"]["statistics"].uri)
    assets = Path(transform["transform_graph"].uri, "transform_fn", "assets")
    return Found(
        json.loads((examples / REPORT).read_text()),
        sorted(line for file in examples.glob("refused*") for line in file.open()),
        {name: sorted(map(_bytes, found)) for name, found in _examples(examples).items()},
        {
            path.name: _rounded(str(tfdv.load_stats_binary(str(path / "FeatureStats.pb"))))
            for path in statistics.iterdir()
        },
        {path.name: path.read_text() for path in assets.iterdir()},
        {
            name: sorted(found, key=_place)
            for name, found in _examples(Path(transform["transformed_examples"].uri)).items()
        },
    )


def _rounded(text: str) -> str:
    return re.sub(r"\d+\.\d+(e[-+]\d+)?", lambda number: f"{float(number[0]):.9g}", text)


def _examples(artifact: Path) -> dict[str, list[tf.train.Example]]:
    return {
        split.name: [
            tf.train.Example.FromString(record)
            for record in tf.data.TFRecordDataset(
                sorted(map(str, split.iterdir())), "GZIP"
            ).as_numpy_iterator()
        ]
        for split in artifact.glob("Split-*")
    }


def _bytes(example: tf.train.Example) -> bytes:
    return bytes(example.SerializeToString(deterministic=True))


def _ids(example: tf.train.Example) -> dict[str, list[int]]:
    found = example.features.feature.items()
    return {name: list(f.int64_list.value) for name, f in sorted(found) if f.HasField("int64_list")}


def _numbers(example: tf.train.Example) -> dict[str, list[float]]:
    found = example.features.feature.items()
    return {name: list(f.float_list.value) for name, f in sorted(found) if f.HasField("float_list")}


def _place(example: tf.train.Example) -> list[list[int]]:
    return list(_ids(example).values())


@pytest.fixture(params=[PROCESSES, PORTABLE])
def runner(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_example_gen(run: Run, runner: str) -> None:
    expected, found = run(IN_MEMORY), run(runner)
    sizes = {name: len(records) for name, records in expected.examples.items()}
    assert sizes == {f"Split-{split}": size for split, size in SIZES.items()}
    assert found.examples == expected.examples


def test_a_job_has_two_workers_of_the_pool(run: Run, runners: Runners) -> None:
    run(PORTABLE)
    assert portable.started(runners.logs) >= 2 * BEAM_NODES


def test_counters_and_refusals(run: Run, runner: str) -> None:
    expected, found = run(IN_MEMORY), run(runner)
    assert (expected.report["lists"], expected.report["refused"]) == (sum(SIZES.values()), 1)
    assert len(expected.refused) == 1
    assert (found.report, found.refused) == (expected.report, expected.refused)


def test_statistics_gen(run: Run, runner: str) -> None:
    expected, found = run(IN_MEMORY), run(runner)
    assert len(expected.statistics) == 3
    assert found.statistics == expected.statistics


def test_transform(run: Run, runner: str) -> None:
    expected, found = run(IN_MEMORY), run(runner)
    assert set(expected.assets) == {"vocabulary_intent", "vocabulary_category"}
    assert found.assets == expected.assets
    for split, examples in expected.transformed.items():
        places = list(map(_place, examples))
        assert all(one < other for one, other in itertools.pairwise(places))
        for one, other in zip(examples, found.transformed[split], strict=True):
            assert _ids(one) == _ids(other)
            numbers = _numbers(other)
            for name, values in _numbers(one).items():
                np.testing.assert_allclose(numbers[name], values, 1e-5, 1e-6, err_msg=name)


@pytest.fixture(scope="module")
def metrics(
    runners: Runners, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], list[evaluation.Slice]]:
    """Has a model judged on a runner."""
    config = EvaluationConfig(
        {"ndcg@10": Threshold(at_least=0.1)},
        ("ndcg@10", "mrr@10", "map", "arp"),
        slices=("device",),
        min_lists=2,
    )

    def judged(runner: str) -> list[evaluation.Slice]:
        folder = tmp_path_factory.mktemp("evaluation") / "run"
        with runners.use(runner) as options:
            uri = judge(folder, config, factor=1.0, options=options).uri
        return sorted(evaluation.slices(uri), key=lambda found: sorted(found.key.items()))

    return judged


def test_evaluator(metrics: Callable[[str], list[evaluation.Slice]]) -> None:
    expected = metrics(IN_MEMORY)
    assert len(expected) == 3
    for runner in (PROCESSES, PORTABLE):
        for one, other in zip(expected, metrics(runner), strict=True):
            assert one.key == other.key
            assert one.values == pytest.approx(other.values, abs=1e-9)
            for name, ends in one.bounds.items():
                assert ends == pytest.approx(other.bounds[name], abs=1e-9), name


def test_a_bad_record_stops_the_run_in_one_line(
    runners: Runners, runner: str, tmp_path: Path
) -> None:
    header = "query,label,x,age\n"
    train, validation = f"{header}a,1,0.5,3\na,0,cheap,3\n", f"{header}b,1,1,1\n"
    files = {"train.csv": train, "validation.csv": validation}
    with runners.use(runner) as options:
        options = (*options, "--direct_num_workers=1")  # each imports for 10 s what one needs
        found = Ingestion(tmp_path, options).error(files, format=Format.CSV)
    assert found == "train.csv: row 2: column 'x': found 'cheap', expected a number"
