"""ELWC records as the named, padded inputs of a model, and the signatures that take them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from data import elwc
from models import serving
from models.extension.inputs import FeatureSpecs

INPUTS, OUTPUTS = "inputs", "outputs"
"""TF-Ranking's names for what a signature takes and returns."""

Signatures = dict[str, tf.types.experimental.GenericFunction]


def parse(
    serialized: tf.Tensor,
    context: FeatureSpecs,
    example: FeatureSpecs,
    *,
    mask_name: str,
    list_size: int | None = None,
) -> dict[str, Any]:
    """Parses ELWCs.

    Args:
      serialized: `[batch_size]` ELWCs, string.
      context: The features of the context.
      example: The features of each document.
      mask_name: The name of the mask.
      list_size: The documents to pad or cut to; None: the longest list's.

    Returns:
      Context features `[batch_size, ...]`, document features `[batch_size, list_size, ...]`, ragged
      where their spec is, and the mask, False where there is no document.
    """
    contexts, documents, counts = elwc.split(serialized)
    longest = tf.cast(tf.reduce_max(counts), tf.int32) if list_size is None else list_size
    features: dict[str, Any] = dict(tf.io.parse_example(contexts, dict(context))) if context else {}
    for name, rows in tf.io.parse_example(documents, dict(example)).items():
        lists = tf.RaggedTensor.from_row_lengths(rows, counts, validate=False)
        if isinstance(rows, tf.RaggedTensor):
            features[name] = lists if list_size is None else lists[:, :list_size]
        else:
            dense = lists.to_tensor(shape=[None, list_size, *rows.shape[1:]])
            shape = [serialized.shape[0], list_size, *rows.shape[1:]]
            features[name] = tf.ensure_shape(dense, shape)
    mask = tf.sequence_mask(counts, longest)
    features[mask_name] = tf.ensure_shape(mask, [serialized.shape[0], list_size])
    return features


def parse_examples(
    serialized: tf.Tensor, context: FeatureSpecs, example: FeatureSpecs, *, mask_name: str
) -> dict[str, Any]:
    """Parses single documents, `tf.Example`s with the context in each, as lists of one."""
    features = dict(tf.io.parse_example(serialized, {**context, **example}))
    lists = {name: tf.expand_dims(features[name], axis=1) for name in example}
    mask = tf.ones([tf.shape(serialized)[0], 1], tf.bool)
    return {**features, **lists, mask_name: mask}


def signatures(
    model: tf.keras.Model,
    context: FeatureSpecs,
    example: FeatureSpecs,
    *,
    mask_name: str,
    sample: tf.Tensor,
) -> Signatures:
    """Returns `predict`, which is the default as well, and `regress` where it tells the truth.

    `predict` takes ELWCs and returns `[batch_size, list_size]` scores, the lowest float in places
    without a document. `regress` takes single documents as `tf.Example`s and returns `[n]`; only a
    model that says it is `per_document`, and gives the sample's documents the same scores alone as
    among the others, has it. Scores of several tasks have their names, else the name is `outputs`.

    Args:
      model: The model, of named inputs.
      context: The features of the context.
      example: The features of each document.
      mask_name: The name of the mask.
      sample: Some ELWCs, `[n]` string.
    """
    strings = tf.TensorSpec([None], tf.string, name=INPUTS)

    @tf.function(input_signature=[strings])
    def predict(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        features = parse(inputs, context, example, mask_name=mask_name)
        scores = _named(model(features, training=False))
        real = features[mask_name]
        return {name: tf.where(real, x, serving.PADDING_SCORE) for name, x in scores.items()}

    @tf.function(input_signature=[strings])
    def regress(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        features = parse_examples(inputs, context, example, mask_name=mask_name)
        return {name: x[:, 0] for name, x in _named(model(features, training=False)).items()}

    default = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
    found: Signatures = {serving.PREDICT: predict, default: predict}
    alone = getattr(model, "per_document", False) and _agree(predict, regress, sample)
    return {**found, serving.PER_DOCUMENT: regress} if alone else found


def _agree(predict: Any, regress: Any, sample: tf.Tensor) -> bool:
    contexts, documents, counts = elwc.split(sample)
    # Two serialized messages, one after the other, are one message with the fields of both.
    singles = tf.strings.join([tf.repeat(contexts, counts), documents])
    together, alone = predict(sample), regress(singles)
    real = tf.sequence_mask(counts)
    return all(
        bool(tf.reduce_all(tf.abs(together[name][real] - x) <= 1e-4 + 1e-4 * tf.abs(x)))
        for name, x in alone.items()
    )


def _named(outputs: Any) -> Mapping[str, tf.Tensor]:
    return outputs if isinstance(outputs, Mapping) else {OUTPUTS: outputs}
