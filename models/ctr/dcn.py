"""The deep and cross network, its first version and its second."""

from __future__ import annotations

import tensorflow as tf

from data.transformed import TransformedSpec
from models.ctr.cross import CrossNetwork
from models.ctr.fields import Fields
from models.ctr.settings import DcnConfig
from models.ctr.settings import Structure
from models.ctr.stack import Stack
from models.ctr.vectors import flatten
from models.places import Places
from models.ranker import Inputs
from models.ranker import Outputs
from models.ranker import Ranker


class DcnRanker(Ranker):
    """Cross layers and a stack over a document's vectors side by side, `x_0`.

    Stacked: `top(crosses(x_0))`; parallel: `W [crosses(x_0), top(x_0)] + b`. Wang et al., "Deep &
    Cross Network for Ad Click Predictions", ADKDD 2017; "DCN V2: Improved Deep & Cross Network and
    Practical Lessons for Web-scale Learning to Rank Systems", WWW 2021.
    """

    def __init__(
        self, transformed: TransformedSpec, config: DcnConfig, *, outputs: Outputs, static: bool
    ) -> None:
        super().__init__("dcn", transformed, config, outputs=outputs, static=static)
        self._config = config
        self._fields = Fields(transformed, config)
        self._bottom = Stack(config, config.bottom_stack)
        self._crosses = CrossNetwork(
            config.cross_layers,
            kind=config.cross,
            projection_dim=config.projection_dim,
            diag_scale=config.diag_scale,
            regularization=config.kernel_regularization,
        )
        self._top = Stack(config, config.top_stack)
        self._output = Stack(config, (), self.n_logits)

    def logits(self, inputs: Inputs, places: Places, *, training: bool) -> tf.Tensor:
        """Returns the logits, `[n_rows, n_logits]`."""
        real = places.is_document
        numbers, embedded = self._fields(inputs, places, training=training)
        bottom = [] if numbers is None else [self._bottom(numbers, real, training=training)]
        x0 = flatten([*embedded, *bottom])
        crossed = self._crosses([x0])
        if self._config.concat_dense:
            crossed = flatten([*bottom, crossed])
        if self._config.structure is Structure.STACKED:
            return self._output(self._top(crossed, real, training=training))
        deep = self._top(x0, real, training=training)
        return self._output(flatten([crossed, deep]))
