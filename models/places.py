"""Where the documents of a padded batch stand: from lists to rows and back."""

from __future__ import annotations

import tensorflow as tf


class Places:
    """The places of a batch's documents.

    Usually the rows are the real documents, so that no work is spent on padding. With static
    shapes, which XLA and TPUs need, every place is a row and `is_document` tells which are real.

    Args:
      mask: `[batch_size, list_size]` bool, True where there is a document.
      static: Whether every place becomes a row.
    """

    def __init__(self, mask: tf.Tensor, *, static: bool) -> None:
        self.mask, self.static = mask, static
        flat = tf.reshape(mask, [-1])
        self._flat = flat
        self.is_document: tf.Tensor | None = flat if static else None
        self._rows = None if static else tf.where(flat)[:, 0]

    def rows(self, values: tf.Tensor) -> tf.Tensor:
        """Returns `[batch_size, list_size, ...]` as rows `[n_rows, ...]`."""
        flat = tf.reshape(values, tf.concat([[-1], tf.shape(values)[2:]], axis=0))
        flat = tf.ensure_shape(flat, [None, *values.shape[2:]])
        return flat if self._rows is None else tf.gather(flat, self._rows)

    def spread(self, values: tf.Tensor) -> tf.Tensor:
        """Repeats `[batch_size, ...]`, something of each list, for its rows: `[n_rows, ...]`."""
        list_size = tf.shape(self.mask)[1]
        if self._rows is None:
            return tf.repeat(values, list_size, axis=0)
        return tf.gather(values, self._rows // tf.cast(list_size, self._rows.dtype))

    def lists(self, rows: tf.Tensor) -> tf.Tensor:
        """Returns rows `[n_rows, dim]` at their places `[batch_size, list_size, dim]`.

        Places without a document get 0.
        """
        shape = tf.concat([tf.shape(self.mask), tf.shape(rows)[1:]], axis=0)
        if self._rows is not None:
            flat = tf.concat([[tf.size(self.mask)], tf.shape(rows)[1:]], axis=0)
            rows = tf.scatter_nd(self._rows[:, tf.newaxis], rows, tf.cast(flat, tf.int64))
        else:
            rows = tf.where(self._flat[:, tf.newaxis], rows, tf.zeros_like(rows))
        return tf.ensure_shape(tf.reshape(rows, shape), [*self.mask.shape, rows.shape[1]])
