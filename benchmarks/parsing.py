"""Parsing speed: documents per CPU second, from serialized lists to one dense padded batch.

Command:  python benchmarks/parsing.py [--lists 128] [--repeats 15]
Time:     about 35 s, most of it to make the files
Result:   us of CPU time per document, over six runs at moderate load on a 2-core machine, and how
          many times as fast as TF-Ranking:
          ELWC, TF-Ranking  11.0 to 12.9
          columnar           1.0 to 1.2    9.8 to 12.7 times (required: 8)
          transformed       0.26 to 0.36    31 to 49 times (required: 25)
          With --lists 32, a batch of 32 lists: 9.8 and 27.5 times.

The same lists, 136 float features, one string feature and a label per document and one context
feature, are parsed

* as ELWC with one key per feature, by `tfr.data.parse_from_example_list`, as TF-Ranking's users do;
* as columnar examples, the output of our ExampleGen, by `data.columnar`;
* as transformed examples, the output of our Transform (made by its `preprocessing_fn`), by
  `data.transformed`, as training does.

Each gives dense tensors for lists of 200 documents. TF-Ranking's are left one tensor per feature,
ours put the numbers into one `[lists, 200, 136]` tensor. What the first two give is compared number
by number, and the transformed numbers must be z-scores. CPU time is that of all threads of the
process, so other load matters little.
"""

# ruff: noqa: E402  the environment and the path are set before the imports

from __future__ import annotations

import argparse
import functools
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
warnings.simplefilter("ignore")  # of third parties: ours are errors in the tests

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_ranking as tfr
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tfx_bsl.coders import example_coder
from tfx_bsl.public import tfxio

from components import transform
from data import columnar
from data import elwc_writer
from data import lists as lists_lib
from data import plain
from data import schema
from data import transformed as transformed_lib
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.features import Transform
from data.transformed import TransformedSpec

LIST_SIZE = 200
SITE, LENGTH, LABEL, NUMBERS = "site", "query_length", "relevance", "numbers"
SPEC = FeatureSpec(
    (
        Feature("f*", members="1..136", transform=(Transform.LOG1P, Transform.Z_SCORE)),
        Feature(SITE, dtype=DType.STRING, transform=(Transform.HASH,), buckets=1000),
        Feature(LENGTH, scope=Scope.CONTEXT),
    ),
    label=LABEL,
)
NAMES = [f.name for f in SPEC.select(Scope.DOCUMENT, categorical=False)]
LINE = "{:17} {:>9} {:>7} {:>6} {:>6} {:>10} {:>6}"
SERIALIZED = [tf.TensorSpec([None], tf.string)]

Parse = Callable[[tf.Tensor], dict[str, tf.Tensor]]
Paths = Mapping[str, tuple[Parse, list[bytes]]]
"""What is compared: a parser and its lists."""


def generate(n_lists: int) -> lists_lib.Lists:
    """Returns lists of about 117 documents and at most 200, with log-normal values."""
    rng = np.random.default_rng(1)
    sizes = np.clip(rng.normal(117, 40, n_lists), 1, LIST_SIZE).astype(np.int64)
    n = int(sizes.sum())
    values = {name: rng.lognormal(0, 2, (n, 1)).astype(np.float32) for name in NAMES}
    values[SITE] = np.array([b"site%d" % i for i in rng.zipf(1.5, n) % 5000], object)[:, None]
    values[LENGTH] = rng.integers(1, 9, (n_lists, 1)).astype(np.float32)
    values[LABEL] = rng.integers(0, 5, (n, 1)).astype(np.float32)
    names = [str(i) for i in range(n_lists)]
    ids = [name.encode() for name in names]
    return lists_lib.Lists(ids, names, sizes, values, lists_lib.scopes(SPEC))


def run_transform(examples: Sequence[bytes], folder: Path) -> tuple[list[bytes], TransformedSpec]:
    """Returns what our Transform node writes for the columnar examples, and its shapes."""
    raw, graph, out = (str(folder / name) for name in ("raw", "graph", "out"))
    with tf.io.TFRecordWriter(raw) as writer:
        for example in examples:
            writer.write(example)
    source = tfxio.TFExampleRecord(raw, schema=schema.render(SPEC), telemetry_descriptors=[])
    function = functools.partial(
        transform.preprocessing_fn, custom_config={"spec": plain.to_json(SPEC)}
    )
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(folder / "temporary")):
        dataset = (pipeline | "Analyze" >> source.BeamSource(), source.TensorAdapterConfig())
        _ = dataset | tft_beam.AnalyzeDataset(function) | tft_beam.WriteTransformFn(graph)
    output = tft.TFTransformOutput(graph)
    coder = example_coder.RecordBatchToExamplesEncoder(output.transformed_metadata.schema)
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(folder / "temporary")):
        fitted = pipeline | tft_beam.ReadTransformFn(graph)
        dataset = (pipeline | "Apply" >> source.BeamSource(), source.TensorAdapterConfig())
        rows, _ = (dataset, fitted) | tft_beam.TransformDataset(output_record_batches=True)
        encoded = rows | beam.FlatMapTuple(lambda batch, _: coder.encode(batch))
        _ = encoded | beam.io.WriteToTFRecord(out)
    files = sorted(str(path) for path in folder.glob("out*"))
    written = list(tf.data.TFRecordDataset(files).as_numpy_iterator())
    return written, transform.transformed_spec(output, SPEC)


