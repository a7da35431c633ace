"""Tomograms of a batch with their tilts: one module per program that reconstructs them."""

from cryopick.io.tomogram_sources.aretomo import aretomo_sources
from cryopick.io.tomogram_sources.plain import plain_sources
from cryopick.io.tomogram_sources.relion import relion_sources
from cryopick.io.tomogram_sources.source import TomogramSource
from cryopick.io.tomogram_sources.warp import warp_sources

__all__ = [
    "TomogramSource",
    "aretomo_sources",
    "plain_sources",
    "relion_sources",
    "warp_sources",
]
