"""Putting picks of several images together: tilt pairs."""
