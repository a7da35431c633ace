"""Floor 1: axes, rotations, Euler conventions, rotation grids, neighbours and matching."""
