"""What one training leaves and another starts from."""
