"""Floor 3: how good picks are against a truth."""
