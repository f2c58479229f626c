"""Models that rank, their losses and metrics, training, and what serves them: Keras, no TFX."""
