"""Sorting, classifying and selecting particles."""
