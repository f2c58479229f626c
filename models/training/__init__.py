"""Training: settings, optimizers, and the loop of epochs."""
