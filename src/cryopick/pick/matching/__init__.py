"""Template matching in tomograms: from a map to oriented candidates."""
