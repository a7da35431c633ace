"""Columns of RELION's ``particles.star`` that have a place of their own in `Particles`."""

IMAGE = "rlnImageName"
SHIFT_ANGSTROM = ("rlnOriginXAngst", "rlnOriginYAngst")
SHIFT_PX = ("rlnOriginX", "rlnOriginY")
HALF = "rlnRandomSubset"
GROUP = "rlnOpticsGroup"
DEFOCUS = (
    "rlnDefocusU",
    "rlnDefocusV",
    "rlnDefocusAngle",
    "rlnPhaseShift",
    "rlnCtfAstigmatism",
)
PHASE_FLIPPED = "rlnCtfDataArePhaseFlipped"
PREMULTIPLIED = "rlnCtfDataAreCtfPremultiplied"
# RELION has no word for it: its particles are bright.
DARK = "cryopickParticlesAreDark"
# The optics of every row, as before 3.1.
INLINE = (
    "rlnVoltage",
    "rlnSphericalAberration",
    "rlnAmplitudeContrast",
    "rlnMagnification",
    "rlnDetectorPixelSize",
)
MICROGRAPH_PIXEL = ("rlnMicrographPixelSize", "rlnMicrographOriginalPixelSize")
