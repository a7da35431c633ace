"""Both engines answer alike: one answer per reference, and angles where they are asked for."""

import pytest
import torch

from cryopick.pick.merit.search import prepare_search
from cryopick.pick.merit.settings import MeritSettings
from merit_scenes import two_references

SHAPE = (96, 128)


def search(engine):
    settings = MeritSettings(
        particle_diameter_angstrom=130.0, angular_step_deg=45.0, engine=engine, ctf="none"
    )
    return prepare_search(two_references(4.0), settings, shape=SHAPE, pixel_size_angstrom=4.0)


@pytest.mark.parametrize("engine", ["exact", "bank"])
def test_every_reference_is_answered_once(engine):
    found = search(engine)
    grid = found.grid(SHAPE)
    generator = torch.Generator().manual_seed(0)
    spectrum = torch.fft.rfft2(torch.randn(grid.working, generator=generator))
    answers = list(found.engine.best_angles(spectrum, (20, 30), cores=1))
    assert [one.reference for one in answers] == [0, 1]
    assert found.engine.bytes_per_px > 0
    every = torch.arange(600)
    for one in answers:
        assert one.correlation.shape == (20, 30)
        assert one.correlation.dtype == torch.float32
        angles = one.angles_at(every)
        assert angles.dtype == torch.int16
        assert 0 <= int(angles.min()) < int(angles.max()) < 8
        # Some places, in any order, and none.
        some = torch.tensor([599, 0, 7])
        assert torch.equal(one.angles_at(some), angles[some])
        assert len(one.angles_at(torch.zeros(0, dtype=torch.int64))) == 0


def test_the_engines_agree_on_value_and_angle():
    generator = torch.Generator().manual_seed(1)
    spectrum = torch.fft.rfft2(
        torch.randn(search("exact").grid(SHAPE).working, generator=generator)
    )
    exact, bank = (
        list(search(engine).engine.best_angles(spectrum, (30, 30), cores=1))
        for engine in ("exact", "bank")
    )
    every = torch.arange(900)
    for one, two in zip(exact, bank, strict=True):
        scale = float(one.correlation.std())
        assert float((one.correlation - two.correlation).std()) < 0.15 * scale
        assert float((one.angles_at(every) == two.angles_at(every)).float().mean()) > 0.8
