"""What runs, in what order, with what settings."""
