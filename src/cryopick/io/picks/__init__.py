"""Pick files: one module per dialect, and the registry over all of them."""
