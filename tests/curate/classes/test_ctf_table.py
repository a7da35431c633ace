"""CTFs of particles on a band."""

import numpy as np
import pytest

from cryopick.curate.classes import ctf_table
from cryopick.curate.classes.band import make_band
from cryopick.curate.classes.ctf_table import CtfTable, ParticleCtf
from cryopick.errors import InputError
from cryopick.model import Defocus, Optics
from cryopick.ops.ctf import ctf_image

BAND = make_band(24)
OPTICS = (Optics(), Optics(voltage_kv=200, amplitude_contrast=0.2))


def particles(n=5):
    defocus = np.zeros((n, 4))
    defocus[:, :2] = 1.5, 1.2
    defocus[:, 2] = 30
    defocus[n // 2 :, 0] = 2.5
    return ParticleCtf(defocus=defocus, optics=OPTICS, optics_group=np.arange(n) % 2)


def table(ctf, model="full"):
    return CtfTable(ctf, model=model, band=BAND, pixel_size_angstrom=3.0)


def expected(ctf, i):
    u, v, angle, phase = ctf.defocus[i]
    defocus = Defocus(u_um=u, v_um=v, astigmatism_angle_deg=angle, phase_shift_deg=phase)
    image = ctf_image((24, 24), 3.0, optics=OPTICS[ctf.optics_group[i]], defocus=defocus)
    kx, ky = BAND.frequency.T
    return -image[ky % 24, kx]


def test_every_particle_has_the_ctf_of_its_optics_and_defocus():
    ctf = particles()
    chosen = np.array([4, 0, 1, 3])
    rows, whose = table(ctf).rows(chosen)
    assert len(rows) == 4
    for i, place in zip(chosen, whose, strict=True):
        np.testing.assert_allclose(rows[place], expected(ctf, i), atol=1e-6)


def test_equal_ctfs_are_one_row():
    ctf = particles(40)
    rows, whose = table(ctf).rows(np.arange(40))
    assert rows.shape == (4, len(BAND))
    assert np.bincount(whose).tolist() == [10, 10, 10, 10]


def test_it_begins_above_zero_so_that_averages_keep_the_contrast_of_the_images():
    rows, _ = table(particles()).rows(np.arange(5))
    assert (rows[:, :4] > 0).all()
    assert (rows < 0).any()


def test_flipped_phases_have_no_sign():
    full, _ = table(particles()).rows(np.arange(5))
    flipped, _ = table(particles(), "phase-flipped").rows(np.arange(5))
    np.testing.assert_array_equal(flipped, np.abs(full))


def test_ignored():
    for ctf in (None, particles()):
        rows, whose = table(ctf, "ignore").rows(np.arange(3))
        np.testing.assert_array_equal(rows, np.ones((1, len(BAND))))
        assert whose.tolist() == [0, 0, 0]


def test_a_large_table_is_made_chunk_by_chunk(monkeypatch):
    whole = table(particles()).rows(np.array([1, 3]))
    monkeypatch.setattr(ctf_table, "_VALUES_AT_ONCE", 10)
    parts = table(particles()).rows(np.array([1, 3]))
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("model", ["full", "phase-flipped", "premultiplied"])
def test_no_ctf_is_one_clear_line(model):
    with pytest.raises(InputError, match=f"have no CTF, which ctf {model} needs"):
        table(None, model)


def test_an_unknown_defocus_is_named():
    defocus = np.zeros((3, 4))
    defocus[1, 0] = np.nan
    with pytest.raises(InputError, match="particle 2: its defocus is not known"):
        ParticleCtf(defocus=defocus, optics=OPTICS, optics_group=np.zeros(3, int))


def test_shapes_are_checked():
    with pytest.raises(InputError, match=r"defocus \(n, 4\)"):
        ParticleCtf(defocus=np.zeros((3, 2)), optics=OPTICS, optics_group=np.zeros(3, int))
    with pytest.raises(InputError, match=r"optics groups \(n,\)"):
        ParticleCtf(defocus=np.zeros((3, 4)), optics=OPTICS, optics_group=np.zeros(2, int))
