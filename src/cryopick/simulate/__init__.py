"""Floor 3: images with known truth."""
