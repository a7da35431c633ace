"""What imaging must be told before it can be used."""

import numpy as np
import pytest

from cryopick.errors import InputError
from cryopick.model import Optics, TiltSeries
from cryopick.pick.matching.imaging import Band, Imaging

TILTS = TiltSeries(name="t", tilt_deg=np.array([-30.0, 0, 30]))
WITH_DEFOCUS = TiltSeries(
    name="t", tilt_deg=np.array([-30.0, 0, 30]), defocus_u_um=np.array([3.0, 3, 3])
)


@pytest.mark.parametrize("wedge", [(10, -10), (30, 30), (-91, 60), (-60, 91), (np.nan, 60)])
def test_tilt_ranges_that_are_none(wedge):
    with pytest.raises(InputError, match="tilt range"):
        Imaging(wedge_deg=wedge)


def test_nothing_known_is_a_whole_range_and_no_ctf():
    imaging = Imaging()
    assert imaging.wedge_deg == (-90, 90)
    assert not imaging.use_ctf
    assert not imaging.per_tilt
    assert imaging.optics == Optics()


@pytest.mark.parametrize("wanted", ["per_tilt", "use_ctf"])
def test_weights_of_tilts_need_tilts(wanted):
    with pytest.raises(InputError, match="give --tilts"):
        Imaging(**{wanted: True})


def test_a_ctf_needs_a_defocus():
    with pytest.raises(InputError, match="give --defocus"):
        Imaging(tilts=TILTS, use_ctf=True)
    assert Imaging(tilts=WITH_DEFOCUS, use_ctf=True).use_ctf
    assert Imaging(tilts=TILTS, per_tilt=True).per_tilt


def test_a_band_is_from_coarse_to_fine():
    with pytest.raises(InputError, match="finer resolution"):
        Band(low_pass_angstrom=400, high_pass_angstrom=40)
    with pytest.raises(InputError, match="finer resolution"):
        Band(low_pass_angstrom=40, high_pass_angstrom=40)
    assert Band(low_pass_angstrom=40, high_pass_angstrom=400).low_pass_angstrom == 40
    assert Band() == Band(low_pass_angstrom=None, high_pass_angstrom=None)
