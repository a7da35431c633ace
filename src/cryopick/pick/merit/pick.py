"""Merit maps of a micrograph (RELION's figure of merit), and picks from them.

With ``c`` the mean over the particle's circle of reference times micrograph, ``µ`` and ``σ`` mean and
standard deviation of the background around it, and ``a1``, ``a2`` the means over the circle of
the reference and of its square::

    m = (c - µ a1) / σ - a2 / 2        merit = (exp(m) - 1) / (P - 1)

``P`` is the expected ratio (see `Moments`), so that a particle as strong as its reference scores
about 1. Without any signal ``m`` is ``-a2 / 2``, a merit of about -1; 0 lies halfway, where particle
and no particle are equally likely. At every place the best angle of every reference counts, which
lifts empty ice to some -0.5.

References
----------
Scheres 2015, doi 10.1016/j.jsb.2014.11.010.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cryopick.errors import InputError
from cryopick.geometry.euler import quaternion_from_psi_deg
from cryopick.model import Defocus, Image, Optics, Picks, delete
from cryopick.ops.nearest import on_grid
from cryopick.ops.peaks import refine_peaks
from cryopick.pick.merit.background import local_background, ring
from cryopick.pick.merit.layers import search_layers
from cryopick.pick.merit.maps import MeritMaps
from cryopick.pick.merit.micrograph import prepare_micrograph
from cryopick.pick.merit.moments import reference_moments
from cryopick.pick.merit.peaks import PeakRules, find_peaks
from cryopick.pick.merit.reference_set import References
from cryopick.pick.merit.search import kept_search
from cryopick.pick.merit.settings import MeritSettings
from cryopick.pick.merit.transfer import transfer


def merit_maps(
    image: Image,
    references: References,
    settings: MeritSettings,
    *,
    optics: Optics | None = None,
    defocus: Defocus | None = None,
    mask: Image | None = None,
    per_reference: bool = False,
    device: str = "cpu",
    cores: int = 1,
) -> MeritMaps:
    """Compare every place of a micrograph with all references at all angles.

    What depends on the references alone is prepared at the first call in a process and kept.

    Parameters
    ----------
    image
        Micrograph.
    references, settings
        What to look for, and how.
    optics, defocus
        Of the micrograph; needed unless ``settings.ctf`` is ``none``.
    mask
        Where it is 0 or less the micrograph is replaced by noise. May have any binning.
    per_reference
        One map per reference; else the best of all references.
    device
        ``cpu`` or ``cuda:N``.
    cores
        Threads.

    Examples
    --------
    >>> from cryopick.model import Grid
    >>> from cryopick.pick.merit.reference_set import gaussian_reference
    >>> y, x = np.mgrid[:128, :128]
    >>> noise = np.random.default_rng(0).standard_normal((128, 128))
    >>> pixels = noise - 2 * np.exp(-((x - 40.0) ** 2 + (y - 70.0) ** 2) / 2 / 4.5**2)
    >>> image = Image(data=pixels, grid=Grid(shape=(128, 128), pixel_size_angstrom=5.0), name="a")
    >>> blob = gaussian_reference(100, 5.0, peak=1.0)
    >>> maps = merit_maps(image, blob, MeritSettings(ctf="none"))
    >>> picks = picks_from_maps(maps, PeakRules(threshold=0.4), name="a")
    >>> [int(v) for v in picks[picks.state == "auto"].position_angstrom.round(-1).ravel()]
    [200, 350]
    """
    if image.ndim != 2:
        raise InputError(f"{image.name}: expected a micrograph, got an image of {image.ndim} axes")
    pixel, shape = image.grid.pixel_size_angstrom, (image.grid.shape[0], image.grid.shape[1])
    search = kept_search(
        references, settings, shape=shape, pixel_size_angstrom=pixel, device=device
    )
    masked, grid = search.references, search.grid(shape)
    micrograph = prepare_micrograph(image, grid, settings, mask=mask, device=device, cores=cores)
    mean, sd = local_background(micrograph, grid, ring(masked.box_px, masked.radius_px))
    mean, sd = (values[: grid.kept[0], : grid.kept[1]] for values in (mean, sd))
    factor = transfer(
        grid.working,
        pixel * grid.step_px,
        settings,
        optics=optics,
        defocus=defocus,
        device=device,
    )
    moments = reference_moments(
        masked,
        settings,
        optics=optics,
        defocus=defocus,
        shape=grid.padded if settings.engine == "exact" else None,
        device=device,
    )
    scale = grid.density / float(masked.inside.sum())
    layers = search_layers(
        search.engine,
        micrograph.spectrum * factor * scale,
        moments,
        mean=mean,
        sd=sd,
        reach_px=search.turned.box_px // 2 // search.turned.oversampling,
        per_reference=per_reference,
        cores=cores,
    )
    angles = search.turned.angles_deg
    psi = np.where(angles > 180, angles - 360, angles).astype(np.float32)
    return MeritMaps(
        merit=layers.merit.cpu().numpy(),
        psi_deg=psi[layers.angle.cpu().numpy()],
        reference=layers.reference.cpu().numpy(),
        mean=mean.cpu().numpy(),
        sd=sd.cpu().numpy(),
        grid=image.grid.resampled(grid.kept, pixel * grid.step_px),
        step_px=grid.step_px,
        particle_diameter_angstrom=masked.particle_diameter_angstrom,
        box_angstrom=masked.box_px * pixel,
        expected=moments.expected,
    )


def picks_from_maps(
    maps: MeritMaps, rules: PeakRules, *, name: str, mask: Image | None = None
) -> Picks:
    """Choose picks from merit maps; what is not taken is deleted with its reason.

    Parameters
    ----------
    maps
        From `merit_maps`; RELION's suppression wants one map per reference.
    rules
        How candidates are judged.
    name
        Of the micrograph.
    mask
        Candidates where it is 0 or less are deleted. May have any binning.

    Returns
    -------
    Picks
        The best first. Position to a fraction of a working pixel, angle, merit as score, number of
        the reference from 1 as label; background mean and deviation as further columns.
    """
    allowed = None if mask is None else on_grid(mask.read() > 0, mask.grid, maps.grid)
    maps, peaks = find_peaks(maps, rules, allowed=allowed)
    layer, y, x = peaks.index.T
    if len(peaks.index) == 0:
        return replace(
            Picks.empty(2),
            score=np.zeros(0),
            state=np.zeros(0, dtype="<U8"),
            reason=np.zeros(0, dtype="<U20"),
            source=np.zeros(0, dtype="<U8"),
            label=np.zeros(0, dtype="<U1"),
            orientation=np.zeros((0, 4)),
            extra={"cryopickNoiseMean": np.zeros(0), "cryopickNoiseSd": np.zeros(0)},
        )
    position = np.empty((len(layer), 2))
    for number in np.unique(layer):
        rows = layer == number
        merit = maps.merit[number].astype(np.float32)
        position[rows] = refine_peaks(merit, peaks.index[rows, 1:])
    picks = Picks.of(
        maps.grid.to_angstrom(position[:, ::-1]),
        image=name,
        score=maps.merit[layer, y, x].astype(np.float64),
        orientation=quaternion_from_psi_deg(maps.psi_deg[layer, y, x].astype(np.float64)),
        label=(maps.reference[layer, y, x] + 1).astype(str),
        source="template",
        state="auto",
        extra={
            "cryopickNoiseMean": maps.mean[y, x].astype(np.float64),
            "cryopickNoiseSd": maps.sd[y, x].astype(np.float64),
        },
    )
    for reason in np.unique(peaks.reason[peaks.reason != ""]):
        picks = delete(picks, peaks.reason == reason, reason=str(reason))
    return picks
