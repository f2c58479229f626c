"""Serving speed: an exported model's answer to an ELWC request, TF-Ranking's and ours.

Command:  python benchmarks/serving.py [--calls 400]
Time:     about 2 minutes on 2 cores, most of it to export TF-Ranking's model
Result:   p50 in ms and its share of TF-Ranking's:
                                  1 document      10 documents    100 documents
          TF-Ranking, ELWC        1.44            1.87            3.46
          ours, ELWC              0.82  0.57      1.19  0.64      2.65  0.77  (required: 0.6)
          ours, columnar          0.85  0.59      1.05  0.56      2.02  0.58
          For 100 documents the 13,600 keys and the matrix products, which both must go through,
          are three quarters of TF-Ranking's time. "columnar" has 136 keys to read.

Both models have the network of TF-Ranking's guide, [1024, 512, 256] over 136 float features, with
the same weights, and give the same scores. A request is one list of 1, 10 or 100 documents, each
with one key per feature. TF-Ranking's model takes the symmetric logarithm in its preprocessor, ours
in the graph that tensorflow_transform wrote for our `preprocessing_fn`. Both are saved, loaded and
called through their signature `predict`, in one process and in turn, so that other load on the
machine meets both. CPU time is that of all threads. "columnar" is the same list as one stored
example, with one key per feature and the numbers of all documents under it, through the signature
of that name: TF-Ranking has none.
"""

# ruff: noqa: E402  the environment and the path are set before the imports

from __future__ import annotations

import argparse
import functools
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
sys.path[0] = str(ROOT)  # and not this folder, whose names are also those of packages
warnings.simplefilter("ignore")  # of third parties: ours are errors in the tests

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_ranking as tfr
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tfx_bsl.public import tfxio

from benchmarks import guide
from components import transform
from data import elwc
from data import plain
from data import schema
from data.transformed import to_model_inputs
from models import registry
from models import serving
from models.dnn import DnnConfig

LAYERS = (1024, 512, 256)
SIZES = (1, 10, 100)
REQUIRED = 0.6
"""The most that our median may be of TF-Ranking's, with 100 documents."""
THEIRS, OURS, STORED = "TF-Ranking", "ours", "ours, columnar"
LINE = "{:>9}  {:14} {:>8} {:>8} {:>8} {:>8} {:>7} {:>7}"

Predict = Callable[[tf.Tensor], tf.Tensor]
Requests = list[tf.Tensor]
Seconds = list[tuple[float, float]]
"""Of each call the seconds on the wall and those of CPU."""


def transform_graph(request: bytes, folder: Path) -> tft.TFTransformOutput:
    """Returns what our Transform node writes after it has analysed one list."""
    raw, graph = str(folder / "raw"), str(folder / "graph")
    row = tf.train.Example()
    for name, column in elwc.parse_flat(tf.constant([request]), guide.SPEC.features)[0].items():
        row.features.feature[name].float_list.value.extend(column.numpy().ravel())
    row.features.feature[guide.LABEL].float_list.value.extend([0.0])
    with tf.io.TFRecordWriter(raw) as writer:
        writer.write(row.SerializeToString())
    source = tfxio.TFExampleRecord(raw, schema=schema.render(guide.SPEC), telemetry_descriptors=[])
    function = functools.partial(
        transform.preprocessing_fn, custom_config={"spec": plain.to_json(guide.SPEC)}
    )
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(folder / "temporary")):
        dataset = (pipeline | source.BeamSource(), source.TensorAdapterConfig())
        _ = dataset | tft_beam.AnalyzeDataset(function) | tft_beam.WriteTransformFn(graph)
    return tft.TFTransformOutput(graph)


def tensorflow_ranking() -> tf.keras.Model:
    """Returns the guide's model, with statistics as if it had been trained."""
    model = guide.model_builder(LAYERS).build()
    rng = np.random.default_rng(1)
    for variable in model.non_trainable_variables:
        variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return model


def ours(theirs: tf.keras.Model, request: bytes, output: tft.TFTransformOutput) -> serving.Servable:
    """Returns our model with the weights of theirs, and the transform graph."""
    config = DnnConfig(hidden_layer_dims=LAYERS, dropout=0.4)
    model = registry.family("dnn").build(
        guide.TRANSFORMED, config, outputs={guide.LABEL: 1}, static=False
    )
    graph = output.transform_features_layer()
    raw = elwc.parse(tf.constant([request]), guide.SPEC.features)
    model(to_model_inputs(graph(raw), guide.TRANSFORMED))  # creates the weights
    for mine, other in zip(in_order(model), in_order(theirs), strict=True):
        mine.assign(other)
    places = sorted(guide.NAMES)  # TF-Ranking's order of the features
    kernel = in_order(model)[0]
    kernel.assign(tf.gather(kernel, [places.index(name) for name in guide.NAMES]))
    return serving.Servable(model, graph, guide.TRANSFORMED)


