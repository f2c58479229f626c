"""The published recommender: a user in, the best of the catalogue out.

Beside the signatures of `models.serving` it has those of the whole catalogue. They score every item
for a user, whatever documents a request brings, with the model and the transform graph of all.
"""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from data import columnar
from data import elwc
from data import plain
from data.errors import InputError
from data.features import DType
from data.features import Feature
from data.features import FeatureSpec
from data.features import Scope
from data.sampling.catalogue import Catalogue
from data.transformed import MASK
from data.transformed import TransformedSpec
from models import retrieval
from models.ranker import Ranker
from models.serving import PADDING_SCORE
from models.serving import SCORES
from models.serving import Servable
from models.serving import ToScores
from models.serving import Transform
from models.serving import tensor_name

RECOMMEND = "recommend"
"""ELWC requests `examples`, `[batch_size]` strings, whose context is a user; documents are ignored.

Further inputs are `k`, a scalar int32, and `exclude_seen`, `[batch_size]` bool: whether what the
user has in the training data is left out. Outputs are `items`, `[batch_size, k]` strings, and
`scores`, `[batch_size, k]`, best first; where fewer items are left, an empty id and
`PADDING_SCORE`. A `k` above the size of the catalogue is cut to it.
"""
RECOMMEND_RAW = "recommend_raw"
"""The same, with one tensor `[batch_size, width]` per context column in the place of `examples`."""
EVALUATE = "evaluate"
"""Stored lists `examples` as for `columnar`; beside `scores` it has `ranks`.

`ranks`, `[batch_size, list_size]` int32, are those among the whole catalogue without what the user
has in the training data: see `models.retrieval.Retrieval.ranks`. Padding has rank 0.
"""
ITEMS, RANKS, K, EXCLUDE_SEEN = "items", "ranks", "k", "exclude_seen"

CATALOGUE_FILE = "catalogue.json"
"""The file with a `Known` beside the feature spec; a model without a catalogue has none."""


@dataclasses.dataclass(frozen=True)
class Known:
    """What a published recommender knows.

    Attributes:
      items: The number of items in its catalogue.
      users: The number of users whose history it has.
      user: The context feature that holds the user's id as well; empty if there is none.
    """

    items: int
    users: int
    user: str = ""


