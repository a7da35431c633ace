"""Cut the particles of one micrograph."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cryopick.errors import InputError
from cryopick.extract.boxes import nearest_pixel, overhang_px
from cryopick.extract.orders import Imaging, cut_images, prepared
from cryopick.extract.settings import ExtractSettings
from cryopick.model import Defocus, Image, Optics, Picks, delete

_FLAGS = {"phase-flip": "--phase-flip", "premultiply": "--premultiply-ctf"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExtractedParticles:
    """The particles of one micrograph.

    Attributes
    ----------
    images
        ``(n, final_px, final_px)`` float32.
    picks
        The ``n`` picks behind them; ``position_angstrom`` is the centre of the box (the place of
        pixel ``N // 2`` of the image). Columns of ``extra`` tell the grey values: ``cryopickBox``
        (as cut) and ``cryopickImage`` (as it comes out) with ``Mean``, ``Sd``, ``Min``, ``Max``;
        with patches ``cryopickPatchVariance`` and ``cryopickPatchGini``.
    shift_angstrom
        ``(n, 2)``: to add to what the image shows to centre it.
    defocus
        ``(n, 4)`` as in `Particles`; None where it was not given.
    row
        ``(n,)``: which row of the given picks each was.
    dropped
        The other picks, deleted, each with its reason.
    pixel_size_angstrom
        Of the images.
    """

    images: NDArray[np.float32]
    picks: Picks
    shift_angstrom: NDArray[np.float64]
    defocus: NDArray[np.float64] | None
    row: NDArray[np.int64]
    dropped: Picks
    pixel_size_angstrom: float


def extract_particles(
    image: Image,
    picks: Picks,
    *,
    settings: ExtractSettings,
    optics: Optics | None = None,
    defocus: Defocus | NDArray[np.float64] | None = None,
    shift_angstrom: NDArray[np.float64] | None = None,
    seed: int = 0,
) -> ExtractedParticles:
    """Cut, correct, rescale and normalise the particles of one micrograph.

    Parameters
    ----------
    image
        The micrograph, in any binning: positions are in Å of the specimen.
    picks
        Those of this micrograph. Deleted ones are dropped with the reason they have.
    settings
        What is done, and in which order.
    optics
        Needed where something is done about the CTF.
    defocus
        Of the micrograph, or ``(n, 4)`` of each pick: along both axes (µm), astigmatism angle and
        phase shift (deg). In Xmipp's order one defocus corrects the whole micrograph; one for
        each pick corrects its box.
    shift_angstrom
        ``(n, 2)`` known of the picks, to add to centre them.
    seed
        Of the noise that replaces dust.

    Examples
    --------
    >>> from cryopick.model import Grid
    >>> pixels = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
    >>> micrograph = Image(data=pixels, grid=Grid(shape=(64, 64), pixel_size_angstrom=2.0), name="a")
    >>> picks = Picks.of([[60.0, 61.0], [4.0, 60.0]], image="a")
    >>> found = extract_particles(
    ...     micrograph, picks, settings=ExtractSettings(image_px=8, downsampling=2))
    >>> found.images.shape, found.pixel_size_angstrom, found.dropped.reason.tolist()
    ((1, 8, 8), 4.0, ['edge'])
    >>> found.picks.position_angstrom, found.shift_angstrom
    (array([[60., 62.]]), array([[0., 1.]]))
    """
    if picks.ndim != 2 or image.ndim != 2:
        raise InputError(f"{image.name}: extract particles takes 2D picks and micrographs")
    imaging = _imaging(picks, settings=settings, optics=optics, defocus=defocus)
    shift = np.zeros((len(picks), 2)) if shift_angstrom is None else np.asarray(shift_angstrom)
    known = np.where(np.isfinite(shift), shift, 0.0)
    micrograph = prepared(image, settings, imaging=imaging)
    if settings.order == "xmipp" and imaging is not None and imaging.whole is not None:
        imaging = None  # done
    grid = micrograph.grid
    # Where the box shall be, and where the particle is thought to be.
    wanted = picks.position_angstrom - (known if settings.recentre else 0.0)
    centre = nearest_pixel(grid.to_px(wanted))
    judged = _judged(picks, centre, grid.shape, settings)
    gone = np.zeros(len(picks), bool) if judged.state is None else judged.state == "deleted"
    row = np.flatnonzero(~gone)
    subpixel = settings.centring == "subpixel"
    rest = centre[row] - grid.to_px(wanted[row])
    cut = cut_images(
        micrograph,
        centre[row],
        settings=settings,
        imaging=None if imaging is None else replace(imaging, defocus=imaging.defocus[row]),
        shift_px=rest if subpixel else None,
        rng=np.random.default_rng(seed),
    )
    place = wanted[row] if subpixel else grid.to_angstrom(centre[row])
    kept = picks[row]
    scale = settings.downsampling if settings.order == "relion" else 1.0
    return ExtractedParticles(
        images=cut.images,
        picks=replace(kept, position_angstrom=place, extra={**kept.extra, **cut.columns}),
        shift_angstrom=place - (picks.position_angstrom - known)[row],
        defocus=_defocus_rows(defocus, len(picks))[row] if defocus is not None else None,
        row=row,
        dropped=judged[gone],
        pixel_size_angstrom=grid.pixel_size_angstrom * scale,
    )


def _judged(
    picks: Picks, centre: NDArray[np.int64], shape: tuple[int, ...], settings: ExtractSettings
) -> Picks:
    """The picks, those deleted whose box does not lie where it should."""
    overhang = overhang_px(shape, centre, box_px=settings.box_px)
    allowed = 0 if settings.border == "drop" else settings.box_px - 1
    return delete(picks, overhang > allowed, reason="edge")


def _imaging(
    picks: Picks,
    *,
    settings: ExtractSettings,
    optics: Optics | None,
    defocus: Defocus | NDArray[np.float64] | None,
) -> Imaging | None:
    if settings.ctf == "none":
        return None
    if optics is None or defocus is None:
        raise InputError(
            f"{_FLAGS[settings.ctf]}: the CTF of the micrographs is needed; give --ctf"
        )
    rows = _defocus_rows(defocus, len(picks))
    if not np.isfinite(rows).all():
        raise InputError(f"{_FLAGS[settings.ctf]}: a particle has no defocus; give --ctf")
    whole = defocus if isinstance(defocus, Defocus) else None
    return Imaging(optics=optics, defocus=rows, whole=whole)


def _defocus_rows(defocus: Defocus | NDArray[np.float64], n: int) -> NDArray[np.float64]:
    if isinstance(defocus, Defocus):
        return np.tile(np.array(astuple(defocus), dtype=np.float64), (n, 1))
    rows = np.asarray(defocus, dtype=np.float64)
    if rows.shape != (n, 4):
        raise InputError(f"extract: expected a defocus of shape {(n, 4)}, got {rows.shape}")
    return rows
