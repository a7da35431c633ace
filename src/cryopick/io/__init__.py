"""Floor 2: files in and out; one module per format."""