class CatalogueServable(tf.Module):
    """A ranker with its transform graph and the items that it can recommend.

    Args:
      model: As for `Servable`; a document's score must not depend on the others of its list.
      transform: The transform graph, from raw to transformed lists.
      transformed: The shapes in between; its spec names the ids of lists (users) and documents.
      catalogue: The items.
      history: What users have in the training data; None: nothing is known.
      to_scores: Makes scores of the model's output.
      per_document: Whether single documents may be scored as well.
      user: The context feature that holds the user's id as well, if there is one. Requests to
        `recommend` then need only one of the two.
      rows: How many pairs of user and item to score at once.
    """

    def __init__(
        self,
        model: tf.keras.Model,
        transform: Transform,
        transformed: TransformedSpec,
        *,
        catalogue: Catalogue,
        history: retrieval.History | None,
        to_scores: ToScores = lambda output: output,
        per_document: bool = False,
        user: str = "",
        rows: int = retrieval.ROWS,
    ) -> None:
        super().__init__(name="servable")
        check(transformed.spec)
        self.transformed = transformed
        self._servable = Servable(
            model, transform, transformed, to_scores=to_scores, per_document=per_document
        )
        self._items = retrieval.Retrieval(
            self._servable.score_inputs,
            catalogue,
            history,
            crossed=isinstance(model, Ranker) and bool(self._context_columns),
            rows=rows,
        )
        self._user = user_feature(transformed.spec, user)
        users = 0 if history is None else int(history[0].shape[0])
        self._known = Known(catalogue.size, users, self._user.name if self._user else "")

    def extra_files(self) -> dict[str, str]:
        """Returns the files that lie beside the model: their texts by name."""
        return {**self._servable.extra_files(), CATALOGUE_FILE: plain.to_json(self._known)}

    def recommend(
        self, rows: dict[str, tf.Tensor], k: tf.Tensor, exclude_seen: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Recommends to the users of raw context columns `[batch_size, width]`."""
        rows = self._identified(rows)
        users = rows[self.transformed.spec.list_id][:, 0]
        seen = self._items.seen(users, wanted=exclude_seen)
        places, scores = self._items.top(self._context(rows), seen, k=k)
        return {ITEMS: self._items.ids(places), SCORES: scores}

    def evaluate(self, raw: columnar.Tensors) -> dict[str, tf.Tensor]:
        """Scores raw lists, ids included, and ranks their documents among the whole catalogue."""
        spec = self.transformed.spec
        inputs = self._servable.inputs({f.name: raw[f.name] for f in spec.features})
        scores, mask = self._servable.score_inputs(inputs), inputs[MASK]
        places = self._items.places(columnar.to_dense(raw[spec.document_id], padding=""))
        ranks = self._items.ranks(
            {column.name: inputs[column.name] for column in self._context_columns},
            self._items.seen(raw[spec.list_id][:, 0]),
            scores=scores,
            places=places,
        )
        return {SCORES: tf.where(mask, scores, PADDING_SCORE), RANKS: tf.where(mask, ranks, 0)}

    def signatures(self) -> dict[str, tf.types.experimental.GenericFunction]:
        """Returns the signatures of the exported model."""
        spec = self.transformed.spec
        strings = tf.TensorSpec([None], tf.string, name="examples")
        asked = (
            tf.TensorSpec([], tf.int32, name=K),
            tf.TensorSpec([None], tf.bool, name=EXCLUDE_SEEN),
        )
        columns = _context_features(with_optional_id(spec, self._user))

        @tf.function(input_signature=[strings, *asked])
        def recommend(
            examples: tf.Tensor, k: tf.Tensor, exclude_seen: tf.Tensor
        ) -> dict[str, tf.Tensor]:
            return self.recommend(elwc.parse_flat(examples, columns)[0], k, exclude_seen)

        @tf.function(input_signature=[_raw_signature(spec), *asked])
        def recommend_raw(
            tensors: dict[str, tf.Tensor], k: tf.Tensor, exclude_seen: tf.Tensor
        ) -> dict[str, tf.Tensor]:
            return self.recommend(tensors, k, exclude_seen)

        @tf.function(input_signature=[strings])
        def evaluate(examples: tf.Tensor) -> dict[str, tf.Tensor]:
            return self.evaluate(columnar.parse(examples, spec.raw))

        return self._servable.signatures() | {
            RECOMMEND: recommend,
            RECOMMEND_RAW: recommend_raw,
            EVALUATE: evaluate,
        }

    @property
    def _context_columns(self) -> list[Feature]:
        return [c for c in self.transformed.columns if c.scope is Scope.CONTEXT]

    def _identified(self, rows: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Completes the user's id where it is given in one of its places only."""
        if self._user is None:
            return rows
        name, list_id = self._user.name, self.transformed.spec.list_id
        value, user = rows[name], rows[list_id]
        if self._user.dtype is DType.STRING:
            spelled, missing, found = value, value == "", user
        else:
            number = tf.strings.regex_full_match(user, "[0-9]{1,18}")
            found = tf.strings.to_number(tf.where(number, user, "-1"), tf.int64)
            missing = value < 0
            spelled = tf.where(missing, "", tf.strings.as_string(value))
        return {
            **rows,
            name: tf.where(missing, found, value),
            list_id: tf.where(user == "", spelled, user),
        }

    def _context(self, rows: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Transforms context columns; the lists behind them have no documents."""
        features = self.transformed.spec.features
        flat = {
            f.name: (
                rows[f.name]
                if f.scope is Scope.CONTEXT
                else tf.zeros([0, f.width], columnar.TF_DTYPES[f.dtype])
            )
            for f in features
        }
        sizes = tf.zeros_like(rows[self.transformed.spec.list_id][:, 0], tf.int64)
        found = self._servable.transform(columnar.from_flat(flat, sizes, features))
        return {column.name: found[column.name] for column in self._context_columns}


def check(spec: FeatureSpec) -> None:
    """Raises InputError where no catalogue can be served with these features."""
    if not (spec.list_id and spec.document_id):
        raise InputError("features: a catalogue needs list_id and document_id")
    for feature in _context_features(spec):
        if feature.name in (K, EXCLUDE_SEEN):
            raise InputError(
                f"feature '{feature.name}': an input of the signature '{RECOMMEND_RAW}' has this"
                " name; rename the column"
            )


def user_feature(spec: FeatureSpec, name: str) -> Feature | None:
    """Returns the context feature of that name if a user's id fits into it."""
    for feature in spec.features:
        context = feature.scope is Scope.CONTEXT and feature.width == 1
        if feature.name == name and context and feature.dtype is not DType.FLOAT:
            return feature
    return None


def with_optional_id(spec: FeatureSpec, user: Feature | None) -> FeatureSpec:
    """Returns the spec in which the user's id may be left out of the feature that repeats it."""
    if user is None or user.default is not None:
        return spec
    default = "" if user.dtype is DType.STRING else -1
    columns = tuple(
        dataclasses.replace(feature, default=default) if feature.name == user.name else feature
        for feature in spec.features
    )
    return dataclasses.replace(spec, columns=columns)


def _context_features(spec: FeatureSpec) -> list[Feature]:
    return [feature for feature in spec.raw if feature.scope is Scope.CONTEXT]


def _raw_signature(spec: FeatureSpec) -> dict[str, tf.TensorSpec]:
    return {
        f.name: tf.TensorSpec(
            [None, f.width], columnar.TF_DTYPES[f.dtype], name=tensor_name(f.name)
        )
        for f in _context_features(spec)
    }
