"""ExampleGen for ranked lists: raw logs in, one columnar `tf.Example` per list out."""
