"""Floor 0: frozen data types. Verbs live elsewhere."""

from cryopick.model.grid import Grid
from cryopick.model.image import Image, ImageStack, PixelSource
from cryopick.model.mesh import Mesh
from cryopick.model.optics import Defocus, Optics
from cryopick.model.pairs import PickPairs
from cryopick.model.particles import Particles
from cryopick.model.picks import REASONS, STATES, Picks, active, concatenate, delete, deleted
from cryopick.model.sets import Acquisition, Dataset, Member, SetKind, summary_in_words
from cryopick.model.tilts import TiltSeries

__all__ = [
    "REASONS",
    "STATES",
    "Acquisition",
    "Dataset",
    "Defocus",
    "Grid",
    "Image",
    "ImageStack",
    "Member",
    "Mesh",
    "Optics",
    "Particles",
    "PickPairs",
    "Picks",
    "PixelSource",
    "SetKind",
    "TiltSeries",
    "active",
    "concatenate",
    "delete",
    "deleted",
    "summary_in_words",
]