def tensorflow_ranking() -> Parse:
    """Returns TF-Ranking's parser of ELWC, one `[lists, 200, 1]` tensor per feature."""
    number = tf.io.FixedLenFeature([1], tf.float32, 0.0)
    documents = dict.fromkeys(NAMES, number)
    documents[SITE] = tf.io.FixedLenFeature([1], tf.string, "")
    documents[LABEL] = tf.io.FixedLenFeature([1], tf.float32, -1.0)

    @tf.function(input_signature=SERIALIZED)
    def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(
            tfr.data.parse_from_example_list(
                serialized,
                list_size=LIST_SIZE,
                context_feature_spec={LENGTH: number},
                example_feature_spec=documents,
            )
        )

    return parse


def columnar_examples() -> Parse:
    """Returns our parser of columnar examples, the numbers in one `[lists, 200, 136]` tensor."""

    @tf.function(input_signature=SERIALIZED)
    def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        columns = columnar.parse(serialized, SPEC.features, labels=[LABEL])
        rows = columnar.to_matrix([columnar.to_rows(columns[name], 1) for name in NAMES])
        return {
            NUMBERS: _padded(columnar.to_ragged(rows, columns[LABEL])),
            SITE: columnar.to_dense(columns[SITE], list_size=LIST_SIZE, padding=""),
            LABEL: columnar.to_dense(columns[LABEL], list_size=LIST_SIZE, padding=-1),
            LENGTH: columns[LENGTH],
        }

    return parse


def transformed_examples(spec: TransformedSpec) -> Parse:
    """Returns our parser of transformed examples, which gives the model's inputs."""

    @tf.function(input_signature=SERIALIZED)
    def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
        columns = transformed_lib.parse(serialized, spec)
        inputs = transformed_lib.to_model_inputs(columns, spec, list_size=LIST_SIZE)
        labels = columnar.to_dense(columns[LABEL], list_size=LIST_SIZE, padding=-1)
        return inputs | {LABEL: labels}

    return parse


def _padded(column: tf.RaggedTensor) -> tf.Tensor:
    return columnar.to_dense(column, list_size=LIST_SIZE)


def measure(paths: Paths, repeats: int) -> dict[str, list[float]]:
    """Returns the CPU seconds of each of `repeats` calls, the paths taking turns.

    The first two rounds trace and warm up; they do not count.
    """
    batches = {name: tf.constant(data) for name, (_, data) in paths.items()}
    seconds: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(repeats + 2):
        for name, (parse, _) in paths.items():
            started = time.process_time()
            parse(batches[name])
            seconds[name].append(time.process_time() - started)
    return {name: found[2:] for name, found in seconds.items()}


def check(theirs: dict[str, tf.Tensor], ours: dict[str, tf.Tensor], sizes: np.ndarray) -> None:
    """Raises AssertionError unless both parsers found the same values."""
    real = tf.sequence_mask(sizes, LIST_SIZE)
    stacked = tf.concat([theirs[name] for name in NAMES], axis=2)
    pairs = {
        NUMBERS: (stacked, ours[NUMBERS]),
        SITE: (theirs[SITE][..., 0], ours[SITE]),
        LABEL: (theirs[LABEL][..., 0], ours[LABEL]),
    }
    for a, b in pairs.values():
        np.testing.assert_array_equal(tf.boolean_mask(a, real), tf.boolean_mask(b, real))
    np.testing.assert_array_equal(theirs[LENGTH], ours[LENGTH])


def check_z_scores(inputs: dict[str, tf.Tensor], n: int) -> None:
    """Raises AssertionError unless the numbers of `n` documents have mean 0 and variance 1."""
    numbers = inputs[transformed_lib.NUMERIC[Scope.DOCUMENT]]
    rows = tf.boolean_mask(numbers, inputs[transformed_lib.MASK]).numpy().astype(np.float64)
    assert rows.shape == (n, len(NAMES))
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(rows.var(axis=0), 1, atol=1e-3)


def main() -> None:
    """Measures, checks and prints the table."""
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    options.add_argument("--lists", type=int, default=128, help="lists, parsed as one batch")
    options.add_argument("--repeats", type=int, default=15)
    arguments = options.parse_args()
    lists = generate(arguments.lists)
    n = int(lists.sizes.sum())
    elwc = list(elwc_writer.from_lists(lists, SPEC))
    stored = example_coder.RecordBatchToExamplesEncoder().encode(lists_lib.to_arrow(lists, SPEC))
    with tempfile.TemporaryDirectory() as folder:
        packed, spec = run_transform(stored, Path(folder))
    paths = {
        "ELWC, TF-Ranking": (tensorflow_ranking(), elwc),
        "columnar": (columnar_examples(), stored),
        "transformed": (transformed_examples(spec), packed),
    }
    outputs = [parse(tf.constant(data)) for parse, data in paths.values()]
    check(outputs[0], outputs[1], lists.sizes)
    check_z_scores(outputs[2], n)
    print(f"{arguments.lists} lists, {n:,} documents, {len(NAMES)} numbers each, CPU time\n")
    print(LINE.format("format", "bytes/doc", "us/doc", "least", "most", "docs/s", "speed"))
    base = 0.0
    for name, seconds in measure(paths, arguments.repeats).items():
        median = statistics.median(seconds)
        base = base or median
        micro = [f"{1e6 * s / n:.2f}" for s in (median, min(seconds), max(seconds))]
        size = f"{sum(map(len, paths[name][1])) / n:,.0f}"
        print(LINE.format(name, size, *micro, f"{n / median:,.0f}", f"{base / median:.1f}x"))


if __name__ == "__main__":
    main()
