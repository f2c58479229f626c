"""All items of a catalogue scored for some users, a part of it at a time.

Whatever a user is asked for, the whole catalogue or one place in it, the scores of `rows` pairs of
user and item are in memory together, and never those of all.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping

import tensorflow as tf

from data.sampling.catalogue import Catalogue
from data.transformed import MASK

ROWS = 65_536
"""How many pairs of user and item are scored at once."""
NOWHERE = -1
"""The place of what is not in the catalogue."""

_LOWEST = float(tf.float32.min)
_NONE = float("-inf")

Context = Mapping[str, tf.Tensor]
"""Transformed context columns, `[batch_size, width]`."""
Score = Callable[[dict[str, tf.Tensor]], tf.Tensor]
"""From model inputs to scores, `[batch_size, list_size]`.

Inputs are those of lists or, without a mask, those of `models.ranker.Ranker.crossed`.
"""
History = tuple[tf.Tensor, tf.RaggedTensor]
"""`[n_users]` user ids, string, and `[n_users, (n)]` places in the catalogue, int32."""
State = tuple[tf.Tensor, ...]


class Retrieval(tf.Module):
    """The items, who has which of them, and how users are matched with all of them.

    Items and histories are variables, so that they lie beside a saved graph and not in it.

    Args:
      score: Scores model inputs; a document's score must not depend on the others of its list.
      catalogue: The items.
      history: What users have already; None: nothing is known of any.
      crossed: Whether `score` takes items once for all users.
      rows: How many pairs of user and item to score at once.
    """

    def __init__(
        self,
        score: Score,
        catalogue: Catalogue,
        history: History | None,
        *,
        crossed: bool = False,
        rows: int = ROWS,
    ) -> None:
        super().__init__(name="retrieval")
        self._score, self._crossed, self._rows = score, crossed, rows
        self._size = catalogue.size
        self._ids = tf.Variable(catalogue.ids, trainable=False)
        self._columns = {
            name: tf.Variable(column, trainable=False) for name, column in catalogue.columns.items()
        }
        self._places = _index(catalogue.ids)
        self._users: tf.lookup.StaticHashTable | None = None
        if history is not None:
            users, items = history
            self._users = _index(users)
            self._splits = tf.Variable(tf.cast(items.row_splits, tf.int64), trainable=False)
            self._items = tf.Variable(tf.cast(items.flat_values, tf.int32), trainable=False)

    def places(self, ids: tf.Tensor) -> tf.Tensor:
        """Returns where items are in the catalogue, int32; `NOWHERE` where they are not."""
        return tf.cast(self._places.lookup(ids), tf.int32)

    def ids(self, places: tf.Tensor) -> tf.Tensor:
        """Returns the ids of the items at these places; empty for `NOWHERE`."""
        known = places >= 0
        return tf.where(known, tf.gather(self._ids, tf.where(known, places, 0)), "")

    def seen(self, users: tf.Tensor, *, wanted: tf.Tensor | bool = True) -> tf.RaggedTensor:
        """Returns what users have already, `[batch_size, (n)]` int32 places.

        Args:
          users: `[batch_size]` ids, string; unknown ones have nothing.
          wanted: `[batch_size]` bool: False for users whose history does not matter.
        """
        if self._users is None:
            return _nothing(tf.size(users))
        row = self._users.lookup(users)
        counts = (row >= 0) & wanted
        row = tf.where(counts, row, 0)
        starts = tf.gather(self._splits, row)
        stops = tf.where(counts, tf.gather(self._splits, row + 1), starts)
        at = tf.ragged.range(starts, stops)
        return at.with_flat_values(tf.gather(self._items, at.flat_values))

    def top(
        self, context: Context, seen: tf.RaggedTensor, *, k: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the best items for each user, best first; equal ones in the catalogue's order.

        Args:
          context: What the model gets of the users.
          seen: `[batch_size, (n)]` places of items that are left out.
          k: How many items; the whole catalogue where it is smaller.

        Returns:
          Places `[batch_size, k]` int32 and scores `[batch_size, k]` float32; behind the last item
          that is left `NOWHERE` and the lowest float.
        """

        def step(scores: tf.Tensor, start: tf.Tensor, *state: tf.Tensor) -> State:
            here = start + tf.range(tf.shape(scores)[1])
            places = tf.concat([state[0], tf.zeros_like(scores, tf.int32) + here], axis=1)
            scores = tf.concat([state[1], scores], axis=1)
            best, at = tf.math.top_k(scores, tf.minimum(k, tf.shape(scores)[1]))
            return tf.gather(places, at, batch_dims=1), best

        nothing = tf.zeros([seen.nrows(), 0])
        places, scores = self._scan(context, seen, step, (tf.cast(nothing, tf.int32), nothing))
        left = scores > _NONE
        return tf.where(left, places, NOWHERE), tf.where(left, scores, _LOWEST)

    def ranks(
        self, context: Context, seen: tf.RaggedTensor, *, scores: tf.Tensor, places: tf.Tensor
    ) -> tf.Tensor:
        """Returns the rank of documents among the catalogue, ties at their worst.

        It is 1 more than the number of other items, without those that the user has, that do not
        score below the document. A document of the catalogue is compared by the score that it has
        as an item, computed as those of the others are: rounding breaks no tie.

        Args:
          context: What the model gets of the users.
          seen: `[batch_size, (n)]` places of items that do not compete.
          scores: `[batch_size, list_size]` scores of the documents.
          places: `[batch_size, list_size]` int32, their own places in the catalogue.

        Returns:
          `[batch_size, list_size]` int32, from 1.
        """

        def find(found: tf.Tensor, start: tf.Tensor, *state: tf.Tensor) -> State:
            here, own = _at(found, places - start)
            return (tf.where(here, own, state[0]),)

        def count(found: tf.Tensor, start: tf.Tensor, *state: tf.Tensor) -> State:
            ahead = tf.shape(found)[1] - tf.searchsorted(tf.sort(found, axis=1), own)
            here, mine = _at(found, places - start)
            itself = here & (mine >= own)
            return (state[0] + ahead - tf.cast(itself, tf.int32),)

        [own] = self._scan(context, _nothing(seen.nrows()), find, (tf.maximum(scores, _LOWEST),))
        [ahead] = self._scan(context, seen, count, (tf.zeros_like(places),))
        return ahead + 1

    def _scan(
        self,
        context: Context,
        seen: tf.RaggedTensor,
        step: Callable[..., State],
        state: State,
    ) -> State:
        """Passes the scores of one part of the catalogue after the other through `step`.

        Items that the user has seen score minus infinity, and no other item does.
        """
        batch_size = tf.cast(seen.nrows(), tf.int32)
        most = tf.clip_by_value(self._rows // tf.maximum(batch_size, 1), 1, self._size)
        # All parts alike but for one item: products of very few are rounded in another order.
        n_parts = -(-self._size // most)
        part = -(-self._size // n_parts)

        def body(start: tf.Tensor, *state: tf.Tensor) -> State:
            stop = tf.minimum(start + part, self._size)
            scores = self._scores(context, start, stop, batch_size)
            scores = tf.where(_inside(seen, start, stop), _NONE, scores)
            return (stop, *step(scores, start, *state))

        first = tf.constant(0)
        _, *found = tf.while_loop(
            lambda start, *_: start < self._size,
            body,
            (first, *state),
            shape_invariants=(first.shape, *(tf.TensorShape([None, None]) for _ in state)),
            parallel_iterations=1,  # or several parts would be in memory
        )
        return tuple(found)

    def _scores(
        self, context: Context, start: tf.Tensor, stop: tf.Tensor, batch_size: tf.Tensor
    ) -> tf.Tensor:
        inputs = dict(context)
        for name, column in self._columns.items():
            items = column[start:stop]
            if not self._crossed:
                items = tf.tile(items[tf.newaxis], [batch_size, 1, 1])
                items = tf.ensure_shape(items, [None, None, column.shape[1]])
            inputs[name] = items
        if not self._crossed:
            inputs[MASK] = tf.ones([batch_size, stop - start], tf.bool)
        scores = tf.cast(self._score(inputs), tf.float32)
        # What has no number must not look good by it: it stands first, and its score tells.
        scores = tf.where(tf.math.is_nan(scores), float("inf"), scores)
        return tf.maximum(scores, _LOWEST)


def _index(ids: tf.Tensor) -> tf.lookup.StaticHashTable:
    places = tf.range(tf.size(ids, tf.int64))
    rows = tf.lookup.KeyValueTensorInitializer(ids, places)
    return tf.lookup.StaticHashTable(rows, tf.constant(NOWHERE, tf.int64))


def _nothing(n_users: tf.Tensor) -> tf.RaggedTensor:
    return tf.RaggedTensor.from_row_lengths(tf.zeros([0], tf.int32), tf.zeros([n_users], tf.int64))


def _at(found: tf.Tensor, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns which places are columns of `[batch_size, n]`, and the values there, or others."""
    n = tf.shape(found)[1]
    here = (places >= 0) & (places < n)
    return here, tf.gather(found, tf.clip_by_value(places, 0, n - 1), batch_dims=1)


def _inside(seen: tf.RaggedTensor, start: tf.Tensor, stop: tf.Tensor) -> tf.Tensor:
    """Returns which of the items from `start` to `stop` are seen, `[batch_size, stop - start]`."""
    here = (seen.flat_values >= start) & (seen.flat_values < stop)
    columns = tf.cast(tf.boolean_mask(seen.flat_values, here) - start, tf.int64)
    at = tf.stack([tf.boolean_mask(seen.value_rowids(), here), columns], axis=1)
    shape = tf.stack([seen.nrows(), tf.cast(stop - start, tf.int64)])
    return tf.scatter_nd(at, tf.ones_like(columns, tf.int32), shape) > 0
