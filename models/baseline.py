"""The ranker that learns nothing: one of the document's numbers is its score."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from data.errors import InputError
from data.errors import did_you_mean
from data.features import FeatureSpec
from data.features import Scope
from data.transformed import NUMERIC
from data.transformed import TransformedSpec
from models.places import Places
from models.ranker import Inputs
from models.ranker import Outputs
from models.ranker import Ranker


@dataclasses.dataclass(frozen=True)
class FeatureConfig:
    """Settings of the baseline.

    Attributes:
      feature: The name of a numeric document feature of width 1.
    """

    feature: str = "popularity"

    def require(self, spec: FeatureSpec) -> None:
        """Raises InputError unless the spec has the feature."""
        numbers = spec.select(Scope.DOCUMENT, categorical=False)
        known = [feature.name for feature in numbers if feature.width == 1]
        if self.feature not in known:
            raise InputError(
                "feature: expected a document feature that is one number, found"
                f" '{self.feature}'.{did_you_mean(self.feature, known)}"
            )


class FeatureRanker(Ranker):
    """`score = the feature's value after Transform`; every logit of a document is this number."""

    def __init__(
        self,
        transformed: TransformedSpec,
        config: FeatureConfig,
        *,
        outputs: Outputs,
        static: bool,
    ) -> None:
        super().__init__("feature", transformed, config, outputs=outputs, static=static)
        config.require(transformed.spec)
        self._column = transformed.numeric_names(Scope.DOCUMENT).index(config.feature)

    def logits(self, inputs: Inputs, places: Places, *, training: bool) -> tf.Tensor:
        """Returns the feature's values, `[n_rows, n_logits]`."""
        del training
        numbers = places.rows(inputs[NUMERIC[Scope.DOCUMENT]][..., self._column])
        return tf.repeat(tf.cast(numbers, tf.float32)[:, tf.newaxis], self.n_logits, axis=1)
