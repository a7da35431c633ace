"""Floor 3: pickers, arrays and model types in and out."""
