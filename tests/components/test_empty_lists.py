"""The transform graph bears lists without documents: a recommender knows its users only."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from data import columnar
from data import transformed as transformed_lib
from data.features import Scope
from tests.components.conftest import SPEC
from tests.components.conftest import Transformed
from tests.samples import stored


def test_context_columns_are_those_of_lists_with_documents(transformed: Transformed) -> None:
    raw = columnar.parse(tf.constant(stored(transformed.lists, SPEC)), SPEC.features)
    none = tf.zeros([len(transformed.lists)], tf.int64)
    flat = {
        feature.name: (
            raw[feature.name]
            if feature.scope is Scope.CONTEXT
            else tf.zeros([0, feature.width], columnar.TF_DTYPES[feature.dtype])
        )
        for feature in SPEC.features
    }
    layer = transformed.output.transform_features_layer()
    whole, found = layer(raw), layer(columnar.from_flat(flat, none, SPEC.features))
    for column in transformed.spec.columns:
        if column.scope is Scope.CONTEXT:
            np.testing.assert_array_equal(found[column.name], whole[column.name])
        else:
            assert found[column.name].row_lengths().numpy().tolist() == none.numpy().tolist()
    inputs = transformed_lib.to_model_inputs(found, transformed.spec)
    assert inputs[transformed_lib.MASK].shape == (len(transformed.lists), 0)
