"""Cutting particles out of images, and making their grey values comparable."""
