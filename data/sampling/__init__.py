"""Training lists of interactions: a positive and negatives drawn from the catalogue."""