def in_order(model: tf.keras.Model) -> list[tf.Variable]:
    """Returns the weights from input to output, those of all layers that are not trained last."""
    return [*model.trainable_variables, *model.non_trainable_variables]


def export(folder: Path) -> dict[str, Predict]:
    """Saves both models and returns the loaded signatures, TF-Ranking's first."""
    request = next(guide.elwc(guide.draw(1, seed=1, size=1), labelled=False))
    theirs = tensorflow_ranking()
    servable = ours(theirs, request, transform_graph(request, folder))
    serving.export(servable, folder / "ours", warmup=[request])
    signatures = tfr.keras.saved_model.Signatures(
        theirs, {}, guide.feature_specs(), mask_feature_name=guide.MASK
    )
    # The signatures are the same without Keras's own traces of each layer, which take a minute.
    theirs.save(str(folder / "theirs"), signatures=signatures(), save_traces=False)
    saved = tf.saved_model
    predict = saved.load(str(folder / "theirs")).signatures[saved.PREDICT_METHOD_NAME]
    mine = saved.load(str(folder / "ours")).signatures
    elwcs, stored = mine[serving.PREDICT], mine[serving.COLUMNAR]
    return {
        THEIRS: lambda examples: predict(inputs=examples)[saved.PREDICT_OUTPUTS],
        OURS: lambda examples: elwcs(examples=examples)[serving.SCORES],
        STORED: lambda examples: stored(examples=examples)[serving.SCORES],
    }


def draw(size: int) -> Mapping[str, Requests]:
    """Returns requests of so many documents in the format that each model gets."""
    lists = guide.draw(20, seed=2, size=size)
    elwcs = [tf.constant([request]) for request in guide.elwc(lists, labelled=False)]
    stored = []
    for rows in np.split(lists.values, 20):
        example = tf.train.Example()
        for name, column in zip(guide.NAMES, rows.T, strict=True):
            example.features.feature[name].float_list.value.extend(column)
        stored.append(tf.constant([example.SerializeToString()]))
    return {THEIRS: elwcs, OURS: elwcs, STORED: stored}


def measure(models: Mapping[str, Predict], size: int, calls: int) -> dict[str, Seconds]:
    """Returns the seconds of each call, the models taking turns; checks that scores are equal."""
    requests = draw(size)
    for at in range(20):  # warms up
        scores = [predict(requests[name][at]) for name, predict in models.items()]
        np.testing.assert_allclose(scores[1], scores[0], rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(scores[2], scores[0], rtol=1e-3, atol=1e-3)
    found: dict[str, Seconds] = {name: [] for name in models}
    for call in range(calls):
        for name, predict in models.items():
            wall, cpu = time.perf_counter(), time.process_time()
            predict(requests[name][call % 20]).numpy()
            found[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return found


def quantiles(seconds: Seconds) -> list[float]:
    """Returns the median and 99th percentile on the wall, then of CPU, in milliseconds."""
    columns = zip(*seconds, strict=True)
    return [1e3 * float(np.quantile(column, q)) for column in columns for q in (0.5, 0.99)]


def main() -> None:
    """Measures and prints the table; the exit status says whether what is required holds."""
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    options.add_argument("--calls", type=int, default=400, help="calls of each model and size")
    calls = options.parse_args().calls
    with tempfile.TemporaryDirectory() as folder:
        models = export(Path(folder))
        times = {size: measure(models, size, calls) for size in SIZES}
    print(f"ms per request of one list, {calls} calls each in turn\n")
    print(LINE.format("", "", "wall", "wall", "CPU", "CPU", "wall", "CPU"))
    print(LINE.format("documents", "", "p50", "p99", "p50", "p99", "ratio", "ratio"))
    for size, found in times.items():
        base = quantiles(found[THEIRS])
        for name, seconds in found.items():
            figures = quantiles(seconds)
            ratios = [f"{figures[at] / base[at]:.2f}" for at in (0, 2)]
            print(LINE.format(size, name, *(f"{figure:.2f}" for figure in figures), *ratios))
    last = times[SIZES[-1]]
    ratio = quantiles(last[OURS])[0] / quantiles(last[THEIRS])[0]
    passed = ratio <= REQUIRED
    print(
        f"\n{SIZES[-1]} documents in ELWC: our p50 is {ratio:.2f} of TF-Ranking's (required:"
        f" {REQUIRED}): {'passed' if passed else 'FAILED'}"
    )
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
