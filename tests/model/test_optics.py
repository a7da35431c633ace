"""`Optics` and `Defocus`: bounds and means."""

import pytest

from cryopick.errors import InputError
from cryopick.model import Defocus, Optics


@pytest.mark.parametrize("voltage", [0.0, -300.0, 300_000.0, float("nan")])
def test_a_voltage_in_volts_is_noticed(voltage):
    with pytest.raises(InputError, match="expected a voltage from 1 to 3000 kV"):
        Optics(voltage_kv=voltage)


@pytest.mark.parametrize("contrast", [-0.1, 7.0, float("nan")])
def test_a_contrast_in_percent_is_noticed(contrast):
    with pytest.raises(InputError, match="expected an amplitude contrast from 0 to 1"):
        Optics(amplitude_contrast=contrast)


@pytest.mark.parametrize("voltage", [1.0, 80.0, 200.0, 300.0, 3000.0])
def test_voltages_that_exist(voltage):
    assert Optics(voltage_kv=voltage).voltage_kv == voltage


def test_defaults_are_those_of_a_common_microscope():
    optics = Optics()
    assert (optics.voltage_kv, optics.cs_mm, optics.amplitude_contrast) == (300.0, 2.7, 0.07)
    assert optics.group == "opticsGroup1"


def test_the_mean_defocus_is_that_of_both_axes():
    defocus = Defocus(u_um=2.0, v_um=1.5)
    assert defocus.mean_um == 1.75
    assert (defocus.astigmatism_angle_deg, defocus.phase_shift_deg) == (0.0, 0.0)
